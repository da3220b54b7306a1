"""The routes under ``/babamul`` of what an account has: profile, Kafka credentials, tokens."""

from typing import Any

from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from accounts import belongings, people
from accounts.credentials import CredentialError
from accounts.models import BabamulUser, KafkaCredential
from accounts.web import entrances
from accounts.web.rest_base import TAGS, AccountView, envelope, settle, shown_state
from accounts.web.serializers import (
    Credential,
    NameRequest,
    NewPersonalToken,
    PasswordOnly,
    PersonalToken,
    Profile,
    TokenRequest,
)
from broker.access import API
from broker.refusals import field_error
from broker.rest import ApiError, bare, ok


class OwnProfile(AccountView):
    """The account of the token."""

    access = API

    @extend_schema(tags=TAGS, responses=envelope("ProfileShown", Profile()))
    def get(self, request: Request) -> Response:
        """Return who the token belongs to."""
        return ok(Profile(owner(request)).data)

    @extend_schema(
        tags=TAGS,
        responses={
            code: envelope(name, deleted=serializers.BooleanField(), state=serializers.CharField())
            for code, name in ((200, "AccountDeleted"), (202, "AccountDeleting"))
        },
    )
    def delete(self, request: Request) -> Response:
        """Delete the account; the body repeats its password: `{"password": "…"}`.

        Every token, credential and session ends at once; 202 while Kafka has not confirmed that.
        """
        user = owner(request)
        password = self.read(PasswordOnly, request)["password"]
        if entrances.log_in(request, user.email, password) is None:
            raise field_error("password", "is not the account's", 403)
        rows = list(user.credentials.exclude(state="revoked"))
        people.delete(user, f"account:{user.pk}")
        settle(rows, "revoked")
        user.refresh_from_db()
        if user.state == "deleted":
            return ok(message="deleted", deleted=True, state=user.state)
        return ok(message="Kafka is being told", status=202, deleted=False, state=user.state)


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


def settled(row: KafkaCredential, password: str) -> Response:
    """Return a credential with its password: 200 once Kafka lets it in, else 202."""
    settle([row])
    is_ready = row.state == "active"
    return ok(
        credential_data(row, password),
        message="ready" if is_ready else "Kafka has not confirmed it yet",
        status=200 if is_ready else 202,
    )


def credential_data(row: KafkaCredential, password: str | None = None) -> dict[str, Any]:
    """Return a credential as it is shown."""
    found = Credential(row, context={"password": password}).data
    return {**found, "state": shown_state(row)}
