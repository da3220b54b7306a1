"""The two kinds of Kafka principal a person reads the public streams with."""

import re
import secrets
import string
import uuid
from dataclasses import dataclass

from broker.config import Config

PASSWORD_CHARACTERS = string.ascii_letters + string.digits
PASSWORD_LENGTH = 32
NAMED = re.compile(r"babamul-[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
"""A named principal; consumer groups of one begin with it."""


@dataclass(frozen=True)
class Reader:
    """A principal that may read ``babamul.*`` in its own consumer groups, and nothing else."""

    username: str
    password: str
    group_prefix: str


def new_password() -> str:
    """Return 32 random letters and digits."""
    return "".join(secrets.choice(PASSWORD_CHARACTERS) for _ in range(PASSWORD_LENGTH))


def email_reader(email: str, settings: Config, password: str | None = None) -> Reader:
    """Return the principal of an account: its address in lower case, for plain Kafka clients."""
    return Reader(email.lower(), password or new_password(), settings.kafka.email_group_prefix)


def named_reader(username: str | None = None, password: str | None = None) -> Reader:
    """Return a ``babamul-<uuid4>`` principal, as the published client demands."""
    name = username or f"babamul-{uuid.uuid4()}"
    return Reader(name, password or new_password(), name)
