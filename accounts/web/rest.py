"""The routes of accounts under ``/babamul``: what a program does instead of the pages."""

from typing import Any

from drf_spectacular.utils import OpenApiResponse, extend_schema, inline_serializer
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from accounts import belongings, credentials, tokens
from accounts.credentials import CredentialError
from accounts.models import BabamulUser, KafkaCredential
from accounts.web import entrances
from accounts.web.serializers import (
    ActivationRequest,
    Credential,
    EmailOnly,
    Login,
    LoginRequest,
    NameRequest,
    NewPersonalToken,
    PersonalToken,
    Profile,
    ResetRequest,
    TokenRequest,
)
from broker.access import API, PUBLIC
from broker.config import config
from broker.rest import ApiError, ApiView, bare, ok

SIGNED_UP = "If the address can have an account, a mail with a code is on its way to it."
FORGOTTEN = "If the address has an account, a mail with a code is on its way to it."
WRONG_CODE = "the code or the e-mail is wrong, or the code is too old: sign up again for another"
WRONG_RESET = "the token or the e-mail is wrong, or the token is too old: ask for another"
WRONG_LOGIN = "the e-mail or the password is wrong"
TAGS = ["accounts"]


def envelope(
    name: str, data: serializers.BaseSerializer[Any] | None = None, **extra: Any
) -> serializers.Serializer[Any]:
    """Return the description of an answer in the envelope."""
    fields: dict[str, Any] = {
        "status": serializers.CharField(),
        "message": serializers.CharField(),
        "data": data or serializers.JSONField(allow_null=True),
    }
    return inline_serializer(name, fields | extra)


