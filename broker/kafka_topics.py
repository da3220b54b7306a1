"""Topics of our own broker, made and kept as they shall be."""

import time
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import (
    AdminClient,
    AlterConfigOpType,
    ConfigEntry,
    ConfigResource,
    NewTopic,
    ResourceType,
    TopicMetadata,
)

from broker.config import config
from broker.errors import TransientError
from broker.kafka_connection import (
    ANSWER_S,
    REQUEST_S,
    admin_client,
    answer,
    answer_of,
    raise_told,
)

VISIBLE_S = 10.0


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


def ensure_topics(specs: Iterable[TopicSpec]) -> list[str]:
    """Make missing topics, alter settings that differ; return a line for everything that differed.

    A topic with another number of partitions is reported and left alone: to change it would change
    which partition holds an object. So is one with another number of copies: the cluster's own tool
    moves them, with a limit on its traffic. A topic named twice counts once: the same name twice in
    one request ends the process (confluent-kafka 2.16 reads an answer that is not there).
    """
    wanted = list({spec.name: spec for spec in specs}.values())
    admin = admin_client()
    existing = answer_of(lambda: admin.list_topics(timeout=REQUEST_S)).topics
    missing = [spec for spec in wanted if spec.name not in existing]
    lines = _make_topics(admin, missing)
    present = [spec for spec in wanted if spec.name in existing]
    lines += [
        f"{spec.name} has {found} partitions, wanted {spec.partitions}: left alone"
        for spec in present
        if (found := len(existing[spec.name].partitions)) != spec.partitions
    ]
    lines += [
        f"{spec.name} has {found} copies, wanted {config().kafka.replication}: left alone,"
        " see docs/scaling.md"
        for spec in present
        if (found := _copies(existing[spec.name])) != config().kafka.replication
    ]
    return lines + _alter_settings(admin, present)


def _copies(topic: TopicMetadata) -> int:
    """Return how many brokers have each partition; the fewest, where they differ."""
    return min((len(each.replicas) for each in topic.partitions.values()), default=0)


def topic_names() -> frozenset[str]:
    """Return the names of all topics but Kafka's own.

    Raises
    ------
    TransientError
        If the broker is away.
    """
    admin = admin_client()
    listed = answer_of(lambda: admin.list_topics(timeout=ANSWER_S)).topics
    return frozenset(name for name in listed if not name.startswith("__"))


def delete_topics(names: Collection[str]) -> None:
    """Delete topics; one that is gone already is no matter.

    Raises
    ------
    TransientError
        If the broker is away.
    """
    if not names:
        return
    admin = admin_client()  # its futures end with it
    for future in admin.delete_topics(list(names), request_timeout=REQUEST_S).values():
        try:
            future.result(ANSWER_S)
        except KafkaException as error:
            if error.args[0].code() != KafkaError.UNKNOWN_TOPIC_OR_PART:
                raise_told(error)


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
                raise_told(error)
    _wait_until_led(admin, {spec.name for spec in specs})
    return [f"made {spec.name} with {spec.partitions} partitions" for spec in specs]


def _wait_until_led(admin: AdminClient, names: Collection[str]) -> None:
    """Wait until every partition has a leader; before that, reads and writes fail."""
    deadline = time.monotonic() + VISIBLE_S
    while True:
        topics = answer_of(lambda: admin.list_topics(timeout=REQUEST_S)).topics
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
        present, entries = answer(future), []
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
            answer(future)
    return lines
