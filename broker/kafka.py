"""Read ranges from Kafka and write messages to it; the door to everything of ``broker.kafka_*``.

Make readers and producers after the fork: librdkafka's threads do not survive it. What librdkafka
does by default is wrong for us wherever a value is set here.
"""

import os
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from functools import partial
from itertools import pairwise
from typing import Any

from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition
from confluent_kafka import Message as Received
from confluent_kafka import Producer as Client

from broker.config import config
from broker.errors import TransientError
from broker.kafka_cluster import Cluster, Watermarks, topic_ids, watermarks
from broker.kafka_connection import (
    Connection,
    LoginRefusedError,
    gcn_connection,
    own_connection,
    source_connection,
    stream_connection,
)
from broker.kafka_owner import Fenced, Listeners, PartitionOwner
from broker.kafka_types import DeliveryError, Message, Packet, ReadResult

__all__ = [
    "Cluster",
    "Fenced",
    "Listeners",
    "LoginRefusedError",
    "OffsetsExpired",
    "PartitionOwner",
    "Producer",
    "RangeReader",
    "Watermarks",
    "gcn_connection",
    "own_connection",
    "source_connection",
    "stream_connection",
    "topic_ids",
    "watermarks",
]

READ_S = 10.0
"""A read gives up when it has not moved for this long."""
CONSUME_S = 0.25
"""Bounds the wait when gaps at the end of a log leave fewer messages than offsets."""
FLUSH_S = 20.0
FETCH_BYTES = 20_000_000
LINGER_MS = 50

_READER = {
    "enable.auto.commit": False,
    "enable.auto.offset.store": False,
    "auto.offset.reset": "error",  # an expired range must not turn into silence
    "enable.partition.eof": True,
    "check.crcs": True,
    "fetch.max.bytes": FETCH_BYTES,
    "max.partition.fetch.bytes": FETCH_BYTES,
    "queued.max.messages.kbytes": FETCH_BYTES // 1000,
    "fetch.queue.backoff.ms": 1,
    "fetch.wait.max.ms": 5,  # what is asked for is there already
}
_TOO_LARGE = frozenset({KafkaError.MSG_SIZE_TOO_LARGE, KafkaError.RECORD_LIST_TOO_LARGE})


class OffsetsExpired(Exception):
    """The range begins below the oldest offset that the broker keeps.

    Attributes
    ----------
    low : int
        Oldest offset that exists.
    """

    def __init__(self, topic: str, partition: int, first: int, low: int) -> None:
        super().__init__(f"{topic}[{partition}]: {first} has expired, the oldest is {low}")
        self.low = low


