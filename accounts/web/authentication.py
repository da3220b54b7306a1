"""Who calls the API: read from its bearer token, and from nothing else."""

from rest_framework.authentication import BaseAuthentication
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.request import Request

from accounts.models import BabamulUser
from accounts.tokens import BadTokenError, owner_of
from broker.refusals import ApiError

KEYWORD = "bearer"
LONGEST = 2048
"""Characters of a header that may hold a token of ours."""
REFUSED = "the token is wrong, expired or of another kind"


class BabamulAuthentication(BaseAuthentication):
    """Takes Babamul's JWTs and personal tokens; a cookie or a token of staff is nobody here."""

    def authenticate(self, request: Request) -> tuple[BabamulUser, str] | None:
        """Return the account and the kind of its token, or None when no token came.

        Raises
        ------
        AuthenticationFailed
            401 for any token that opens nothing (any more); one text for all.
        ApiError
            403 for an account that is not activated.
        """
        header = request.META.get("HTTP_AUTHORIZATION", "")
        if not header:
            return None
        word, _, token = header.partition(" ")
        if word.lower() != KEYWORD or len(header) > LONGEST:
            raise AuthenticationFailed(REFUSED)
        try:
            user = owner_of(token.strip())
        except BadTokenError:
            raise AuthenticationFailed(REFUSED) from None
        if user.state == "inactive":
            raise ApiError(403, "the account is not activated: open the link in your mail")
        return user, KEYWORD

    def authenticate_header(self, request: Request) -> str:  # noqa: ARG002 the framework's form
        """Return the challenge of a 401."""
        return "Bearer"
