"""What the REST framework asks before every view: may this be, and what is answered.

Apart from ``broker.rest``: the framework loads these classes while it loads its own views.
"""

from collections.abc import Sequence
from typing import Any

from django.core.exceptions import ImproperlyConfigured
from rest_framework.negotiation import DefaultContentNegotiation
from rest_framework.permissions import BasePermission
from rest_framework.renderers import BaseRenderer
from rest_framework.request import Request

from broker.access import API, PUBLIC, has_role


class Declared(BasePermission):
    """Enforces what the view declares."""

    def has_permission(self, request: Request, view: object) -> bool:
        """Return whether the caller may go on.

        Raises
        ------
        ImproperlyConfigured
            If the view declares nothing, or what a REST view cannot enforce.
        """
        needed = getattr(view, "access", None)
        if needed == PUBLIC:
            return True
        if needed is not None and needed.kind == "staff":
            user: Any = request.user
            return bool(request.successful_authenticator) and has_role(user, needed.roles)
        if needed != API:
            raise ImproperlyConfigured(f"{type(view).__name__} declares no access")
        # Named authentication only: a session's cookie never opens the API.
        return bool(request.successful_authenticator)


class AnyAccept(DefaultContentNegotiation):
    """Answers JSON whatever the client says it accepts; clients say many things."""

    def select_renderer(
        self,
        request: Request,
        renderers: Sequence[BaseRenderer],  # type: ignore[override] # the stubs' own type is wrong
        format_suffix: str | None = None,
    ) -> tuple[BaseRenderer, str]:
        """Return the first renderer."""
        return renderers[0], renderers[0].media_type or "application/json"
