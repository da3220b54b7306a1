"""Pages and REST of accounts."""

from django.urls import URLPattern, URLResolver, include, path

from accounts.web import (
    check_pages,
    entry_pages,
    profile_pages,
    reminder_pages,
    rest_belongings,
    rest_entry,
)

REST = [
    path("signup", rest_entry.SignUp.as_view()),
    path("activate", rest_entry.Activate.as_view()),
    path("auth", rest_entry.Authenticate.as_view()),
    path("forgot-password", rest_entry.ForgotPassword.as_view()),
    path("reset-password", rest_entry.ResetPassword.as_view()),
    path("profile", rest_belongings.OwnProfile.as_view()),
    path("kafka-credentials", rest_belongings.Credentials.as_view()),
    path("kafka-credentials/<str:credential_id>", rest_belongings.OneCredential.as_view()),
    path(
        "kafka-credentials/<str:credential_id>/rotate", rest_belongings.RotateCredential.as_view()
    ),
    path("tokens", rest_belongings.Tokens.as_view()),
    path("tokens/<str:token_id>", rest_belongings.OneToken.as_view()),
]
PAGES = [
    path("signup", entry_pages.sign_up, name="signup"),
    path("activate", entry_pages.activate, name="activate"),
    path("login", entry_pages.log_in, name="login"),
    path("logout", entry_pages.log_out, name="logout"),
    path("reset", entry_pages.reset, name="reset"),
    path("reminders", reminder_pages.switch, name="reminders"),
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
