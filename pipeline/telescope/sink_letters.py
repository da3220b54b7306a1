"""Data that cannot be stored: a dead letter for us, and the bytes as they came for the telescope.

The letter is written after Kafka has the copy: a crash in between writes that once more, and never
loses it. What has a letter already, a replay copies no second time.
"""

from collections.abc import Collection, Iterator, Sequence
from itertools import chain

from sqlalchemy import select
from sqlalchemy.orm import Session

from broker.dead_letters import DeadLetter, Letter
from broker.errors import TransientError
from broker.kafka import Producer
from broker.kafka_types import Message
from pipeline.alerts.store import Source, utc_from_ms
from pipeline.telescope.decode_data import Refused

BATCH_BYTES = 16 * 2**20
"""So much is handed to the producer at once; its queue keeps it in memory until Kafka has it."""


def buried_before(session: Session, source: Source, refused: Sequence[Refused]) -> set[int]:
    """Return the offsets, out of those that are refused, that have a letter already."""
    offsets = [each.packet.offset for each in refused]
    return set(
        session.scalars(
            select(DeadLetter.source_offset).where(
                DeadLetter.source_id == source.id,
                DeadLetter.source_partition == source.partition,
                DeadLetter.source_offset.in_(offsets),
                DeadLetter.sha256.is_not(None),
            )
        )
    )


def letter(partition: int, refused: Refused) -> Letter:
    """Return the letter of a message that cannot be stored; its night is the UTC date."""
    at = utc_from_ms(refused.packet.timestamp_ms)
    return Letter(
        partition=partition,
        offset=refused.packet.offset,
        reason=refused.reason,
        message=refused.why,
        traceback=refused.trace,
        kafka_timestamp=at,
        night=at.date(),
        packet=refused.packet.value,
    )


def send_copies(
    producer: Producer,
    dlq: str,
    place: tuple[str, int],
    refused: Sequence[Refused],
    but: Collection[int],
) -> None:
    """Write refused messages as they came to the topic of those that could not be stored.

    Parameters
    ----------
    producer : Producer
        Takes messages of any size that the data topic takes, with headers.
    dlq : str
        The topic.
    place : tuple
        Topic and partition that they came from.
    refused : sequence of Refused
        The messages.
    but : collection of int
        Offsets that are left out.

    Raises
    ------
    TransientError
        If Kafka has not acknowledged all of them; some may be there.
    """
    wanted = [_copy(dlq, *place, each) for each in refused if each.packet.offset not in but]
    outcomes = list(chain.from_iterable(producer.send(part) for part in _batches(wanted)))
    failed = [outcome for outcome in outcomes if outcome is not None]
    if failed:
        raise TransientError(f"{dlq}: {len(failed)} of {len(outcomes)} not taken: {failed[0].text}")


def _copy(dlq: str, topic: str, partition: int, refused: Refused) -> Message:
    headers = {
        "error_reason": refused.reason,
        "error_topic": topic,
        "error_partition": str(partition),
        "error_offset": str(refused.packet.offset),
    }
    packet = refused.packet
    encoded = [(name, text.encode()) for name, text in headers.items()]
    return Message(dlq, packet.key, packet.value, encoded)


def _batches(messages: Sequence[Message]) -> Iterator[list[Message]]:
    batch: list[Message] = []
    size_bytes = 0
    for message in messages:
        if batch and size_bytes + len(message.value) > BATCH_BYTES:
            yield batch
            batch, size_bytes = [], 0
        batch.append(message)
        size_bytes += len(message.value)
    if batch:
        yield batch
