"""What passes between Kafka and the rest; plain tuples, no client library."""

from typing import NamedTuple

USUAL_SUFFIX = "laptop"
"""Ends the consumer group of a person who names no other end."""
OLDEST_LIBRDKAFKA = "2.6.1"
"""Kafka 4 refuses the SCRAM of older clients as if the password were wrong (kcat's issue 462)."""


class Packet(NamedTuple):
    """One message as it was read."""

    offset: int
    timestamp_ms: int
    value: bytes
    key: bytes | None = None


class ReadResult(NamedTuple):
    """A range of offsets: its messages, and the intervals (inclusive) that hold none."""

    packets: list[Packet]
    gaps: list[tuple[int, int]]


class Message(NamedTuple):
    """One message to be produced."""

    topic: str
    key: bytes | None
    value: bytes
    headers: list[tuple[str, bytes]]


class DeliveryError(NamedTuple):
    """Why a message was not acknowledged."""

    code: str
    is_too_large: bool
    text: str
