"""Tokens of staff for programs: what a member of staff may do in a browser, a program may.

They open the REST of telescopes alone, and only while their owner is active staff with a role for
it; a Babamul token never does.
"""

import hashlib
import re
import secrets
from datetime import timedelta
from typing import Any

from django.db.models import Q
from django.db.models.functions import Now

from accounts.models import StaffToken
from accounts.principals import PASSWORD_CHARACTERS
from accounts.tokens import NOTED_EVERY, PERSONAL_LENGTH, BadTokenError

PREFIX = "njst_"
_FORM = re.compile(rf"{PREFIX}([A-Za-z0-9]{{{PERSONAL_LENGTH}}})")


def new_staff_token(user: Any, name: str, days: int) -> tuple[StaffToken, str]:
    """Return a token's row and, this once, the token itself.

    Parameters
    ----------
    user : User
        A member of staff.
    name : str
        What it is for.
    days : int
        How long it is good [d].
    """
    secret = "".join(secrets.choice(PASSWORD_CHARACTERS) for _ in range(PERSONAL_LENGTH))
    row = StaffToken.objects.create(
        user=user,
        name=name,
        secret_sha256=_sha256(secret),
        last_characters=secret[-4:],
        expires_at=Now() + timedelta(days=days),
    )
    row.refresh_from_db()  # times are Postgres' own
    return row, PREFIX + secret


def staff_of(text: str) -> Any:
    """Return whose token this is: active staff.

    Raises
    ------
    BadTokenError
        If it is unknown, expired, or of somebody who is not active staff any more.
    """
    found = _FORM.fullmatch(text)
    if not found:
        raise BadTokenError("not the form of a token of staff")
    row = (
        StaffToken.objects.select_related("user")
        .filter(
            secret_sha256=_sha256(found[1]),
            expires_at__gt=Now(),
            user__is_active=True,
            user__is_staff=True,
        )
        .first()
    )
    if row is None:
        raise BadTokenError("unknown or expired")
    StaffToken.objects.filter(
        Q(last_used_at=None) | Q(last_used_at__lt=Now() - NOTED_EVERY), pk=row.pk
    ).update(last_used_at=Now())
    return row.user


def _sha256(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()
