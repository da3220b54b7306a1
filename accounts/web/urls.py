"""Pages and REST of accounts."""

from django.urls import URLPattern, URLResolver, include, path

from accounts.web import rest

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
urlpatterns: list[URLPattern | URLResolver] = [path("babamul/", include(REST))]
