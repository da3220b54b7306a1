"""Own partitions of a group without working on their messages: what a listener does with Kafka."""

import time
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import suppress
from typing import Any, NamedTuple

from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition
from confluent_kafka import Message as Received

from broker.errors import TransientError
from broker.kafka_connection import (
    REQUEST_S,
    Connection,
    LoginRefusedError,
    Partition,
    connected,
)

_OWNER = {
    "enable.auto.commit": False,
    "enable.auto.offset.store": False,
    "auto.offset.reset": "earliest",
    "group.protocol": "classic",  # measured: the new protocol locks a static member out for good
    "partition.assignment.strategy": "cooperative-sticky",
    "topic.metadata.refresh.interval.ms": 30_000,
    # Of a message that is waited for nobody wants more than to know that it is there.
    "max.partition.fetch.bytes": 1,
    "queued.min.messages": 3,  # fewer: it rests for a second after each one
}
_NORMAL_IN_A_REBALANCE = frozenset(
    {
        KafkaError.REBALANCE_IN_PROGRESS,
        KafkaError.ILLEGAL_GENERATION,
        KafkaError.UNKNOWN_MEMBER_ID,
        KafkaError._ASSIGNMENT_LOST,
    }
)

HEARD_IN_VAIN = 5
"""So many messages while nobody waits for one mean that there is work."""
_REFUSALS = frozenset({KafkaError._AUTHENTICATION, KafkaError._SSL})
"""Heard of by the error callback alone: a call merely times out."""
_FENCED = frozenset(
    {
        KafkaError.FENCED_INSTANCE_ID,
        KafkaError._FENCED,
        KafkaError._FATAL,
    }
)


class Fenced(Exception):
    """Another process took this one's member id; this one must end."""


class Listeners(NamedTuple):
    """What to call when partitions come and go; each takes the partitions concerned."""

    on_assign: Callable[[list[Partition]], None]
    on_revoke: Callable[[list[Partition]], None]
    on_lost: Callable[[list[Partition]], None]


