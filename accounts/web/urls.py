"""Pages and REST of accounts."""

from django.urls import URLPattern, URLResolver, include, path

from accounts.web import check_pages, entry_pages, profile_pages, rest

REST = [
    path("signup", rest.SignUp.as_view()),
    path("activate", rest.Activate.as_view()),
    path("auth", rest.Authenticate.as_view()),
    path("forgot-password", rest.ForgotPassword.as_view()),
    path("reset-password", rest.ResetPassword.as_view()),
    path("profile", rest.ShowProfile.as_view()),
    path("kafka-credentials", rest.Credentials.as_view()),
    path("kafka-credentials/<str:credential_id>", rest.OneCredential.as_view()),
    path("kafka-credentials/<str:credential_id>/rotate", rest.RotateCredential.as_view()),
    path("tokens", rest.Tokens.as_view()),
    path("tokens/<str:token_id>", rest.OneToken.as_view()),
]
PAGES = [
    path("signup", entry_pages.sign_up, name="signup"),
    path("activate", entry_pages.activate, name="activate"),
    path("login", entry_pages.log_in, name="login"),
    path("logout", entry_pages.log_out, name="logout"),
    path("reset", entry_pages.reset, name="reset"),
    path("check", check_pages.check, name="check"),
    path("check/waiting", check_pages.waiting),
    path("check/password", check_pages.password),
    path("check/script", check_pages.download),
    path("profile", profile_pages.profile, name="profile"),
    path("profile/credentials", profile_pages.create_credential),
    path("profile/credentials/<str:credential_id>/state", profile_pages.credential_state),
    path("profile/credentials/<str:credential_id>/groups", profile_pages.credential_groups),
    path("profile/credentials/<str:credential_id>/rotate", profile_pages.rotate_credential),
    path("profile/credentials/<str:credential_id>/delete", profile_pages.delete_credential),
    path("profile/tokens", profile_pages.create_token),
    path("profile/tokens/<str:token_id>/delete", profile_pages.delete_token),
    path("profile/sessions/others", profile_pages.sign_out_others),
    path("profile/delete", profile_pages.delete_account),
]
urlpatterns: list[URLPattern | URLResolver] = [*PAGES, path("babamul/", include(REST))]
