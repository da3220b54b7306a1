"""How far a group is behind the topics that it reads, in messages and in time."""

import re
import time
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from confluent_kafka import (
    Consumer,
    KafkaException,
    TopicPartition,
)

from broker.errors import TransientError
from broker.kafka_cluster import Cluster
from broker.kafka_connection import REQUEST_S, Connection, Partition, connected

PATTERN = "^"
READ_S = 5.0
"""Longest that the oldest unread messages are waited for."""
_READS: Mapping[str, Any] = {
    "enable.auto.commit": False,
    "enable.auto.offset.store": False,
    "auto.offset.reset": "earliest",
    "fetch.wait.max.ms": 50,
    "max.partition.fetch.bytes": 1,  # a broker sends one batch all the same
    "queued.min.messages": 1,
    "queued.max.messages.kbytes": 16_384,
}


class Behind(NamedTuple):
    """What a group has not read."""

    messages: int
    oldest_ms: int | None
    """Time of the oldest of them [ms since 1970]; None: there is none."""
    newest_ms: int | None
    """Time of the newest message that the topics hold; None: they are empty."""


class GroupLag:
    """Looks at one group, over connections that stay open; joins nothing and commits nothing.

    Parameters
    ----------
    connection : mapping
        As ``stream_connection`` returns it.
    group : str
        Its name.
    topics : sequence of str
        What it reads, as it subscribes: names, or patterns that begin with ``^``.
    """

    def __init__(self, connection: Connection, group: str, topics: Sequence[str]) -> None:
        self._group = group
        self._topics = tuple(topics)
        self._cluster = Cluster(connection)
        self._consumer = connected(Consumer, {**connection, **_READS, "group.id": group})

    def look(self) -> Behind | None:
        """Return how far the group is behind; None: it has never committed anything.

        Raises
        ------
        TransientError
            If the broker is away.
        """
        committed = self._committed()
        if not committed:
            return None
        marks = self._cluster.watermarks(committed)
        behind = {
            place: max(committed[place], low)
            for place, (low, high) in marks.items()
            if committed[place] < high and low < high
        }
        newest = self._cluster.newest(marks.keys())
        return Behind(
            sum(marks[place].high - offset for place, offset in behind.items()),
            self._oldest_ms(behind),
            max((at_ms for _, at_ms in newest.values()), default=None),
        )

    def close(self) -> None:
        """Give the connections back."""
        self._consumer.close()

    def _committed(self) -> dict[Partition, int]:
        """Return the offsets that the group committed.

        Asked as a consumer asks: the AdminClient's own question ends the process where a broker
        says that it does not keep the group, or not yet (seen: librdkafka then wants to ask its
        own group for the coordinator, and an AdminClient has none).
        """
        places = [TopicPartition(*place) for place in self._places()]
        try:
            found = self._consumer.committed(places, timeout=REQUEST_S) if places else []
        except KafkaException as error:
            raise TransientError(f"group {self._group}: {error.args[0].str()}") from error
        if trouble := next((each.error for each in found if each.error is not None), None):
            raise TransientError(f"group {self._group}: {trouble.str()}")
        return {(each.topic, each.partition): each.offset for each in found if each.offset >= 0}

    def _places(self) -> list[Partition]:
        """Return the partitions of the topics that are there."""
        try:
            if any(name.startswith(PATTERN) for name in self._topics):
                listed = [self._consumer.list_topics(timeout=REQUEST_S)]
            else:
                listed = [self._consumer.list_topics(name, REQUEST_S) for name in self._topics]
        except KafkaException as error:
            raise TransientError(f"Kafka: {error.args[0].str()}") from error
        return [
            (name, number)
            for found in listed
            for name, topic in found.topics.items()
            if topic.error is None and self._is_read(name)
            for number in topic.partitions
        ]

    def _is_read(self, topic: str) -> bool:
        return any(
            bool(re.search(name, topic)) if name.startswith(PATTERN) else name == topic
            for name in self._topics
        )

    def _oldest_ms(self, behind: Mapping[Partition, int]) -> int | None:
        """Read the first unread message of each partition; return the time of the oldest."""
        found: dict[Partition, int] = {}
        if not behind:
            return None
        self._consumer.assign([TopicPartition(*place, at) for place, at in behind.items()])
        give_up_at_s = time.monotonic() + READ_S
        try:
            while len(found) < len(behind) and time.monotonic() < give_up_at_s:
                for message in self._consumer.consume(len(behind), 0.2):
                    if message.error() is None:
                        place = (message.topic(), message.partition())
                        found.setdefault(place, message.timestamp()[1])
        finally:
            self._consumer.unassign()
        if not found:
            raise TransientError(f"group {self._group}: nothing of {len(behind)} partitions came")
        return min(found.values())
