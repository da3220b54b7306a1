"""Dead letters of messages that cannot be delivered, or cannot be made."""

from collections.abc import Sequence

from broker.avro import UnreadableError
from broker.dead_letters import Letter
from broker.errors import TransientError
from pipeline.alerts.publish import Delivered, Unmade
from pipeline.surveys.record import Survey


def too_large_letters(delivered: Delivered, survey: Survey, partition: int) -> list[Letter]:
    """Return a dead letter for each message that no broker of ours will take."""
    return [
        Letter(
            partition=partition,
            offset=sent.offset,
            reason="too_large",
            message=f"its message to {sent.message.topic} has {len(sent.message.value)} bytes, "
            "more than kafka.message_max_bytes even without old photometry",
            kafka_timestamp=sent.kafka_timestamp,
            night=survey.night(sent.kafka_timestamp),
        )
        for sent in delivered.too_large
    ]


def unmade_letters(unmade: Sequence[Unmade], survey: Survey, partition: int) -> list[Letter]:
    """Return a dead letter for each alert whose packet is at fault, not a server that is away."""
    return [
        Letter(
            partition=partition,
            offset=each.offset,
            reason=each.error.reason if isinstance(each.error, UnreadableError) else "unexpected",
            message=f"selected, and its message cannot be made from the archive: {each.error}",
            kafka_timestamp=each.kafka_timestamp,
            night=survey.night(each.kafka_timestamp),
        )
        for each in unmade
        if not isinstance(each.error, TransientError)
    ]
