"""Dead letters of streams whose listeners store messages in batches: taken once more by these.

A retry only marks the letter. Whoever listens to its stream, or collects it, looks for such letters
now and then and takes their messages from the archive as if Kafka had just handed them out: what is
stored, or buried again, is decided in one place.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import structlog
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from broker import dead_letters
from broker.archive import ArchiveSegment
from broker.config import config, project_path
from broker.db import lock, transaction
from broker.dead_letters import RETRIED_STATES, DeadLetter
from broker.host import archive_host
from broker.kafka_messages import Received
from broker.letter_packets import NoPacketError, archived_packet
from broker.sections import lasair, telescope

MOST_LETTERS = 100
"""Taken at one look: the group must hear of its member meanwhile."""

Take = Callable[[Received, int], str | None]
"""Stores or buries a message of the log with this ``sources.id``; says what became of one that is
neither."""

log = structlog.get_logger(__name__)


@dataclass
class Asked:
    """What became of a wish: letters that their listeners take, and why not the others."""

    taken: list[int] = field(default_factory=list)
    refused: dict[int, str] = field(default_factory=dict)


def streams() -> frozenset[str]:
    """Return the streams whose letters are taken in this way."""
    settings = config()
    others = (source.name for source in settings.selected.sources)
    return frozenset((*settings.own_sources, *others, lasair.STREAM, telescope.STREAM))


def ask(session: Session, ids: Sequence[int]) -> Asked:
    """Mark letters of these streams for their listeners; letters of others are passed over.

    Parameters
    ----------
    session : Session
        Of an open transaction, which the caller commits.
    ids : sequence of int
        ``dead_letters.id``; those that are neither open nor ignored are passed over.
    """
    letters = session.scalars(
        select(DeadLetter)
        .where(
            DeadLetter.id.in_(ids),
            DeadLetter.stream.in_(streams()),
            DeadLetter.state.in_(RETRIED_STATES),
        )
        .order_by(DeadLetter.id)
    )
    asked = Asked()
    for letter in letters:
        why = _why_not(session, letter)
        if why is None:
            letter.state, letter.resolved_by, letter.updated_at = "retried", None, func.now()
            asked.taken.append(letter.id)
        else:
            asked.refused[letter.id] = why
    return asked


def take_retried(stream: str, take: Take, *, topic: str | None = None) -> int:
    """Take the messages of letters that are to be tried again; return how many there were.

    A letter whose message is stored now is resolved; one that was buried again is open again.
    Whoever dies in between leaves it to the next look. A second copy of this returns at once.

    Parameters
    ----------
    stream : str
        Of ``streams``.
    take : callable
        Stores or buries one message.
    topic : str, optional
        Only of this one; all when not given.

    Raises
    ------
    OUTAGES
        As ``take``: the letters wait for the next look.
    """
    if not _due(stream, topic):
        return 0
    with lock(f"nightjar.retakes.{stream}.{topic or ''}") as is_ours:
        due = _due(stream, topic) if is_ours else []
        for letter_id in due:
            _take(letter_id, take)
        return len(due)


def _why_not(session: Session, letter: DeadLetter) -> str | None:
    """Return why a letter's message cannot be taken again, as far as that is known here."""
    if letter.archive_segment_id is None:
        return "It was buried before it was archived."
    segment = session.get(ArchiveSegment, letter.archive_segment_id)
    if segment is not None and segment.host != archive_host():
        return None  # its own machine knows
    try:
        _message(session, letter)
    except NoPacketError as error:
        return str(error)
    return None


def _due(stream: str, topic: str | None) -> list[int]:
    """Return the letters that wait and whose messages lie here, oldest first."""
    root = project_path(config().archive.path)
    waiting = (
        select(DeadLetter.id, ArchiveSegment.host, ArchiveSegment.path)
        .join(ArchiveSegment, ArchiveSegment.id == DeadLetter.archive_segment_id)
        .where(DeadLetter.stream == stream, DeadLetter.state == "retried")
        .order_by(DeadLetter.id)
        .limit(MOST_LETTERS)
    )
    if topic is not None:
        waiting = waiting.where(DeadLetter.topic == topic)
    with transaction() as session:
        rows = session.execute(waiting).all()
    ours = archive_host()
    return [row.id for row in rows if row.host == ours or (root / row.path).exists()]


def _take(letter_id: int, take: Take) -> None:
    with transaction() as session:
        letter = session.get_one(DeadLetter, letter_id)
        try:
            message, source_id = _message(session, letter)
        except NoPacketError as error:
            log.warning("letter.not_taken", letter=letter_id, why=str(error))
            letter.state, letter.attempts = "open", letter.attempts + 1
            return
    became = take(message, source_id) or dead_letters.BECAME
    with transaction() as session:
        now = select(DeadLetter.state).where(DeadLetter.id == letter_id).with_for_update()
        if session.scalar(now) == "retried":  # else it was buried again
            place = (source_id, message.partition, [message.offset])
            dead_letters.resolve(session, *place, became)


def _message(session: Session, letter: DeadLetter) -> tuple[Received, int]:
    """Return a letter's message as Kafka handed it out, and ``sources.id`` of its log."""
    if letter.source_id is None:
        raise NoPacketError("Nobody knew which topic it came from.")
    value = archived_packet(session, letter)
    written_at = letter.kafka_timestamp or letter.first_seen_at
    place = (letter.topic, letter.source_partition, letter.source_offset)
    return Received(*place, round(written_at.timestamp() * 1000), value), letter.source_id
