"""Rights on our own broker: what each principal may do, as the broker itself lists it.

``describe_acls`` without the right to ask answers an empty list, not an error (measured), so who
concludes anything from a listing proves that right first.
"""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Literal

from confluent_kafka.admin import (
    AclBinding,
    AclBindingFilter,
    AclOperation,
    AclPermissionType,
    ResourcePatternType,
    ResourceType,
)

from broker.kafka_connection import REQUEST_S, admin_client, answer

PUBLIC_PREFIX = "babamul."
"""Topics that every account may read."""
PROBE_TOPIC = "babamul.ztf-test"
"""One of them that never falls silent: who can read it can read all."""
GROUP_PREFIX = "babamul-"
"""Begins the consumer groups of people."""
OF_USER = "User:"
ANONYMOUS = "ANONYMOUS"
"""Whoever comes without a login, on a listener that asks for none."""
NEEDED_TO_LIST = frozenset({AclOperation.DESCRIBE, AclOperation.ALTER})
"""Operations on the cluster without which listings of rights and secrets mean nothing."""


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


def reader_rights(principal: str, group_prefix: str) -> list[Acl]:
    """Return what a person may do: read the public topics in consumer groups of their prefix."""
    return [
        Acl(principal, "topic", PUBLIC_PREFIX, is_prefix=True, operations=("READ", "DESCRIBE")),
        Acl(principal, "group", group_prefix, is_prefix=True, operations=("READ",)),
    ]


def anonymous_rights(prefix: str) -> list[Acl]:
    """Return what whoever needs no login may do: read topics of one prefix, in groups of it."""
    return [
        Acl(ANONYMOUS, "topic", prefix, is_prefix=True, operations=("READ", "DESCRIBE")),
        Acl(ANONYMOUS, "group", prefix, is_prefix=True, operations=("READ",)),
    ]


def take_rights(principal: str) -> None:
    """Take every right and every denial; there may be none. Open sessions end with a fetch."""
    admin = admin_client()  # kept in a name: what it was asked dies with it
    everything = [_all_of(OF_USER + principal)]
    for future in admin.delete_acls(everything, request_timeout=REQUEST_S).values():
        answer(future)


def listed_rights(principal: str | None = None) -> dict[str, list[str]]:
    """Return a line for each right of each principal, or of the one given, as Kafka lists them."""
    who = None if principal is None else OF_USER + principal
    admin = admin_client()
    found: dict[str, list[str]] = defaultdict(list)
    for binding in answer(admin.describe_acls(_all_of(who), request_timeout=REQUEST_S)):
        found[binding.principal.removeprefix(OF_USER)].append(_told(binding))
    return {name: sorted(lines) for name, lines in found.items()}


def told(rights: Iterable[Acl]) -> list[str]:
    """Return rights in the words of ``listed_rights``."""
    return sorted({_told(binding) for acl in rights for binding in _bindings(acl)})


def prove_right_to_list() -> None:
    """Make sure that a listing of ours is whole.

    Raises
    ------
    PermissionError
        If ``admin`` may not ask the cluster about rights and secrets.
    TransientError
        If the broker is away.
    """
    admin = admin_client()
    future = admin.describe_cluster(include_authorized_operations=True, request_timeout=REQUEST_S)
    allowed = frozenset(answer(future).authorized_operations or ())
    if not allowed >= NEEDED_TO_LIST:
        missing = ", ".join(sorted(each.name for each in NEEDED_TO_LIST - allowed))
        raise PermissionError(f"Kafka's admin principal lacks {missing} on the cluster")


def _bindings(acl: Acl) -> list[AclBinding]:
    kind = {"topic": ResourceType.TOPIC, "group": ResourceType.GROUP}[acl.resource]
    pattern = ResourcePatternType.PREFIXED if acl.is_prefix else ResourcePatternType.LITERAL
    who, allow = f"User:{acl.principal}", AclPermissionType.ALLOW
    return [
        AclBinding(kind, acl.name, pattern, who, "*", AclOperation[operation], allow)
        for operation in acl.operations
    ]


def _all_of(principal: str | None) -> AclBindingFilter:
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
    return AclBindingFilter(*_key(binding))


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
