"""Who of staff calls a REST view: by a token made in the admin, or by the browser's session."""

from typing import Any

from rest_framework.authentication import BaseAuthentication, SessionAuthentication
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.request import Request

from accounts.staff_tokens import staff_of
from accounts.tokens import BadTokenError
from accounts.web.authentication import KEYWORD, LONGEST, REFUSED


class StaffTokenAuthentication(BaseAuthentication):
    """Takes tokens of staff; a Babamul token is nobody here."""

    def authenticate(self, request: Request) -> tuple[Any, str] | None:
        """Return the member of staff and the kind of the token, or None when no token came.

        Raises
        ------
        AuthenticationFailed
            401 for any token that opens nothing (any more); one text for all.
        """
        header = request.META.get("HTTP_AUTHORIZATION", "")
        if not header:
            return None
        word, _, token = header.partition(" ")
        if word.lower() != KEYWORD or len(header) > LONGEST:
            raise AuthenticationFailed(REFUSED)
        try:
            return staff_of(token.strip()), KEYWORD
        except BadTokenError:
            raise AuthenticationFailed(REFUSED) from None

    def authenticate_header(self, request: Request) -> str:  # noqa: ARG002 the framework's form
        """Return the challenge of a 401."""
        return "Bearer"


class StaffSessionAuthentication(SessionAuthentication):
    """Takes the session of a browser; whatever changes something needs Django's CSRF token."""

    def authenticate(self, request: Request) -> tuple[Any, None] | None:
        """Return the member of staff that is signed in, or None.

        Raises
        ------
        PermissionDenied
            403 without the CSRF token.
        """
        user: Any = getattr(request._request, "user", None)  # noqa: SLF001 the framework's own way
        if user is None or not (user.is_active and user.is_staff):
            return None
        self.enforce_csrf(request)
        return user, None
