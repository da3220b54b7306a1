"""Topics, rights and secrets of our own broker through its admin interface; idempotent.

Every call speaks as ``admin`` on the inside listener. Never command-line tools: everybody can read
their arguments.
"""

import threading
import time
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Literal, TypeVar

from confluent_kafka import Consumer, KafkaError, KafkaException
from confluent_kafka.admin import (
    AclBinding,
    AclBindingFilter,
    AclOperation,
    AclPermissionType,
    AdminClient,
    AlterConfigOpType,
    ConfigEntry,
    ConfigResource,
    NewTopic,
    ResourcePatternType,
    ResourceType,
    ScramCredentialInfo,
    ScramMechanism,
    UserScramCredentialDeletion,
    UserScramCredentialUpsertion,
)

from broker.config import config
from broker.errors import TransientError
from broker.kafka_connection import own_connection

REQUEST_S = 10
ANSWER_S = 15
LOGIN_S = 10.0
VISIBLE_S = 10.0
SCRAM_ITERATIONS = 8192
PUBLIC_PREFIX = "babamul."
"""Topics that every account may read."""

_T = TypeVar("_T")


@dataclass(frozen=True)
class TopicSpec:
    """What a topic shall be.

    Attributes
    ----------
    name : str
        On Kafka.
    partitions : int
        Only for a topic that does not exist yet.
    retention_ms : int
        How long it keeps messages [ms].
    config : mapping
        Further settings of the topic.
    """

    name: str
    partitions: int
    retention_ms: int
    config: Mapping[str, str] = field(default_factory=dict)

    @property
    def settings(self) -> dict[str, str]:
        """All settings of the topic."""
        return {**self.config, "retention.ms": str(self.retention_ms)}


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


class LoginOutcome(StrEnum):
    """What became of a login."""

    ACCEPTED = "accepted"
    REFUSED = "refused"
    UNREACHABLE = "unreachable"


def ensure_topics(specs: Iterable[TopicSpec]) -> list[str]:
    """Make missing topics, alter settings that differ; return a line for everything that differed.

    A topic with another number of partitions is reported and left alone: to change it would change
    which partition holds an object.
    """
    wanted = list(specs)
    admin = _admin()
    existing = _answer_of(lambda: admin.list_topics(timeout=REQUEST_S)).topics
    missing = [spec for spec in wanted if spec.name not in existing]
    lines = _make_topics(admin, missing)
    present = [spec for spec in wanted if spec.name in existing]
    lines += [
        f"{spec.name} has {found} partitions, wanted {spec.partitions}: left alone"
        for spec in present
        if (found := len(existing[spec.name].partitions)) != spec.partitions
    ]
    return lines + _alter_settings(admin, present)


def ensure_acls(bindings: Iterable[Acl]) -> list[str]:
    """Grant what is not granted yet; return a line for each right that is new."""
    admin = _admin()
    wanted = [binding for acl in bindings for binding in _bindings(acl)]
    present = {
        _key(binding)
        for principal in sorted({binding.principal for binding in wanted})
        for binding in _answer(admin.describe_acls(_all_of(principal), request_timeout=REQUEST_S))
    }
    new = [binding for binding in wanted if _key(binding) not in present]
    if new:
        for future in admin.create_acls(new, request_timeout=REQUEST_S).values():
            _answer(future)
    return [
        f"{binding.principal} may {binding.operation.name} {binding.restype.name.lower()} "
        f"{binding.name}{'*' if binding.resource_pattern_type.name == 'PREFIXED' else ''}"
        for binding in new
    ]