class RangeReader:
    """Reads ranges of offsets; one per process and stream, kept open between ranges.

    Parameters
    ----------
    connection : mapping
        As ``stream_connection`` returns it.
    group_prefix : str
        Begins the group id. The group is never joined, but a foreign broker asks for a right on it.
    """

    def __init__(self, connection: Connection, group_prefix: str) -> None:
        self._settings = {**connection, **_READER, "group.id": f"{group_prefix}range-reader"}
        self._consumer = Consumer(self._settings)
        self._stands_at: tuple[str, int, int] | None = None
        self._known: set[str] = set()

    def close(self) -> None:
        """Give the connections back."""
        self._consumer.close()

    def read(self, topic: str, partition: int, first: int, last: int) -> ReadResult:
        """Read every message from ``first`` to ``last``, both included.

        Raises
        ------
        OffsetsExpired
            If ``first`` lies below the oldest offset that is kept.
        TransientError
            If the broker is away, refuses, or has nothing new for 10 s.
        """
        result, _ = self._part(topic, partition, first, last, None)
        return result

    def parts(
        self, topic: str, partition: int, first: int, last: int, most_bytes: int
    ) -> Iterator[tuple[ReadResult, int]]:
        """Yield a range piece by piece, each with its last offset; what follows is not read yet.

        A piece ends with the message that brings it to ``most_bytes``: together with the client's
        own queue, that bounds the memory of a range whose messages have megabytes each.

        Raises
        ------
        OffsetsExpired, TransientError
            As ``read``.
        """
        while first <= last:
            result, end = self._part(topic, partition, first, last, most_bytes)
            yield result, end
            first = end + 1

    def _part(
        self, topic: str, partition: int, first: int, last: int, most_bytes: int | None
    ) -> tuple[ReadResult, int]:
        try:
            packets, position = self._read(topic, partition, first, last, most_bytes)
        except BaseException:
            self._stands_at = None
            raise
        self._stands_at = (topic, partition, position)
        end = min(position - 1, last)
        self._rest(topic, partition, position)
        return ReadResult(packets, _gaps(packets, first, end)), end

    def _rest(self, topic: str, partition: int, position: int) -> None:
        """Ask for nothing at the end of the log.

        A request that waits there for new messages holds up the next range, wherever it lies, for
        ``fetch.wait.max.ms``. Before the end, what is read ahead serves the range that follows.
        """
        _, high = self._consumer.get_watermark_offsets(
            TopicPartition(topic, partition), cached=True
        )
        if position >= high:
            self._consumer.unassign()
            self._stands_at = None

    def _read(
        self, topic: str, partition: int, first: int, last: int, most_bytes: int | None
    ) -> tuple[list[Packet], int]:
        if self._stands_at != (topic, partition, first):
            self._meet(topic)
            self._consumer.assign([TopicPartition(topic, partition, first)])
        packets: list[Packet] = []
        position, read_bytes = first, 0
        deadline = time.monotonic() + READ_S
        while position <= last and (most_bytes is None or read_bytes < most_bytes):
            # How large the next ones are is not to be known: with a bound, one at a time.
            wanted = last - position + 1 if most_bytes is None else 1
            for received in self._consumer.consume(wanted, CONSUME_S):
                if received.topic() is not None and (received.topic(), received.partition()) != (
                    topic,
                    partition,
                ):
                    continue  # of an assignment before: an end there would make a gap of this range
                reached = self._take(received, packets, first, last)
                if reached > position:
                    position, deadline = reached, time.monotonic() + READ_S
                    read_bytes += len(received)
            if position <= last and time.monotonic() > deadline:
                self._renew()
                raise TransientError(
                    f"{topic}[{partition}]: nothing for {READ_S:.0f} s at offset {position}"
                )
        return packets, position

    def _renew(self) -> None:
        """Begin anew: after a broker was frozen for 30 s, a client heard nothing of one partition.

        It stayed so for minutes, while the other worker's read it (seen in the crash drill).
        """
        self._consumer.close()
        self._consumer = Consumer(self._settings)
        self._known.clear()

    def _meet(self, topic: str) -> None:
        """Learn who leads a new topic now; librdkafka would do so within a second (measured)."""
        if topic in self._known:
            return
        try:
            self._consumer.list_topics(topic, READ_S)
        except KafkaException as error:
            raise TransientError(f"{topic}: {error}") from error
        self._known.add(topic)

    def _take(self, received: Received, packets: list[Packet], first: int, last: int) -> int:
        """Keep a message of the range; return the offset that comes next."""
        error, offset = received.error(), received.offset()
        if error is None:
            if first <= offset <= last:
                value = received.value() or b""
                packets.append(Packet(offset, received.timestamp()[1], value, received.key()))
            return int(offset) + 1
        if error.code() == KafkaError._PARTITION_EOF:
            return int(offset)  # the end of the log: no message lies before it
        if error.code() == KafkaError._AUTO_OFFSET_RESET:
            self._tell_expired(received.topic(), received.partition(), first)
        raise TransientError(f"{received.topic()}[{received.partition()}]: {error.str()}")

    def _tell_expired(self, topic: str, partition: int, first: int) -> None:
        try:
            low, _ = self._consumer.get_watermark_offsets(TopicPartition(topic, partition), READ_S)
        except KafkaException as error:
            raise TransientError(f"{topic}[{partition}]: {error}") from error
        if first < low:
            raise OffsetsExpired(topic, partition, first, low)


