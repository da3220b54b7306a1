"""What every REST view stands on: access, envelope, errors, limits.

A view derives from :class:`ApiView`, states ``access`` and answers :func:`ok` or :func:`bare`. What
it refuses it raises as :class:`ApiError`; everything that fails leaves as one shape of JSON,
``{"message": …, "errors": {field: [rule]}}``.
"""

from collections.abc import Mapping
from typing import Any, ClassVar

from django.conf import settings
from django.utils.module_loading import import_string
from rest_framework.authentication import BaseAuthentication
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from broker import limits
from broker.access import PUBLIC, Access
from broker.config import config
from broker.refusals import ApiError, field_error, too_many

__all__ = ["ApiError", "ApiView", "bare", "field_error", "ok", "too_many"]


def ok(data: Any = None, message: str = "", status: int = 200, **extra: Any) -> Response:
    """Return an answer in the envelope."""
    return Response({"status": "success", "message": message, "data": data, **extra}, status=status)


def bare(payload: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """Return an answer without the envelope."""
    return Response(payload, status=status, headers=dict(headers or {}))


class ApiView(APIView):
    """A REST view.

    Attributes
    ----------
    access : Access
        ``PUBLIC``, ``API`` or ``staff(…)``.
    """

    access: ClassVar[Access]

    def get_authenticators(self) -> list[BaseAuthentication]:
        """Return who reads the token; nobody where none is needed."""
        needed = getattr(self, "access", None)
        if needed == PUBLIC:
            return []  # a stale token must not keep anybody from signing up
        if needed is not None and needed.kind == "staff":
            return [import_string(name)() for name in settings.STAFF_AUTHENTICATION_CLASSES]
        return super().get_authenticators()

    def get_authenticate_header(self, request: Request) -> str:
        """Return the challenge of a 401."""
        return "Bearer"

    def check_throttles(self, request: Request) -> None:
        """Refuse an account that asks too often; addresses were counted before.

        Raises
        ------
        ApiError
            429, with the time to wait.
        """
        if not request.successful_authenticator:
            return
        allowed = config().limits
        wait_s = limits.take(
            "user", str(request.user.pk), rate_per_s=allowed.user_per_s, burst=allowed.user_burst
        )
        if wait_s is not None:
            raise too_many(wait_s)
