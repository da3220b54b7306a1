"""Write one message at most once, and find out afterwards whether it is there.

For messages that make something move: whoever fails does not try again by himself, but looks.
"""

from collections.abc import Iterator
from typing import Any

from confluent_kafka import KafkaError, KafkaException
from confluent_kafka import Message as Received
from confluent_kafka import Producer as Client

from broker.errors import TransientError
from broker.kafka import OffsetsExpired, RangeReader
from broker.kafka_connection import Connection, connected
from broker.kafka_types import Message, Packet

TIMEOUT_S = 10.0
"""librdkafka gives a message up after this; nothing of it leaves this process later."""
READ_AT_ONCE = 500


class UncertainError(TransientError):
    """Nobody knows whether the message was written."""


def write_once(connection: Connection, message: Message, partition: int = 0) -> int:
    """Write a message to one partition and return its offset.

    Parameters
    ----------
    connection : mapping
        As ``own_connection`` returns it.
    message : Message
        What is written.
    partition : int
        Where: not chosen by its key, so that the order of all messages is kept.

    Raises
    ------
    UncertainError
        If it was not acknowledged within 10 s, or refused: it may be there all the same.
    """
    client = connected(Client, {**connection, **_SETTINGS})
    reports: list[tuple[KafkaError | None, int | None]] = []
    try:
        client.produce(
            message.topic, message.value, message.key, partition,
            headers=message.headers, on_delivery=_reporter(reports),
        )  # fmt: skip
        client.flush(TIMEOUT_S + 2)
    except (KafkaException, BufferError) as error:
        raise UncertainError(f"Kafka: {error}") from error
    finally:
        client.purge(in_queue=True, in_flight=True, blocking=False)
        client.close()
    if not reports:
        raise UncertainError(f"Kafka: not acknowledged within {TIMEOUT_S:.0f} s")
    refusal, offset = reports[0]
    if refusal is not None or offset is None:
        raise UncertainError(f"Kafka: {refusal.str() if refusal else 'no offset'}")
    return offset


def read_between(
    connection: Connection, topic: str, partition: int, first: int, end: int, group_prefix: str
) -> Iterator[Packet]:
    """Yield what lies in a partition from offset ``first`` up to, not including, ``end``.

    Messages that are not kept any more are left out. The group begins with ``group_prefix``, on
    which this login has a right.

    Raises
    ------
    TransientError
        If the broker is away.
    """
    reader = RangeReader(connection, group_prefix)
    try:
        while first < end:
            last = min(first + READ_AT_ONCE, end) - 1
            try:
                yield from reader.read(topic, partition, first, last).packets
            except OffsetsExpired as error:
                first = error.low
                continue
            first = last + 1
    finally:
        reader.close()


_SETTINGS: dict[str, Any] = {
    "enable.idempotence": True,  # and so acks=all; a retry within the time writes nothing twice
    "compression.type": "snappy",
    "linger.ms": 0,
    "message.timeout.ms": int(TIMEOUT_S * 1000),
}


def _reporter(reports: list[tuple[KafkaError | None, int | None]]) -> Any:
    def report(error: KafkaError | None, received: Received) -> None:
        reports.append((error, received.offset()))

    return report
