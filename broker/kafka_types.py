"""What passes between Kafka and the rest; plain tuples, no client library."""

from typing import NamedTuple


class Packet(NamedTuple):
    """One message as it was read."""

    offset: int
    timestamp_ms: int
    value: bytes


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