def _gaps(packets: Sequence[Packet], first: int, last: int) -> list[tuple[int, int]]:
    """Return the intervals of a range that hold no message."""
    edges = [first - 1, *(packet.offset for packet in packets), last + 1]
    return [(before + 1, after - 1) for before, after in pairwise(edges) if after - before > 1]


class Producer:
    """Writes messages and says of each what became of it; one per process.

    Parameters
    ----------
    connection : mapping
        As ``own_connection`` returns it.
    max_bytes : int, optional
        Largest message; the setting ``kafka.message_max_bytes`` when not given.
    """

    def __init__(self, connection: Connection, max_bytes: int | None = None) -> None:
        self._settings = {
            **connection,
            "enable.idempotence": True,  # and so acks=all
            "compression.type": "zstd",
            "linger.ms": LINGER_MS,
            "message.max.bytes": max_bytes or config().kafka.message_max_bytes,
            "delivery.timeout.ms": int(FLUSH_S * 1000),
        }
        self._client: Client | None = None
        self._pid = 0

    def send(self, messages: Sequence[Message]) -> list[DeliveryError | None]:
        """Write all messages and wait once; return None for each that was acknowledged."""
        client = self._ready()
        outcome: list[DeliveryError | None] = [_UNKNOWN] * len(messages)
        try:
            for at, message in enumerate(messages):
                refused = self._enqueue(client, message, partial(_note, outcome, at))
                outcome[at] = refused or outcome[at]
            if client.flush(FLUSH_S):
                self._give_up(client)
        except (KafkaException, SystemError) as error:
            fatal = _fatal(error)
            self._give_up(client)
            return [fatal if told is _UNKNOWN else told for told in outcome]
        return outcome

    def close(self) -> None:
        """Give the connection back; everything was flushed."""
        if self._client is not None and self._pid == os.getpid():
            self._client.close()
        self._client = None

    def _ready(self) -> Client:
        if self._client is None or self._pid != os.getpid():
            self._client = Client(self._settings)
            self._pid = os.getpid()
        return self._client

    def _enqueue(
        self, client: Client, message: Message, note: Callable[[KafkaError | None, Any], None]
    ) -> DeliveryError | None:
        """Hand over one message; wait while the queue is full."""
        deadline = time.monotonic() + FLUSH_S
        while True:
            try:
                client.produce(
                    message.topic, message.value, message.key,
                    headers=message.headers, on_delivery=note,
                )  # fmt: skip
            except BufferError:
                client.poll(0.1)
                if time.monotonic() > deadline:
                    return _UNKNOWN
            except KafkaException as error:
                if error.args[0].fatal():
                    raise
                return _delivery_error(error.args[0])
            else:
                return None

    def _give_up(self, client: Client) -> None:
        """Drop a client that failed; what it holds must not follow later."""
        self._client = None
        with suppress(KafkaException, SystemError):  # it says again what it said before
            client.purge(in_queue=True, in_flight=True, blocking=False)
            client.poll(0)
        with suppress(KafkaException, SystemError):
            client.close()  # a client that failed for good is never freed by itself (measured)


_UNKNOWN = DeliveryError("_TIMED_OUT", is_too_large=False, text="not acknowledged in time")


def _fatal(error: KafkaException | SystemError) -> DeliveryError:
    """Return why a client refuses everything from now on.

    The library raises a fatal error from whatever call serves its callbacks, and a callback that
    runs after it turns it into a SystemError with the true one as its cause.
    """
    cause = error.__cause__ if isinstance(error, SystemError) else error
    if not isinstance(cause, KafkaException):
        raise error
    return _delivery_error(cause.args[0])


def _note(
    outcome: list[DeliveryError | None], at: int, error: KafkaError | None, _message: Any
) -> None:
    outcome[at] = None if error is None else _delivery_error(error)


def _delivery_error(error: KafkaError) -> DeliveryError:
    return DeliveryError(error.name(), error.code() in _TOO_LARGE, error.str())
