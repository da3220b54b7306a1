"""What a broker knows about topics and partitions, asked in bulk."""

from collections.abc import Collection
from contextlib import suppress
from typing import Any, NamedTuple

from confluent_kafka import (
    IsolationLevel,
    KafkaError,
    KafkaException,
    TopicCollection,
    TopicPartition,
)
from confluent_kafka.admin import AdminClient, OffsetSpec, TopicDescription

from broker.errors import TransientError
from broker.kafka_connection import REQUEST_S, Connection, Partition, connected

LOOK_S = 3
"""Longest that a look at a group waits, before there is anything to be read."""


class Watermarks(NamedTuple):
    """What a partition holds: offsets from ``low`` up to, not including, ``high``."""

    low: int
    high: int


class Cluster:
    """Questions about topics, over one connection that stays open.

    Parameters
    ----------
    connection : mapping
        As ``stream_connection`` returns it.
    """

    def __init__(self, connection: Connection) -> None:
        self._admin = connected(AdminClient, connection)

    def ends(self, partitions: Collection[Partition]) -> dict[Partition, int]:
        """Return the offset after the last readable message of each partition; one request.

        A partition that has no leader now, or was deleted, is left out: it must not stop others.
        """
        return _known(self._offsets(partitions, OffsetSpec.latest()))

    def beginnings(self, partitions: Collection[Partition]) -> dict[Partition, int]:
        """Return the oldest offset kept of each partition; one request."""
        return _known(self._offsets(partitions, OffsetSpec.earliest()))

    def watermarks(self, partitions: Collection[Partition]) -> dict[Partition, Watermarks]:
        """Return both ends of each partition; two requests."""
        low, high = self.beginnings(partitions), self.ends(partitions)
        known = low.keys() & high.keys()
        return {partition: Watermarks(low[partition], high[partition]) for partition in known}

    def topic_ids(self, topics: Collection[str]) -> dict[str, str]:
        """Return the id of each topic that exists; a topic made anew has another."""
        return {name: str(found.topic_id) for name, found in self._describe(topics).items()}

    def topic_id(self, topic: str) -> str:
        """Return the id of a topic of which there are messages.

        Raises
        ------
        TransientError
            While the broker does not know it, as one that wakes up: without an id the same messages
            would be those of another topic.
        """
        found = self.topic_ids([topic]).get(topic)
        if found is None:
            raise TransientError(f"Kafka does not know the topic {topic} yet, or any more")
        return found

    def partitions(self, topics: Collection[str]) -> list[Partition]:
        """Return every partition of the topics that exist."""
        return [
            (name, partition.id)
            for name, found in self._describe(topics).items()
            for partition in found.partitions
        ]

    def members(self, group: str) -> list[str]:
        """Return the client ids of a group's consumers, sorted; none of a group that is not there.

        Raises
        ------
        TransientError
            If nobody answers soon, or we may not ask.
        """
        futures = self._admin.describe_consumer_groups([group], request_timeout=LOOK_S)
        try:
            found = futures[group].result(LOOK_S)
        except KafkaException as error:
            if error.args[0].code() == KafkaError.GROUP_ID_NOT_FOUND:
                return []
            raise TransientError(f"group {group}: {error.args[0].str()}") from error
        except TimeoutError as error:
            raise TransientError(f"group {group}: no answer in {LOOK_S} s") from error
        return sorted(member.client_id for member in found.members)

    def starting_at(
        self, partitions: Collection[Partition], timestamp_ms: int
    ) -> dict[Partition, int | None]:
        """Return the first offset with this timestamp [ms since 1970] or a later one; one request.

        None where every message is older. A partition without a leader is left out.
        """
        found = self._offsets(partitions, OffsetSpec.for_timestamp(timestamp_ms))
        return {partition: offset if offset >= 0 else None for partition, offset in found.items()}

    def newest(self, partitions: Collection[Partition]) -> dict[Partition, tuple[int, int]]:
        """Return offset and time [ms since 1970] of the newest message of each that has one."""
        futures = self._asked(partitions, OffsetSpec.max_timestamp())
        found: dict[Partition, tuple[int, int]] = {}
        for partition, future in futures.items():
            with suppress(KafkaException, TimeoutError):
                result = future.result(REQUEST_S)
                if result.offset >= 0:
                    found[partition] = (result.offset, result.timestamp)
        return found

    def _describe(self, topics: Collection[str]) -> dict[str, TopicDescription]:
        if not topics:
            return {}
        futures = self._admin.describe_topics(
            TopicCollection(sorted(topics)), request_timeout=REQUEST_S
        )
        found = {}
        for topic, future in futures.items():
            try:
                found[topic] = future.result(REQUEST_S)
            except KafkaException as error:
                if error.args[0].code() != KafkaError.UNKNOWN_TOPIC_OR_PART:
                    raise TransientError(f"Kafka: {error.args[0].str()}") from error
            except TimeoutError as error:
                raise TransientError(f"Kafka: no answer about {topic} in {REQUEST_S} s") from error
        return found

    def _offsets(
        self, partitions: Collection[Partition], which: OffsetSpec
    ) -> dict[Partition, int]:
        found: dict[Partition, int] = {}
        trouble: Exception | None = None
        for asked, future in self._asked(partitions, which).items():
            try:
                found[asked] = future.result(REQUEST_S).offset
            except (KafkaException, TimeoutError) as error:
                trouble = error
        if trouble is not None and not found:
            raise TransientError(f"Kafka: {trouble}") from trouble
        return found

    def _asked(self, partitions: Collection[Partition], which: OffsetSpec) -> dict[Partition, Any]:
        """Ask for one offset of each partition; return the futures of the answers."""
        if not partitions:
            return {}
        futures = self._admin.list_offsets(
            {TopicPartition(*partition): which for partition in partitions},
            isolation_level=IsolationLevel.READ_COMMITTED,
            request_timeout=REQUEST_S,
        )
        return {(asked.topic, asked.partition): future for asked, future in futures.items()}


def _known(offsets: dict[Partition, int]) -> dict[Partition, int]:
    """Leave out what a broker that wakes up does not know yet: it says −1001 (seen)."""
    return {partition: offset for partition, offset in offsets.items() if offset >= 0}


def watermarks(
    connection: Connection, partitions: Collection[Partition]
) -> dict[Partition, Watermarks]:
    """Return both ends of each partition over a connection of its own."""
    return Cluster(connection).watermarks(partitions)


def topic_ids(connection: Connection, topics: Collection[str]) -> dict[str, str]:
    """Return the id of each topic that exists, over a connection of its own."""
    return Cluster(connection).topic_ids(topics)
