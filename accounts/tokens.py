"""Tokens of the API: a JWT of a log-in (7 days), and personal access tokens by name.

Staff have neither. A JWT names its account and the generation that the account had: a reset, a
suspension and a deletion raise the account's, and every older JWT is refused from then on.
"""

import hashlib
import re
import secrets
import uuid
from datetime import timedelta
from functools import cache
from typing import Any

from django.db.models import Q
from django.db.models.functions import Now
from rest_framework_simplejwt.backends import TokenBackend
from rest_framework_simplejwt.exceptions import TokenError
from rest_framework_simplejwt.tokens import Token

from accounts.models import AccessToken, BabamulUser
from accounts.principals import PASSWORD_CHARACTERS
from broker.config import ConfigError, config
from broker.secrets_box import derived_key

AUDIENCE = "babamul"
SUBJECT_PREFIX = "babamul:"
PERSONAL_PREFIX = "bbml_"
PERSONAL_LENGTH = 36
SHORTEST_KEY = 32
LEAST_DAYS, MOST_DAYS, USUAL_DAYS = 1, 1095, 365
NOTED_EVERY = timedelta(minutes=1)
"""Uses of a token, and of a browser that is signed in, are noted at most this often."""

_PERSONAL = re.compile(rf"{PERSONAL_PREFIX}([A-Za-z0-9]{{{PERSONAL_LENGTH}}})")


class BadTokenError(Exception):
    """Nobody's token, or no longer anybody's."""


class LoginToken(Token):
    """A JWT of an account, under a key and an audience of its own."""

    token_type = "babamul_access"  # noqa: S105 the kind of a token, not one
    lifetime = timedelta(days=7)  # replaced when one is made: it is a setting

    def get_token_backend(self) -> TokenBackend:
        """Return what signs and checks, with Babamul's own key."""
        return _backend(_signing_key())


def login_token(user: BabamulUser) -> str:
    """Return a JWT of ``user``, good for ``accounts.token_ttl_s``."""
    token = LoginToken()
    token["sub"] = f"{SUBJECT_PREFIX}{user.pk}"
    token["gen"] = user.generation
    token.set_exp(lifetime=timedelta(seconds=config().accounts.token_ttl_s))
    return str(token)


def owner_of(text: str) -> BabamulUser:
    """Return whose token this is; inactive accounts too, their own rule refuses them.

    Raises
    ------
    BadTokenError
        If it is unknown, expired, signed by somebody else, of another kind, or of an account that
        is suspended, deleted or has since raised its generation.
    """
    user = _personal_owner(text) if text.startswith(PERSONAL_PREFIX) else _login_owner(text)
    if user.state not in {"active", "inactive"}:
        raise BadTokenError(f"the account is {user.state}")
    return user


def new_personal(user: BabamulUser, name: str, days: int = USUAL_DAYS) -> tuple[AccessToken, str]:
    """Return a personal token's row and, this once, the token itself."""
    secret = "".join(secrets.choice(PASSWORD_CHARACTERS) for _ in range(PERSONAL_LENGTH))
    row = AccessToken.objects.create(
        user=user,
        name=name,
        secret_sha256=_sha256(secret),
        last_characters=secret[-4:],
        expires_at=Now() + timedelta(days=days),
    )
    row.refresh_from_db()  # times are Postgres' own
    return row, PERSONAL_PREFIX + secret


def as_uuid(text: str) -> uuid.UUID | None:
    """Return the id that a text names, None if it names none."""
    try:
        return uuid.UUID(text)
    except ValueError:
        return None


def _personal_owner(text: str) -> BabamulUser:
    found = _PERSONAL.fullmatch(text)
    if not found:
        raise BadTokenError("not the form of a personal token")
    row = (
        AccessToken.objects.select_related("user")
        .filter(secret_sha256=_sha256(found[1]), expires_at__gt=Now())
        .first()
    )
    if row is None:
        raise BadTokenError("unknown or expired")
    AccessToken.objects.filter(
        Q(last_used_at=None) | Q(last_used_at__lt=Now() - NOTED_EVERY), pk=row.pk
    ).update(last_used_at=Now())
    return row.user


def _login_owner(text: str) -> BabamulUser:
    try:
        claims: dict[str, Any] = LoginToken(text).payload  # type: ignore[arg-type] # takes text
    except TokenError as error:
        raise BadTokenError(str(error)) from None
    subject = str(claims.get("sub", ""))
    account_id = as_uuid(subject.removeprefix(SUBJECT_PREFIX))
    if not subject.startswith(SUBJECT_PREFIX) or account_id is None:
        raise BadTokenError("of no account")
    user = BabamulUser.objects.filter(pk=account_id).first()
    if user is None:
        raise BadTokenError("of no account")
    if claims.get("gen") != user.generation:
        raise BadTokenError("of an older generation")
    return user


def _sha256(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()


def _signing_key() -> str:
    given = config().accounts.token_key.get_secret_value()
    if given and len(given) < SHORTEST_KEY:
        raise ConfigError(f"accounts.token_key: at least {SHORTEST_KEY} characters")
    return given or derived_key("babamul tokens").hex()


@cache
def _backend(key: str) -> TokenBackend:
    return TokenBackend("HS256", key, audience=AUDIENCE)
