"""Rights and secrets of our own broker through its admin interface; idempotent.

The door to everything that only ``admin`` may do: rights are in ``broker.kafka_rights``, passwords
in ``broker.kafka_secrets``, topics in ``broker.kafka_topics``, logins in ``broker.kafka_login``.
Never command-line tools: everybody can read their arguments.
"""

from collections.abc import Collection

from broker.config import config
from broker.kafka_groups import delete_groups
from broker.kafka_login import LoginOutcome, probe_login, try_login
from broker.kafka_probe import ProbeOutcome, probe_reader
from broker.kafka_rights import (
    GROUP_PREFIX,
    PROBE_TOPIC,
    PUBLIC_PREFIX,
    Acl,
    anonymous_rights,
    ensure_acls,
    listed_rights,
    prove_right_to_list,
    reader_rights,
    take_rights,
    told,
)
from broker.kafka_secrets import (
    SCRAM_ITERATIONS,
    has_secret,
    listed_secrets,
    set_secret,
    take_secret,
)
from broker.kafka_topics import TopicSpec, ensure_topics

__all__ = [
    "GROUP_PREFIX",
    "PROBE_TOPIC",
    "PUBLIC_PREFIX",
    "SCRAM_ITERATIONS",
    "Acl",
    "LoginOutcome",
    "ProbeOutcome",
    "TopicSpec",
    "anonymous_rights",
    "delete_groups",
    "ensure_acls",
    "ensure_topics",
    "grant",
    "grant_reader",
    "grant_rights",
    "has_secret",
    "is_protected",
    "listed_rights",
    "listed_secrets",
    "probe_login",
    "probe_reader",
    "prove_right_to_list",
    "reader_rights",
    "revoke",
    "set_secret",
    "suspend",
    "take_secret",
    "told",
    "try_login",
]


def grant_reader(principal: str, password: str, group_prefix: str) -> None:
    """Let a person read the public topics with consumer groups of their own prefix; no more.

    Parameters
    ----------
    principal : str
        User name of the SCRAM login.
    password : str
        ASCII.
    group_prefix : str
        Every group that begins so is theirs.
    """
    grant(principal, password, reader_rights(principal, group_prefix))


def grant(principal: str, password: str, rights: Collection[Acl]) -> None:
    """Let a principal log in with ``password`` [ASCII], and do what ``rights`` say and no more."""
    _refuse_protected(principal)
    set_secret(principal, password)
    grant_rights(principal, rights)


def grant_rights(principal: str, rights: Collection[Acl]) -> list[str]:
    """Give a principal's rights and take every other; return a line for each that changed.

    Raises
    ------
    ValueError
        If the rights are another's, or the principal one of our own processes.
    """
    _refuse_protected(principal)
    if not rights or {right.principal for right in rights} != {principal}:
        raise ValueError(f"these are not the rights of {principal}")
    return ensure_acls(rights, is_exact=True)


def suspend(principal: str) -> None:
    """Take every right and keep the password: a login works, and nothing can be read."""
    _refuse_protected(principal)
    take_rights(principal)


def revoke(principal: str) -> None:
    """Take every right and then the secret; both may be gone already.

    The rights go first: a session that is open ends with its next fetch, not at its next login.
    """
    _refuse_protected(principal)
    take_rights(principal)
    take_secret(principal)


def is_protected(principal: str) -> bool:
    """Return whether this is a principal of our own processes."""
    kafka = config().kafka
    return principal in {"kraft", kafka.username, kafka.admin_username, kafka.feed_username}


def _refuse_protected(principal: str) -> None:
    if is_protected(principal):
        raise ValueError(f"{principal} is a principal of our own processes")
