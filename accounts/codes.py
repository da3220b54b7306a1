"""Codes that are mailed: they open one thing once, for a while, and die of wrong tries.

A row keeps an HMAC of the code. It is used up by one conditional UPDATE, so that of many requests
at once exactly one wins. Wrong tries count by who asks: after five of a stranger the code is dead
to that stranger, and not to its owner.
"""

import hashlib
import hmac
import secrets
import uuid
from datetime import timedelta
from enum import StrEnum
from typing import Literal

from django.db.models.functions import Now

from accounts.models import BabamulUser, OneTimeCode
from accounts.principals import PASSWORD_CHARACTERS
from broker.config import config
from broker.secrets_box import derived_key

Purpose = Literal["activation", "reset"]
MOST_TRIES = 5
"""Wrong ones of one asker."""
MOST_TRIES_IN_ALL = 100
"""Wrong ones of all askers together; a guess hits one of 2**122 codes."""
RESET_LENGTH = 48
LONGEST = 64
"""Characters of anything that can be a code."""
ASKER_DIGITS = 16
"""Hexadecimal; enough to tell a hundred askers apart."""


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


def redeem(user: BabamulUser, purpose: Purpose, code: str, asker: str) -> Outcome:
    """Use a code up; of requests at once with the same code one is told RIGHT.

    A wrong one counts against the code that is open, for this asker: after the fifth nothing
    from there is right. So the caller's transaction must commit even when the answer is WRONG.

    Parameters
    ----------
    user : BabamulUser
        Whose code it would be; its row is locked by the caller.
    purpose : {"activation", "reset"}
        What it would open.
    code : str
        As it was typed.
    asker : str
        Network address of whoever sends it; kept as an HMAC only.
    """
    known = _hmac(purpose, code[:LONGEST])
    every = OneTimeCode.objects.filter(user=user, purpose=purpose)
    row = every.filter(used_at=None, voided_at=None).first()
    whose = _hmac("asker", asker).hex()[:ASKER_DIGITS]
    if row is not None and row.tries_by.get(whose, 0) < MOST_TRIES and _use_up(row, known):
        return Outcome.RIGHT
    if every.filter(code_hmac=known).exclude(used_at=None).exists():
        return Outcome.USED
    if row is not None:
        _count(row, whose)
    return Outcome.WRONG


def _use_up(row: OneTimeCode, known: bytes) -> bool:
    is_it = OneTimeCode.objects.filter(
        pk=row.pk, code_hmac=known, expires_at__gt=Now(), used_at=None, voided_at=None
    )
    return bool(is_it.update(used_at=Now()))


def _count(row: OneTimeCode, whose: str) -> None:
    row.tries += 1
    row.tries_by[whose] = row.tries_by.get(whose, 0) + 1
    changes = {"tries": row.tries, "tries_by": row.tries_by}
    if row.tries >= MOST_TRIES_IN_ALL:
        changes["voided_at"] = Now()
    OneTimeCode.objects.filter(pk=row.pk).update(**changes)


def _hmac(purpose: str, code: str) -> bytes:
    key = derived_key("mailed codes")
    return hmac.new(key, f"{purpose}:{code}".encode(), hashlib.sha256).digest()
