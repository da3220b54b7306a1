"""Seal what must wait in a row and be read again: passwords for Kafka, mails for a mail server.

The keys are ``web.fernet_keys``: the first seals, every one opens, so a key is changed by putting a
new one in front. Without any, a key is derived from ``web.secret_key``. Keys for other purposes are
derived in the same way, each independent of the others.
"""

import base64

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from broker.config import ConfigError, config

KEY_BYTES = 32


class SealError(Exception):
    """None of our keys opens this: it was sealed with a key that is gone, or damaged."""


def seal(plain: bytes) -> bytes:
    """Return ``plain`` encrypted and authenticated."""
    return _box().encrypt(plain)


def open_sealed(sealed: bytes) -> bytes:
    """Return what ``seal`` was given.

    Raises
    ------
    SealError
        If no key of ours opens it.
    """
    try:
        return _box().decrypt(bytes(sealed))
    except InvalidToken:
        raise SealError("sealed with a key that is not in web.fernet_keys, or damaged") from None


def derived_key(purpose: str) -> bytes:
    """Return 32 bytes that belong to ``purpose`` alone; the same in every process.

    Raises
    ------
    ConfigError
        If ``web.secret_key`` is empty: each process would make another key of it.
    """
    secret = config().web.secret_key.get_secret_value()
    if not secret:
        raise ConfigError("web.secret_key is empty: set NIGHTJAR_WEB__SECRET_KEY")
    return HKDF(SHA256(), KEY_BYTES, salt=None, info=f"nightjar:{purpose}".encode()).derive(
        secret.encode()
    )


def _box() -> MultiFernet:
    given = [key.get_secret_value() for key in config().web.fernet_keys]
    keys = given or [base64.urlsafe_b64encode(derived_key("fernet")).decode()]
    try:
        return MultiFernet([Fernet(key) for key in keys])
    except ValueError:
        raise ConfigError("web.fernet_keys: each is 32 bytes in URL-safe base64") from None
