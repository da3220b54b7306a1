"""What the routes of accounts share: no cache, checked bodies, the envelope, waiting for Kafka."""

from typing import Any

from drf_spectacular.utils import inline_serializer
from rest_framework import serializers
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.request import Request
from rest_framework.response import Response

from accounts import credentials
from accounts.models import KafkaCredential
from accounts.sessions import OvertakenError
from accounts.web.authentication import REFUSED
from broker.config import config
from broker.rest import ApiView

TAGS = ["accounts"]


class AccountView(ApiView):
    """A route whose answers may hold secrets: nobody keeps them."""

    def finalize_response(
        self, request: Request, response: Response, *args: Any, **kwargs: Any
    ) -> Response:
        """Forbid caches."""
        answer: Response = super().finalize_response(request, response, *args, **kwargs)
        answer["Cache-Control"] = "no-store"
        return answer

    def handle_exception(self, exc: Exception) -> Response:
        """Refuse a token that ended while its request was under way like one that had before."""
        return super().handle_exception(
            AuthenticationFailed(REFUSED) if isinstance(exc, OvertakenError) else exc
        )

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


def settle(rows: list[KafkaCredential], *states: str) -> None:
    """Wait a while until Kafka has confirmed ``rows``, and read them again."""
    limit_s = config().accounts.grant_wait_s
    credentials.await_state([row.pk for row in rows], states or ("active",), limit_s)
    for row in rows:
        row.refresh_from_db()


def shown_state(row: KafkaCredential) -> str:
    """Return the state for people: what is wanted is being granted."""
    return "granting" if row.state == "wanted" else row.state
