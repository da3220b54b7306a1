"""Rights and secrets of our own broker through its admin interface; idempotent.

The door to everything that only ``admin`` may do: topics are in ``broker.kafka_topics``, logins in
``broker.kafka_login``. Never command-line tools: everybody can read their arguments.
"""

from collections.abc import Iterable
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any, Literal

from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import (
    AclBinding,
    AclBindingFilter,
    AclOperation,
    AclPermissionType,
    AdminClient,
    ResourcePatternType,
    ResourceType,
    ScramCredentialInfo,
    ScramMechanism,
    UserScramCredentialDeletion,
    UserScramCredentialUpsertion,
)

from broker.config import config
from broker.kafka_connection import ANSWER_S, REQUEST_S, admin_client, answer, raise_told
from broker.kafka_login import LoginOutcome, probe_login, try_login
from broker.kafka_topics import TopicSpec, ensure_topics

__all__ = [
    "Acl",
    "LoginOutcome",
    "TopicSpec",
    "ensure_acls",
    "ensure_topics",
    "grant_reader",
    "probe_login",
    "revoke",
    "try_login",
]

SCRAM_ITERATIONS = 8192
PUBLIC_PREFIX = "babamul."
"""Topics that every account may read."""


@dataclass(frozen=True)
class Acl:
    """Rights of one principal on one name, or on all that begin with it.

    Attributes
    ----------
    principal : str
        Without ``User:``.
    resource : {"topic", "group"}
        Kind of thing.
    name : str
        Of the thing.
    is_prefix : bool
        Also every name that begins with ``name``.
    operations : tuple of str
        READ, WRITE, CREATE, DESCRIBE, DESCRIBE_CONFIGS …
    """

    principal: str
    resource: Literal["topic", "group"]
    name: str
    is_prefix: bool
    operations: tuple[str, ...]


def ensure_acls(rights: Iterable[Acl], *, is_exact: bool = False) -> list[str]:
    """Grant what is not granted yet; return a line for each right that changed.

    Parameters
    ----------
    rights : iterable of Acl
        What the principals in them may do.
    is_exact : bool
        Also take every other right, and every denial, of these principals: whoever gave it did so
        behind our back.
    """
    admin = admin_client()
    every = [binding for acl in rights for binding in _bindings(acl)]
    wanted = {_key(binding): binding for binding in every}  # twice is refused
    present = {
        _key(binding): binding
        for principal in sorted({binding.principal for binding in every})
        for binding in answer(admin.describe_acls(_all_of(principal), request_timeout=REQUEST_S))
    }
    missing = [binding for key, binding in wanted.items() if key not in present]
    if missing:
        for future in admin.create_acls(missing, request_timeout=REQUEST_S).values():
            answer(future)
    extra = [binding for key, binding in present.items() if key not in wanted] if is_exact else []
    if extra:
        filters = [_only(binding) for binding in extra]
        for future in admin.delete_acls(filters, request_timeout=REQUEST_S).values():
            answer(future)
    return [
        *(f"{binding.principal} may {_told(binding)}" for binding in missing),
        *(f"taken from {binding.principal}: {_told(binding)}" for binding in extra),
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
    info = ScramCredentialInfo(ScramMechanism.SCRAM_SHA_512, SCRAM_ITERATIONS)
    upsertion = UserScramCredentialUpsertion(principal, info, password.encode("ascii"))
    admin = admin_client()  # kept in a name: what it was asked dies with it
    answer(_alter_secret(admin, upsertion)[principal])
    ensure_acls(
        [
            Acl(principal, "topic", PUBLIC_PREFIX, is_prefix=True, operations=("READ", "DESCRIBE")),
            Acl(principal, "group", group_prefix, is_prefix=True, operations=("READ",)),
        ],
        is_exact=True,
    )


def revoke(principal: str) -> None:
    """Take every right and then the secret; both may be gone already.

    The rights go first: a session that is open ends with its next fetch, not at its next login.
    """
    if principal in _protected():
        raise ValueError(f"{principal} is a principal of our own processes")
    admin = admin_client()
    everything = [_all_of(f"User:{principal}")]
    for future in admin.delete_acls(everything, request_timeout=REQUEST_S).values():
        answer(future)
    deletion = UserScramCredentialDeletion(principal, ScramMechanism.SCRAM_SHA_512)
    try:
        _alter_secret(admin, deletion)[principal].result(ANSWER_S)
    except KafkaException as error:
        if error.args[0].code() != KafkaError.RESOURCE_NOT_FOUND:  # gone already
            raise_told(error)


def _alter_secret(
    admin: AdminClient, alteration: UserScramCredentialUpsertion | UserScramCredentialDeletion
) -> dict[str, Future[Any]]:
    """Send one alteration: a second one of a user in one request would be refused."""
    answers: dict[str, Future[Any]] = admin.alter_user_scram_credentials(
        [alteration], request_timeout=REQUEST_S
    )
    return answers


def _bindings(acl: Acl) -> list[AclBinding]:
    kind = {"topic": ResourceType.TOPIC, "group": ResourceType.GROUP}[acl.resource]
    pattern = ResourcePatternType.PREFIXED if acl.is_prefix else ResourcePatternType.LITERAL
    who, allow = f"User:{acl.principal}", AclPermissionType.ALLOW
    return [
        AclBinding(kind, acl.name, pattern, who, "*", AclOperation[operation], allow)
        for operation in acl.operations
    ]


def _all_of(principal: str) -> AclBindingFilter:
    return AclBindingFilter(
        ResourceType.ANY,
        None,
        ResourcePatternType.ANY,
        principal,
        None,
        AclOperation.ANY,
        AclPermissionType.ANY,
    )


def _only(binding: AclBinding) -> AclBindingFilter:
    """Return the filter that this binding alone matches."""
    return AclBindingFilter(
        binding.restype,
        binding.name,
        binding.resource_pattern_type,
        binding.principal,
        binding.host,
        binding.operation,
        binding.permission_type,
    )


def _told(binding: AclBinding) -> str:
    denied = "not " if binding.permission_type is AclPermissionType.DENY else ""
    star = "*" if binding.resource_pattern_type is ResourcePatternType.PREFIXED else ""
    where = "" if binding.host == "*" else f" from {binding.host}"
    kind = binding.restype.name.lower()
    return f"{denied}{binding.operation.name} {kind} {binding.name}{star}{where}"


def _key(binding: AclBinding) -> tuple[Any, ...]:
    return (
        binding.restype,
        binding.name,
        binding.resource_pattern_type,
        binding.principal,
        binding.host,
        binding.operation,
        binding.permission_type,
    )


def _protected() -> set[str]:
    kafka = config().kafka
    return {"kraft", kafka.username, kafka.admin_username, kafka.feed_username}
