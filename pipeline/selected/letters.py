"""Dead letters of messages that became no row, with their place and time."""

from datetime import UTC, datetime

from broker.dead_letters import Letter
from broker.kafka_messages import Received


def letter_of(message: Received, reason: str, why: str, trace: str | None = None) -> Letter:
    """Return the letter of a message that became no row."""
    return Letter(
        partition=message.partition,
        offset=message.offset,
        reason=reason,
        message=why,
        traceback=trace,
        kafka_timestamp=written_at(message),
        night=written_at(message).date(),
        packet=message.value,
    )


def written_at(message: Received) -> datetime:
    """Return when a message was written, by Kafka."""
    return datetime.fromtimestamp(message.timestamp_ms / 1000, UTC)
