"""Passwords of accounts: their rule, and their Argon2id hashes.

A hash costs 19 MB for some 50 ms. Two at once per process bound the memory that a flood of log-ins
can take; whoever comes third waits.
"""

import base64
import secrets
import string
import threading
from functools import cache

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from argon2.low_level import ARGON2_VERSION

MEMORY_KIB, PASSES, LANES = 19_456, 2, 1
SALT_BYTES, DIGEST_BYTES = 16, 32
AT_ONCE = 2
SHORTEST, LONGEST = 12, 128
UNUSABLE = "!"
"""Stands for a hash where there is no password; nothing matches it."""

_hasher = PasswordHasher(
    time_cost=PASSES,
    memory_cost=MEMORY_KIB,
    parallelism=LANES,
    hash_len=DIGEST_BYTES,
    salt_len=SALT_BYTES,
)
_seats = threading.BoundedSemaphore(AT_ONCE)
_PRINTABLE = frozenset(string.ascii_letters + string.digits + string.punctuation + " ")


def hashed(password: str) -> str:
    """Return the Argon2id hash of a password, with its salt and parameters."""
    with _seats:
        return _hasher.hash(password)


def matches(password: str, known_hash: str | None) -> bool:
    """Return whether ``password`` is the one of ``known_hash``.

    It takes as long for nobody (None), for somebody without a password and for a password too long
    to be one, so that the time tells nothing.
    """
    wrong = "" if len(password) > LONGEST else password
    is_real = known_hash is not None and known_hash != UNUSABLE and wrong == password
    try:
        with _seats:
            found = _hasher.verify(known_hash if is_real and known_hash else _nobody(), wrong)
    except (VerificationError, InvalidHashError):
        return False
    return found and is_real


def broken_rules(password: str) -> list[str]:
    """Return what a new password lacks; empty when it will do."""
    rules = {
        f"must have {SHORTEST} to {LONGEST} characters": SHORTEST <= len(password) <= LONGEST,
        "must consist of printable ASCII characters": _PRINTABLE.issuperset(password),
        "must contain an upper-case letter": _has(password, string.ascii_uppercase),
        "must contain a lower-case letter": _has(password, string.ascii_lowercase),
        "must contain a digit": _has(password, string.digits),
        "must contain a special character": _has(password, string.punctuation + " "),
    }
    return [rule for rule, is_kept in rules.items() if not is_kept]


def _has(password: str, characters: str) -> bool:
    return any(character in characters for character in password)


@cache
def _nobody() -> str:
    """Return a hash of no password: drawn, as computing one would make the first log-in slower."""
    salt, digest = (_unpadded(secrets.token_bytes(size)) for size in (SALT_BYTES, DIGEST_BYTES))
    return f"$argon2id$v={ARGON2_VERSION}$m={MEMORY_KIB},t={PASSES},p={LANES}${salt}${digest}"


def _unpadded(raw: bytes) -> str:
    return base64.b64encode(raw).decode().rstrip("=")