class PartitionOwner:
    """A static member of a group that owns partitions, keeps nothing of them, and commits.

    Parameters
    ----------
    connection : mapping
        As ``stream_connection`` returns it.
    group : str
        Group id.
    instance : str
        Name of this slot in the group: a restarted slot is back at once, a doubled one is fenced.
    topics : str or sequence of str
        Topics, or regular expressions beginning with ``^``.
    listeners : Listeners
        Called from within ``poll``, ``commit`` and ``close``.
    session_timeout_ms : int
        A dead slot's partitions go to another after this time [ms].
    settings : mapping, optional
        Further ones of librdkafka; stronger than ours.

    Raises
    ------
    LoginRefusedError
        If nobody can be reached with this connection.
    """

    def __init__(
        self,
        connection: Connection,
        group: str,
        instance: str,
        topics: str | Sequence[str],
        listeners: Listeners,
        *,
        session_timeout_ms: int = 10_000,
        settings: Mapping[str, Any] | None = None,
    ) -> None:
        self._listeners = listeners
        self._owned: set[Partition] = set()
        self._is_paused = True
        self._is_watching = self._is_awaiting = False
        self._heard = 0
        self._fatal: KafkaError | None = None
        self._refusal: KafkaError | None = None
        self._last_heard = ""
        self._trouble = ""
        self._consumer = connected(
            Consumer,
            {
                **connection,
                **_OWNER,
                "group.id": group,
                "group.instance.id": instance,
                "client.id": instance,
                "session.timeout.ms": session_timeout_ms,
                "error_cb": self._note_error,
                **(settings or {}),
            },
        )
        self._consumer.subscribe(
            [topics] if isinstance(topics, str) else list(topics),
            on_assign=self._on_assign,
            on_revoke=self._on_revoke,
            on_lost=self._on_lost,
        )

    @property
    def owned(self) -> frozenset[Partition]:
        """Partitions that are ours now."""
        return frozenset(self._owned)

    @property
    def trouble(self) -> str:
        """Why nothing was given yet: no broker can be reached, or one refuses; empty: unknown."""
        return self._trouble

    def poll(self, timeout_s: float) -> None:
        """Serve the group for up to ``timeout_s``; listeners are called from here.

        It ends sooner when a message comes that is waited for (``watch``).

        Raises
        ------
        Fenced
            If another process took this slot.
        TransientError
            If the broker refuses or is away.
        """
        deadline = time.monotonic() + timeout_s
        while True:
            received = self._serve(max(0.0, deadline - time.monotonic()))
            self._raise_fatal()
            error = received.error() if received is not None else None
            # Before the first night a pattern matches nothing, and that is no trouble.
            if error is not None and error.code() != KafkaError.UNKNOWN_TOPIC_OR_PART:
                self._note_error(error)
                self._raise_fatal()
                raise TransientError(f"Kafka: {error.str()}")
            if received is not None and error is None and self._is_the_awaited():
                return
            if time.monotonic() >= deadline:
                return

    def watch(self, ends: Mapping[Partition, int]) -> None:
        """Let ``poll`` end as soon as a message comes at these offsets or behind them, once.

        It spares whoever waits for the next message the wait for its next look, and is no more
        than a hint: members that join, or a broker that is away, end it without a word. Partitions
        to which much comes are watched no longer: whoever has work needs no hint.

        Parameters
        ----------
        ends : mapping
            Where the log of each partition of ours ended.
        """
        self._is_awaiting, self._heard = True, 0
        if self._is_watching:
            return  # librdkafka takes up to a second to begin: rather hear some in vain
        places = sorted(self._owned & ends.keys())
        self._is_watching = True
        try:
            for place in places:
                self._consumer.seek(TopicPartition(*place, ends[place]))
            self._consumer.resume([TopicPartition(*place) for place in places])
        except KafkaException:  # one that was only just assigned cannot be sought in yet
            self._watch_nothing()

    def _is_the_awaited(self) -> bool:
        self._heard += 1
        if self._heard > HEARD_IN_VAIN:
            self._watch_nothing()
        was_awaiting, self._is_awaiting = self._is_awaiting, False
        return was_awaiting

    def _watch_nothing(self) -> None:
        if not self._is_watching:
            return
        self._is_watching = False
        with suppress(KafkaException):  # whatever is not ours any more
            self._consumer.pause([TopicPartition(*place) for place in sorted(self._owned)])

    def _serve(self, timeout_s: float) -> Received | None:
        try:
            return self._consumer.poll(timeout_s)
        except KafkaException as error:  # how the library tells a fatal error
            self._note_error(error.args[0])
            self._raise_fatal()
            raise TransientError(f"Kafka: {error.args[0].str()}") from error

    def commit(self, topic: str, partition: int, offset: int) -> bool:
        """Commit one offset; see ``commit_all``."""
        return self.commit_all({(topic, partition): offset})

    def commit_all(self, offsets: Mapping[Partition, int]) -> bool:
        """Commit the next offset of each partition; False means: normal, try again next time.

        While members join, commits fail and may block for some seconds.
        """
        if not offsets:
            return True
        wanted = [TopicPartition(*partition, offset) for partition, offset in offsets.items()]
        try:
            answers = self._consumer.commit(offsets=wanted, asynchronous=False)
        except KafkaException as error:
            return self._forgive(error.args[0])
        return all(answer.error is None or self._forgive(answer.error) for answer in answers)

    def committed(self, partitions: Collection[Partition]) -> dict[Partition, int | None]:
        """Return the offset that the group committed for each partition, None where none."""
        wanted = [TopicPartition(*partition) for partition in partitions]
        try:
            answers = self._consumer.committed(wanted, REQUEST_S)
        except KafkaException as error:
            raise TransientError(f"Kafka: {error.args[0].str()}") from error
        for answer in answers:
            if answer.error is not None:
                raise TransientError(f"Kafka: {answer.error.str()}")
        return {(a.topic, a.partition): a.offset if a.offset >= 0 else None for a in answers}

    def close(self) -> None:
        """Stop polling; a static member keeps its partitions until its session ends."""
        self._consumer.close()

    def _on_assign(self, consumer: Consumer, partitions: list[TopicPartition]) -> None:
        # Without the assignment a pause inside this callback has no effect (measured).
        consumer.incremental_assign(partitions)
        if self._is_paused:
            consumer.pause(partitions)
        came = _named(partitions)
        self._watch_nothing()
        self._owned |= set(came)
        self._trouble = ""
        if came:
            self._listeners.on_assign(came)

    def _on_revoke(self, consumer: Consumer, partitions: list[TopicPartition]) -> None:
        gone = _named(partitions)
        self._watch_nothing()
        self._owned -= set(gone)
        if gone:
            self._listeners.on_revoke(gone)
        consumer.incremental_unassign(partitions)

    def _on_lost(self, consumer: Consumer, partitions: list[TopicPartition]) -> None:
        gone = _named(partitions)
        self._watch_nothing()
        self._owned -= set(gone)
        if gone:
            self._listeners.on_lost(gone)
        with suppress(KafkaException):  # librdkafka may have taken them away itself
            consumer.incremental_unassign(partitions)

    def _note_error(self, error: KafkaError) -> None:
        if error.fatal() or error.code() in _FENCED:
            self._fatal = error
        if error.code() in _REFUSALS:
            self._refusal = error
        if error.code() == KafkaError._ALL_BROKERS_DOWN:
            self._trouble = self._last_heard  # what was told of each one just before says more
        else:
            self._last_heard = error.str()

    def _raise_fatal(self) -> None:
        if self._fatal is not None:
            raise Fenced(self._fatal.str())

    def _raise_refusal(self) -> None:
        if self._refusal is not None:
            refusal, self._refusal = self._refusal, None
            raise LoginRefusedError(f"Kafka: {refusal.str()}")

    def _forgive(self, error: KafkaError) -> bool:
        self._note_error(error)
        self._raise_fatal()
        if error.code() in _NORMAL_IN_A_REBALANCE or error.retriable():
            return False
        raise TransientError(f"Kafka: {error.str()}")


def _named(partitions: Sequence[TopicPartition]) -> list[Partition]:
    return [(partition.topic, partition.partition) for partition in partitions]
