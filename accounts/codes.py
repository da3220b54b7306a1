"""Codes that are mailed: they open one thing once, for a while, and die of wrong tries.

A row keeps an HMAC of the code. Every change is one conditional UPDATE, so that of many requests at
once exactly one wins.
"""

import hashlib
import hmac
import secrets
import uuid
from datetime import timedelta
from enum import StrEnum
from typing import Literal

from django.db.models import Case, F, Value, When
from django.db.models.functions import Now

from accounts.models import BabamulUser, OneTimeCode
from accounts.principals import PASSWORD_CHARACTERS
from broker.config import config
from broker.secrets_box import derived_key

Purpose = Literal["activation", "reset"]
MOST_TRIES = 5
RESET_LENGTH = 48
LONGEST = 64
"""Characters of anything that can be a code."""


class Outcome(StrEnum):
    """What a code was."""

    RIGHT = "right"
    USED = "used"
    WRONG = "wrong"


def issue(user: BabamulUser, purpose: Purpose) -> str:
    """Return a new code for ``purpose``; older ones are void from the caller's commit on."""
    OneTimeCode.objects.filter(user=user, purpose=purpose, used_at=None, voided_at=None).update(
        voided_at=Now()
    )
    settings = config().accounts
    if purpose == "activation":
        code, life_s = str(uuid.uuid4()), settings.activation_ttl_s
    else:
        code = "".join(secrets.choice(PASSWORD_CHARACTERS) for _ in range(RESET_LENGTH))
        life_s = settings.reset_ttl_s
    OneTimeCode.objects.create(
        user=user,
        purpose=purpose,
        code_hmac=_hmac(purpose, code),
        expires_at=Now() + timedelta(seconds=life_s),
    )
    return code


def redeem(user: BabamulUser, purpose: Purpose, code: str) -> Outcome:
    """Use a code up; of requests at once with the same code one is told RIGHT.

    A wrong one counts against the code that is open; the fifth voids it. The caller's transaction
    must therefore commit even when the answer is WRONG.
    """
    known = _hmac(purpose, code[:LONGEST])
    every = OneTimeCode.objects.filter(user=user, purpose=purpose)
    still_open = every.filter(used_at=None, voided_at=None)
    if still_open.filter(code_hmac=known, expires_at__gt=Now()).update(used_at=Now()):
        return Outcome.RIGHT
    if every.filter(code_hmac=known).exclude(used_at=None).exists():
        return Outcome.USED
    still_open.update(
        tries=F("tries") + 1,
        voided_at=Case(When(tries__gte=MOST_TRIES - 1, then=Now()), default=Value(None)),
    )
    return Outcome.WRONG


def _hmac(purpose: str, code: str) -> bytes:
    key = derived_key("mailed codes")
    return hmac.new(key, f"{purpose}:{code}".encode(), hashlib.sha256).digest()
