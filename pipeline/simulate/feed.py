"""Where simulated packets go: our own broker, or a folder."""

import time
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from pathlib import Path

from broker.kafka import Producer
from broker.kafka_types import DeliveryError, Message
from pipeline.simulate.truth import SimulatedPacket

BATCH = 100
BATCHES_PER_S = 10
"""At a given rate, packets go out in this many portions a second."""

_SUFFIX = {"ztf": ".avro", "lsst": ".confluent"}

Seen = Callable[[list[SimulatedPacket]], object]


class FeedError(Exception):
    """A packet did not reach the broker."""


def to_kafka(
    packets: Iterable[SimulatedPacket], producer: Producer, rate_hz: float, seen: Seen
) -> None:
    """Send packets in order; ``seen`` is told of every portion that the broker has.

    Parameters
    ----------
    packets : iterable of SimulatedPacket
        What to send.
    producer : Producer
        Of the principal ``feed``.
    rate_hz : float
        Alerts per second; 0 is as fast as possible.
    seen : callable
        For progress and the truth table.

    Raises
    ------
    FeedError
        With the first error, when a packet was not acknowledged.
    """
    for portion in paced(packets, rate_hz):
        outcome = producer.send([_message(packet) for packet in portion])
        failed = [error for error in outcome if error is not None]
        if failed:
            raise FeedError(_told(failed))
        seen(portion)


def to_folder(packets: Iterable[SimulatedPacket], folder: Path, rate_hz: float, seen: Seen) -> None:
    """Write one file per packet, in a folder per topic; numbers in the names keep the order."""
    for portion in paced(packets, rate_hz):
        for packet in portion:
            place = folder / packet.topic
            place.mkdir(parents=True, exist_ok=True)
            name = f"{packet.truth.number:07d}{_SUFFIX[packet.survey]}"
            (place / name).write_bytes(packet.value)
        seen(portion)


def paced(packets: Iterable[SimulatedPacket], rate_hz: float) -> Iterator[list[SimulatedPacket]]:
    """Yield packets in portions, each when its time has come.

    A late portion is sent at once and those after it keep to the clock, so the mean rate holds.
    """
    size = BATCH if rate_hz <= 0 else max(1, min(BATCH, round(rate_hz / BATCHES_PER_S)))
    source = iter(packets)
    started, sent = time.monotonic(), 0
    while portion := list(islice(source, size)):
        if rate_hz > 0:
            due = started + sent / rate_hz
            time.sleep(max(0.0, due - time.monotonic()))
        sent += len(portion)
        yield portion


def _message(packet: SimulatedPacket) -> Message:
    headers = [("producer_timestamp", str(packet.timestamp_ms).encode())]
    return Message(packet.topic, packet.key, packet.value, headers)


def _told(failed: list[DeliveryError]) -> str:
    first = failed[0]
    return f"{len(failed)} packets were not acknowledged; the first: {first.code} {first.text}"