def grant_reader(principal: str, password: str, group_prefix: str) -> None:
    """Let a person read the public topics with consumer groups of their own prefix.

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
    _answer(_alter_secret(_admin(), upsertion)[principal])
    ensure_acls(
        [
            Acl(principal, "topic", PUBLIC_PREFIX, is_prefix=True, operations=("READ", "DESCRIBE")),
            Acl(principal, "group", group_prefix, is_prefix=True, operations=("READ",)),
        ]
    )


def revoke(principal: str) -> None:
    """Take every right and then the secret; both may be gone already.

    The rights go first: a session that is open ends with its next fetch, not at its next login.
    """
    if principal in _protected():
        raise ValueError(f"{principal} is a principal of our own processes")
    admin = _admin()
    everything = [_all_of(f"User:{principal}")]
    for future in admin.delete_acls(everything, request_timeout=REQUEST_S).values():
        _answer(future)
    deletion = UserScramCredentialDeletion(principal, ScramMechanism.SCRAM_SHA_512)
    try:
        _alter_secret(admin, deletion)[principal].result(ANSWER_S)
    except KafkaException as error:
        if error.args[0].code() != KafkaError.RESOURCE_NOT_FOUND:  # gone already
            raise _told(error) from error


def probe_login(principal: str, password: str, servers: str) -> bool:
    """Return whether a person can log in; secrets become visible a moment after a grant."""
    deadline = time.monotonic() + VISIBLE_S
    while try_login(principal, password, servers) is not LoginOutcome.ACCEPTED:
        if time.monotonic() > deadline:
            return False
        time.sleep(0.1)
    return True


def try_login(
    principal: str, password: str, servers: str, *, limit_s: float = LOGIN_S
) -> LoginOutcome:
    """Log in once on a public listener.

    A refusal reaches a client only through its error callback; the call itself merely times out,
    so the callback is served while the call waits in a thread of its own.
    """
    refused = threading.Event()

    def note(error: KafkaError) -> None:
        if error.code() == KafkaError._AUTHENTICATION:  # noqa: SLF001 librdkafka's public name
            refused.set()

    consumer = Consumer(
        {
            "bootstrap.servers": servers,
            "broker.address.family": "v4",
            "security.protocol": "SASL_PLAINTEXT",
            "sasl.mechanism": "SCRAM-SHA-512",
            "sasl.username": principal,
            "sasl.password": password,
            "group.id": "nightjar-login-probe",
            "error_cb": note,
            "log_level": 0,
        }
    )
    try:
        return _login_outcome(consumer, refused, limit_s)
    finally:
        consumer.close()


def _login_outcome(consumer: Consumer, refused: threading.Event, limit_s: float) -> LoginOutcome:
    deadline = time.monotonic() + limit_s
    while time.monotonic() < deadline:
        with suppress(KafkaException):
            consumer.list_topics(timeout=0.1)
            return LoginOutcome.ACCEPTED
        consumer.poll(0)  # serves the error callback
        if refused.is_set():
            return LoginOutcome.REFUSED
    return LoginOutcome.UNREACHABLE


def _make_topics(admin: AdminClient, specs: Sequence[TopicSpec]) -> list[str]:
    if not specs:
        return []
    replication = config().kafka.replication
    topics = [
        NewTopic(
            spec.name,
            num_partitions=spec.partitions,
            replication_factor=replication,
            config=spec.settings,
        )
        for spec in specs
    ]
    for future in admin.create_topics(topics, request_timeout=REQUEST_S).values():
        try:
            future.result(ANSWER_S)
        except KafkaException as error:
            if error.args[0].code() != KafkaError.TOPIC_ALREADY_EXISTS:  # somebody was faster
                raise _told(error) from error
    _wait_until_led(admin, {spec.name for spec in specs})
    return [f"made {spec.name} with {spec.partitions} partitions" for spec in specs]


def _wait_until_led(admin: AdminClient, names: Collection[str]) -> None:
    """Wait until every partition has a leader; before that, reads and writes fail."""
    deadline = time.monotonic() + VISIBLE_S
    while True:
        topics = _answer_of(lambda: admin.list_topics(timeout=REQUEST_S)).topics
        waiting = [
            name
            for name in names
            if name not in topics
            or not topics[name].partitions
            or any(partition.leader < 0 for partition in topics[name].partitions.values())
        ]
        if not waiting:
            return
        if time.monotonic() > deadline:
            raise TransientError(f"no leader yet for {', '.join(sorted(waiting))}")
        time.sleep(0.05)


def _alter_settings(admin: AdminClient, specs: Sequence[TopicSpec]) -> list[str]:
    if not specs:
        return []
    by_name = {spec.name: spec for spec in specs}
    resources = [ConfigResource(ResourceType.TOPIC, name) for name in by_name]
    lines, changes = [], []
    for resource, future in admin.describe_configs(resources, request_timeout=REQUEST_S).items():
        present, entries = _answer(future), []
        for name, wanted in by_name[resource.name].settings.items():
            if present[name].value != wanted:
                lines.append(f"{resource.name}: {name} {present[name].value} → {wanted}")
                entries.append(
                    ConfigEntry(name, wanted, incremental_operation=AlterConfigOpType.SET)
                )
        if entries:
            changes.append(
                ConfigResource(ResourceType.TOPIC, resource.name, incremental_configs=entries)
            )
    if changes:
        for future in admin.incremental_alter_configs(changes, request_timeout=REQUEST_S).values():
            _answer(future)
    return lines


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


def _key(binding: AclBinding) -> tuple[Any, ...]:
    return (
        binding.restype,
        binding.name,
        binding.resource_pattern_type,
        binding.principal,
        binding.operation,
        binding.permission_type,
    )


def _protected() -> set[str]:
    kafka = config().kafka
    return {"kraft", kafka.username, kafka.admin_username, kafka.feed_username}


def _admin() -> AdminClient:
    return AdminClient(own_connection("admin"))


def _answer(future: "Future[_T]") -> _T:
    return _answer_of(lambda: future.result(ANSWER_S))


def _answer_of(call: Callable[[], _T]) -> _T:
    try:
        return call()
    except KafkaException as error:
        raise _told(error) from error


def _told(error: KafkaException) -> Exception:
    """Return what a caller should see: trouble that passes is a TransientError."""
    cause: KafkaError = error.args[0]
    if cause.retriable() or cause.code() < 0:  # negative: librdkafka's own, time-outs and sockets
        return TransientError(f"Kafka: {cause.str()}")
    return error
