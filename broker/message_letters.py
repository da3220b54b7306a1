"""Dead letters of messages that are read one by one or in batches: with their place and time."""

from dataclasses import dataclass

from broker.archive import ArchiveWriter, Slice
from broker.dead_letters import Letter
from broker.kafka_messages import Received
from broker.kafka_types import Packet


@dataclass(frozen=True)
class Bad:
    """One message that cannot be stored, with the reason and cause of its dead letter.

    Attributes
    ----------
    message : Received
        Which.
    reason : str
        Of ``dead_letters.REASONS``.
    why : str
        For people.
    trace : str or None
        Where an error of ours came from.
    """

    message: Received
    reason: str
    why: str
    trace: str | None = None


def letter_of(
    message: Received,
    reason: str,
    why: str,
    *,
    trace: str | None = None,
    archive: Slice | None = None,
) -> Letter:
    """Return the letter of a message that became no row.

    Parameters
    ----------
    message : Received
        Which.
    reason : str
        Of ``dead_letters.REASONS``.
    why : str
        For people.
    trace : str, optional
        Where an error of ours came from.
    archive : Slice, optional
        Where its bytes lie; without them it can be neither shown nor taken once more.
    """
    return Letter(
        partition=message.partition,
        offset=message.offset,
        reason=reason,
        message=why,
        traceback=trace,
        kafka_timestamp=message.written_at,
        night=message.written_at.date(),
        packet=message.value,
        archive=archive and (archive.segment_id, archive.start, archive.length),
    )


def keep(archive: ArchiveWriter, stream: str, source_id: int, message: Received) -> Slice:
    """Put a message's bytes into the archive of a stream, by the UTC date that it was written."""
    packet = Packet(message.offset, message.timestamp_ms, message.value)
    night = message.written_at.date()
    [piece] = archive.append(stream, night, source_id, message.partition, [packet])
    return piece
