"""The routes under ``/babamul`` that lead into an account: sign-up, activation, log-in, reset."""

from drf_spectacular.utils import OpenApiResponse, extend_schema, inline_serializer
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from accounts import tokens
from accounts.web import entrances
from accounts.web.rest_base import TAGS, AccountView, envelope, settle, shown_state
from accounts.web.serializers import (
    ActivationRequest,
    EmailOnly,
    Login,
    LoginRequest,
    ResetRequest,
)
from broker.access import PUBLIC
from broker.config import config
from broker.rest import ApiError, bare, ok

SIGNED_UP = "If the address can have an account, a mail with a code is on its way to it."
FORGOTTEN = "If the address has an account, a mail with a code is on its way to it."


class SignUp(AccountView):
    """Ask for an account."""

    access = PUBLIC

    @extend_schema(
        tags=TAGS,
        request=EmailOnly,
        responses=envelope("SignedUp", activation_required=serializers.BooleanField()),
    )
    def post(self, request: Request) -> Response:
        """Mail a code to the address; the answer is the same whether it is known or not."""
        entrances.sign_up(request, self.read(EmailOnly, request)["email"])
        return ok(message=SIGNED_UP, activation_required=True)


class Activate(AccountView):
    """Make an account with the code."""

    access = PUBLIC

    @extend_schema(
        tags=TAGS,
        request=ActivationRequest,
        responses=envelope(
            "Activated",
            activated=serializers.BooleanField(),
            username=serializers.CharField(),
            email=serializers.CharField(),
            password=serializers.CharField(allow_null=True),
            kafka_username=serializers.CharField(),
            kafka_ready=serializers.BooleanField(),
            credential=inline_serializer(
                "FirstCredential",
                {
                    "kafka_username": serializers.CharField(),
                    "kafka_password": serializers.CharField(),
                    "state": serializers.CharField(),
                },
                allow_null=True,
            ),
        ),
    )
    def post(self, request: Request) -> Response:
        """Show the password and a first named credential, once."""
        asked = self.read(ActivationRequest, request)
        done = entrances.activate(request, asked["email"], asked["activation_code"])
        if done is None:
            raise ApiError(400, entrances.WRONG_CODE)
        rows = done.rows
        if done.password is not None:
            settle(rows)
        return ok(
            message="activated" if done.password else "activated before: the password was shown",
            activated=True,
            username=done.user.username,
            email=done.user.email,
            password=done.password,
            kafka_username=rows[0].principal if rows else "",
            kafka_ready=bool(rows) and all(row.state == "active" for row in rows),
            credential=done.credential
            and {
                "kafka_username": done.credential.principal,
                "kafka_password": done.credential_password,
                "state": shown_state(done.credential),
            },
        )


class Authenticate(AccountView):
    """Log in."""

    access = PUBLIC

    @extend_schema(
        tags=TAGS,
        request={
            "application/json": LoginRequest,
            "application/x-www-form-urlencoded": LoginRequest,
        },
        responses={200: Login, 401: OpenApiResponse(description="wrong e-mail or password")},
    )
    def post(self, request: Request) -> Response:
        """Return a JWT for an e-mail and its password."""
        asked = self.read(LoginRequest, request)
        name = asked.get("email") or asked["username"]
        user = entrances.log_in(request, name, asked["password"])
        if user is None:
            return bare(
                {"message": entrances.WRONG_LOGIN, "errors": {}, "error": "INVALID_CREDENTIALS"},
                401,
                {"WWW-Authenticate": "Bearer"},
            )
        return bare(
            {
                "access_token": tokens.login_token(user),
                "token_type": "Bearer",
                "expires_in": config().accounts.token_ttl_s,
            }
        )


class ForgotPassword(AccountView):
    """Ask for a new password."""

    access = PUBLIC

    @extend_schema(tags=TAGS, request=EmailOnly, responses=envelope("Forgotten"))
    def post(self, request: Request) -> Response:
        """Mail a code; the answer is the same whether the address is known or not."""
        entrances.forget_password(request, self.read(EmailOnly, request)["email"])
        return ok(message=FORGOTTEN)


class ResetPassword(AccountView):
    """Set a new password."""

    access = PUBLIC

    @extend_schema(tags=TAGS, request=ResetRequest, responses=envelope("ResetDone"))
    def post(self, request: Request) -> Response:
        """Change the password of the account and of its e-mail principal at Kafka."""
        asked = self.read(ResetRequest, request)
        done = entrances.reset_password(
            request,
            asked["email"],
            asked["token"],
            asked["new_password"],
            revoke_all=asked["revoke_all"],
        )
        if not done:
            raise ApiError(400, entrances.WRONG_RESET)
        return ok(message="The password is changed; log in again.")