class AccountView(ApiView):
    """A route whose answers may hold secrets: nobody keeps them."""

    def finalize_response(
        self, request: Request, response: Response, *args: Any, **kwargs: Any
    ) -> Response:
        """Forbid caches."""
        answer: Response = super().finalize_response(request, response, *args, **kwargs)
        answer["Cache-Control"] = "no-store"
        return answer

    def read(self, kind: type[serializers.Serializer[Any]], request: Request) -> dict[str, Any]:
        """Return the checked body.

        Raises
        ------
        ValidationError
            400 with the broken rules by field.
        """
        found = kind(data=request.data)
        found.is_valid(raise_exception=True)
        values: dict[str, Any] = found.validated_data
        return values


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
            raise ApiError(400, WRONG_CODE)
        rows = [row for row in (done.email_credential, done.credential) if row is not None]
        if done.password is not None:
            settle(rows)
        return ok(
            message="activated" if done.password else "activated before: the password was shown",
            activated=True,
            username=done.user.username,
            email=done.user.email,
            password=done.password,
            kafka_username=done.user.email,
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
                {"message": WRONG_LOGIN, "errors": {}, "error": "INVALID_CREDENTIALS"},
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
            raise ApiError(400, WRONG_RESET)
        return ok(message="The password is changed; log in again.")


class ShowProfile(AccountView):
    """The account of the token."""

    access = API

    @extend_schema(tags=TAGS, responses=envelope("ProfileShown", Profile()))
    def get(self, request: Request) -> Response:
        """Return who the token belongs to."""
        return ok(Profile(owner(request)).data)


class Credentials(AccountView):
    """The named Kafka credentials of an account."""

    access = API

    @extend_schema(tags=TAGS, responses=envelope("CredentialsShown", Credential(many=True)))
    def get(self, request: Request) -> Response:
        """List them; passwords are never shown again."""
        found = belongings.named_credentials(owner(request))
        return ok([credential_data(row) for row in found])

    @extend_schema(
        tags=TAGS,
        request=NameRequest,
        responses={
            200: envelope("CredentialMade", Credential()),
            202: OpenApiResponse(
                envelope("CredentialWanted", Credential()), "Kafka has not confirmed it yet"
            ),
        },
    )
    def post(self, request: Request) -> Response:
        """Make one; its password is shown this once."""
        name = self.read(NameRequest, request)["name"]
        row, password = belongings.new_credential(owner(request), name)
        return settled(row, password)


class OneCredential(AccountView):
    """One named Kafka credential."""

    access = API

    @extend_schema(
        tags=TAGS,
        responses={
            code: envelope(name, deleted=serializers.BooleanField(), state=serializers.CharField())
            for code, name in ((200, "CredentialDeleted"), (202, "CredentialRevoking"))
        },
    )
    def delete(self, request: Request, credential_id: str) -> Response:
        """Take it away; 202 while Kafka has not confirmed that yet."""
        row = belongings.revoke_credential(owner(request), find(request, credential_id))
        settle([row], "revoked")
        if row.state == "revoked":
            return ok(message="deleted", deleted=True, state=row.state)
        return ok(message="Kafka is being told", status=202, deleted=False, state="revoking")


class RotateCredential(AccountView):
    """Another password for a named Kafka credential."""

    access = API

    @extend_schema(
        tags=TAGS,
        request=None,
        responses={
            200: envelope("CredentialRotated", Credential()),
            202: OpenApiResponse(
                envelope("CredentialRotating", Credential()), "Kafka has not confirmed it yet"
            ),
            409: OpenApiResponse(description="its state does not allow that"),
        },
    )
    def post(self, request: Request, credential_id: str) -> Response:
        """Draw another password, shown this once; the old one ends within a minute."""
        try:
            row, password = belongings.rotate_credential(
                owner(request), find(request, credential_id)
            )
        except CredentialError as error:
            raise ApiError(409, str(error)) from None
        return settled(row, password)


class Tokens(AccountView):
    """The personal tokens of an account."""

    access = API

    @extend_schema(tags=TAGS, responses=PersonalToken(many=True))
    def get(self, request: Request) -> Response:
        """List them without their secrets."""
        found = owner(request).tokens.order_by("created_at", "pk")
        return bare(PersonalToken(found, many=True).data)

    @extend_schema(tags=TAGS, request=TokenRequest, responses=NewPersonalToken)
    def post(self, request: Request) -> Response:
        """Make one; it is shown this once."""
        asked = self.read(TokenRequest, request)
        row, token = belongings.new_token(owner(request), asked["name"], asked["expires_in_days"])
        return bare(NewPersonalToken(row, context={"token": token}).data)


class OneToken(AccountView):
    """One personal token."""

    access = API

    @extend_schema(tags=TAGS, responses={200: envelope("TokenDeleted")})
    def delete(self, request: Request, token_id: str) -> Response:
        """Delete it: it opens nothing from now on."""
        if not belongings.delete_token(owner(request), token_id):
            lost = {"message": "no such token of yours", "errors": {}, "error": "NOT_FOUND"}
            return bare(lost, 404)
        return ok(message="deleted")


def owner(request: Request) -> BabamulUser:
    """Return the account that calls."""
    found: BabamulUser = request.user  # type: ignore[assignment] # set by our authentication
    return found


def find(request: Request, credential_id: str) -> KafkaCredential:
    """Return a named credential of the caller.

    Raises
    ------
    ApiError
        404, also for somebody else's.
    """
    row = belongings.find_credential(owner(request), credential_id)
    if row is None:
        raise ApiError(404, "no such credential of yours")
    return row


def settle(rows: list[KafkaCredential], *states: str) -> None:
    """Wait a while until Kafka has confirmed ``rows``, and read them again."""
    limit_s = config().accounts.grant_wait_s
    credentials.await_state([row.pk for row in rows], states or ("active",), limit_s)
    for row in rows:
        row.refresh_from_db()


def settled(row: KafkaCredential, password: str) -> Response:
    """Return a credential with its password: 200 once Kafka lets it in, else 202."""
    settle([row])
    is_ready = row.state == "active"
    return ok(
        credential_data(row, password),
        message="ready" if is_ready else "Kafka has not confirmed it yet",
        status=200 if is_ready else 202,
    )


def shown_state(row: KafkaCredential) -> str:
    """Return the state for people: what is wanted is being granted."""
    return "granting" if row.state == "wanted" else row.state


def credential_data(row: KafkaCredential, password: str | None = None) -> dict[str, Any]:
    """Return a credential as it is shown."""
    found = Credential(row, context={"password": password}).data
    return {**found, "state": shown_state(row)}
