"""A message as Kafka has it."""

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Record:
    """What Kafka says of a message, and its bytes.

    Attributes
    ----------
    topic : str
        Where it was.
    partition, offset : int
        Its place there.
    timestamp : int
        Unix time [ms] at which it was written, as Kafka says.
    key : str or None
        In UTF-8; bytes that are none are replaced.
    value : bytes or None
        As received, prefix and all.
    headers : tuple of pairs
        Name and value, in their order.
    """

    topic: str
    partition: int
    offset: int
    timestamp: int
    key: str | None
    value: bytes | None
    headers: tuple[tuple[str, bytes | None], ...]

    def header(self, name: str) -> str | None:
        """Return the last header of a name as text; None: there is none."""
        found = [value for each, value in self.headers if each == name and value is not None]
        return found[-1].decode(errors="replace") if found else None


def record_of(received: Any) -> Record:
    """Return what librdkafka received, in plain types."""
    key = received.key()
    return Record(
        received.topic(),
        received.partition(),
        received.offset(),
        received.timestamp()[1],
        key.decode(errors="replace") if isinstance(key, bytes) else key,
        received.value(),
        tuple(received.headers() or ()),
    )
