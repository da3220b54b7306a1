"""Kafka principals: the two kinds a person reads the public streams with, and services'."""

import re
import secrets
import string
import uuid
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Any

from broker.config import Config
from broker.kafka_rights import Acl, reader_rights

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


def is_persons(principal: str) -> bool:
    """Return whether a principal is of a kind that we make for people."""
    return "@" in principal or NAMED.fullmatch(principal) is not None


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


def written(rights: Iterable[Acl]) -> list[list[Any]]:
    """Return a service's rights as its row keeps them."""
    return [
        [right.resource, right.name, right.is_prefix, list(right.operations)] for right in rights
    ]


def acls(principal: str, group_prefix: str, rights: Collection[Any] | None) -> list[Acl]:
    """Return what a credential's principal may do, from its row.

    Parameters
    ----------
    principal, group_prefix : str
        Of the row.
    rights : collection or None
        As ``written`` for a service; None: a person, who reads the public topics.
    """
    if rights is None:
        return reader_rights(principal, group_prefix)
    return [
        Acl(principal, resource, name, is_prefix=is_prefix, operations=tuple(operations))
        for resource, name, is_prefix, operations in rights
    ]
