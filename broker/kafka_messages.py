"""Read a topic message by message: what a listener does that stores each one by itself."""

import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple

from confluent_kafka import KafkaError, KafkaException, TopicPartition

from broker.errors import TransientError
from broker.kafka_connection import Connection, Partition
from broker.kafka_owner import Listeners, PartitionOwner

FETCH_BYTES = 16 * 2**20
"""A message has at most 8 MiB; the brokers send one that is larger than this all the same."""
QUEUED_KILOBYTES = 65_536
QUEUED_MESSAGES = 100_000
_EPOCH = datetime.fromtimestamp(0, UTC)


class Received(NamedTuple):
    """One message, and where it stands."""

    topic: str
    partition: int
    offset: int
    timestamp_ms: int
    value: bytes

    @property
    def written_at(self) -> datetime:
        """Return when it was written, as Kafka or its sender says; 1970 where that is no time."""
        try:
            return datetime.fromtimestamp(max(self.timestamp_ms, 0) / 1000, UTC)
        except (OSError, OverflowError, ValueError):  # a sender may write any number of 64 bits
            return _EPOCH


class MessageReader(PartitionOwner):
    """A static member of a group that hands out one message after the other.

    Parameters
    ----------
    connection : mapping
        As ``own_connection`` returns it.
    group, instance : str
        As of ``PartitionOwner``.
    topics : sequence of str
        What to read; one that does not exist is waited for.
    start : str
        Where a group without offsets begins: earliest or latest.
    session_timeout_ms : int
        A dead slot's partitions go to another after this time [ms].
    """

    def __init__(
        self,
        connection: Connection,
        group: str,
        instance: str,
        topics: Sequence[str],
        *,
        start: str = "earliest",
        session_timeout_ms: int = 10_000,
    ) -> None:
        settings: Mapping[str, Any] = {
            "auto.offset.reset": start,
            "fetch.max.bytes": FETCH_BYTES,
            "max.partition.fetch.bytes": FETCH_BYTES,
            "queued.max.messages.kbytes": QUEUED_KILOBYTES,
            "queued.min.messages": QUEUED_MESSAGES,
            "fetch.wait.max.ms": 100,
            "enable.partition.eof": True,
        }
        nobody = Listeners(*(3 * (_ignore,)))
        super().__init__(
            connection,
            group,
            instance,
            topics,
            nobody,
            session_timeout_ms=session_timeout_ms,
            settings=settings,
        )
        self._is_paused = False
        self._ends: dict[Partition, int] = {}

    @property
    def ends(self) -> Mapping[Partition, int]:
        """Return what comes next of partitions of which everything was handed out.

        It is more than behind the last message where markers of a transaction follow that one.
        """
        return self._ends

    @property
    def is_paused(self) -> bool:
        """Tell whether nothing is handed out now."""
        return self._is_paused

    def next(self, timeout_s: float) -> Received | None:
        """Return the next message, or None when none came in time; serves the group meanwhile.

        An end of a partition is noted, and none either.

        Raises
        ------
        Fenced
            If another process took this slot.
        LoginRefusedError, TransientError
            If the broker refuses or is away.
        """
        found = self._serve(timeout_s)
        self._raise_fatal()
        if found is None:
            self._raise_refusal()
            return None
        place = (found.topic() or "", found.partition() or 0)
        if (error := found.error()) is not None:
            if error.code() == KafkaError._PARTITION_EOF:
                self._ends[place] = found.offset() or 0
                return None
            self._trouble = error.str()
            if error.code() == KafkaError.UNKNOWN_TOPIC_OR_PART:
                return None  # it may come yet
            self._note_error(error)
            self._raise_fatal()
            raise TransientError(f"Kafka: {error.str()}")
        _, timestamp_ms = found.timestamp()
        self._ends.pop(place, None)
        return Received(*place, found.offset() or 0, timestamp_ms, found.value() or b"")

    def batch(self, most: int, most_bytes: int, timeout_s: float) -> list[Received]:
        """Return what has come within ``timeout_s``, or as soon as there is enough.

        Raises
        ------
        Fenced, TransientError
            As ``next``, if nothing came before.
        """
        found: list[Received] = []
        size_bytes = 0
        deadline = time.monotonic() + timeout_s
        while len(found) < most and size_bytes < most_bytes:
            try:
                message = self.next(max(0.0, deadline - time.monotonic()))
            except TransientError:
                if found:
                    break  # it is met again when there is nothing to lose
                raise
            if message is not None:
                found.append(message)
                size_bytes += len(message.value)
            elif time.monotonic() >= deadline:
                break
        return found

    def rewind(self, message: Received) -> None:
        """Hand a message out again, and what follows it."""
        place = TopicPartition(message.topic, message.partition, message.offset)
        self._ends.pop((message.topic, message.partition), None)
        if (message.topic, message.partition) not in self._owned:
            return  # its new owner reads it
        try:
            self._consumer.seek(place)
        except KafkaException as error:
            raise TransientError(f"Kafka: {error.args[0].str()}") from error

    def pause(self) -> None:
        """Hand nothing out until ``resume``; ``next`` still serves the group."""
        self._is_paused = True
        self._consumer.pause(_places(self._owned))

    def resume(self) -> None:
        """Go on where ``pause`` stopped."""
        self._is_paused = False
        self._consumer.resume(_places(self._owned))


def _ignore(_: list[Partition]) -> None:
    """Do nothing: whoever reads by message keeps nothing about partitions."""


def _places(owned: set[Partition]) -> list[TopicPartition]:
    return [TopicPartition(*place) for place in owned]
