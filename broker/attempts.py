"""Which messages are being read: the note that a process leaves behind when it dies over one.

A message that kills whoever reads it (no memory left, a fault in compiled code) would be read by
the next process, and the next. So each reading is noted durably before it begins, and the note goes
once the message is stored or buried.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import NamedTuple

import structlog
from sqlalchemy import (
    ColumnElement,
    Identity,
    Integer,
    SmallInteger,
    UniqueConstraint,
    and_,
    delete,
    func,
    or_,
    select,
)
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Mapped, Session, mapped_column

from broker.db import Table, transaction
from broker.kafka_messages import Received

BURY_AT_DEATH = 3
"""A message that was being read when its process died so often is buried unread."""

log = structlog.get_logger(__name__)


class MessageAttempt(Table):
    """A message that is being read, or the first of a batch; gone once that is stored."""

    __tablename__ = "message_attempts"
    __table_args__ = (UniqueConstraint("source_id", "source_partition", "source_offset"),)

    id: Mapped[int] = mapped_column(Identity(), primary_key=True)
    source_id: Mapped[int] = mapped_column(comment="sources.id")
    source_partition: Mapped[int] = mapped_column(Integer)
    source_offset: Mapped[int]
    attempts: Mapped[int] = mapped_column(SmallInteger, server_default="1")
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())


class Place(NamedTuple):
    """Where a message stands; ``source_id`` is of ``sources``."""

    source_id: int
    partition: int
    offset: int


class Piece(NamedTuple):
    """Messages that are to be taken at once.

    Attributes
    ----------
    messages : sequence of Received
        A whole batch, or a single message.
    is_deadly : bool
        Whether too many processes died over it: it is to be buried unread.
    """

    messages: Sequence[Received]
    is_deadly: bool = False


WHY_DEADLY = f"{BURY_AT_DEATH} processes died while they read it"
"""Of the dead letter, whose reason is ``worker_died``."""


def note(session: Session, place: Place) -> int:
    """Note that a process begins to read a message; return how many have begun, this included."""
    names = ("source_id", "source_partition", "source_offset")
    noted = session.scalar(
        insert(MessageAttempt)
        .values(dict(zip(names, place, strict=True)))
        .on_conflict_do_update(index_elements=names, set_={"attempts": MessageAttempt.attempts + 1})
        .returning(MessageAttempt.attempts)
    )
    return noted or 1


def forget(session: Session, first: Place, last_offset: int | None = None) -> None:
    """Remove the notes of a message, or of all from one to another of its partition."""
    last = first.offset if last_offset is None else last_offset
    session.execute(delete(MessageAttempt).where(_between(first, last)))


class Attempts:
    """The notes of a process that reads in batches.

    A batch has one note in each partition, at its first message there. Whoever follows a process
    that died over it takes its messages one by one, each with a note of its own, until the one that
    kills is known; its neighbours are stored.
    """

    def __init__(self) -> None:
        self._mine: dict[Place, int] = {}

    def pieces(self, batch: Sequence[Received], sources: Mapping[str, int]) -> Iterator[Piece]:
        """Yield a batch as it can be taken; a piece is done once the next one is asked for.

        Parameters
        ----------
        batch : sequence of Received
            In the order of each partition's offsets.
        sources : mapping of str to int
            ``sources.id`` by topic.
        """
        spans = _spans(batch, sources)
        if self._begin(spans):
            yield Piece(batch)
        else:
            log.warning("messages.one_by_one", messages=len(batch))
            for message in batch:
                place = _place(message, sources)
                yield Piece([message], self._count(place) > BURY_AT_DEATH)
                self._end({place: place.offset})
        self._end(spans)

    def _begin(self, spans: Mapping[Place, int]) -> bool:
        """Note a batch; False where another process died over some of it."""
        inside = or_(*(_between(first, last) for first, last in spans.items()))
        noted = select(
            MessageAttempt.source_id,
            MessageAttempt.source_partition,
            MessageAttempt.source_offset,
        ).where(inside)
        with transaction() as session:
            # Of what is noted, only a first note that is our own says nothing of a death.
            if any(self._mine.get(Place(*row)) != 1 for row in session.execute(noted)):
                return False
            new = {first: note(session, first) for first in spans if first not in self._mine}
        self._mine |= new
        return True

    def _count(self, place: Place) -> int:
        """Return how many processes have begun to read a message; this one counts once."""
        if place not in self._mine:
            with transaction() as session:
                self._mine[place] = note(session, place)
        return self._mine[place]

    def _end(self, spans: Mapping[Place, int]) -> None:
        with transaction() as session:
            for first, last in spans.items():
                forget(session, first, last)
        for place in list(self._mine):
            if any(_is_between(place, first, last) for first, last in spans.items()):
                del self._mine[place]


def _spans(batch: Sequence[Received], sources: Mapping[str, int]) -> dict[Place, int]:
    """Return the first place of a batch in each partition, with the last offset there."""
    firsts: dict[tuple[int, int], Place] = {}
    spans: dict[Place, int] = {}
    for message in batch:
        place = _place(message, sources)
        first = firsts.setdefault(place[:2], place)
        spans[first] = place.offset
    return spans


def _place(message: Received, sources: Mapping[str, int]) -> Place:
    return Place(sources[message.topic], message.partition, message.offset)


def _between(first: Place, last_offset: int) -> ColumnElement[bool]:
    return and_(
        MessageAttempt.source_id == first.source_id,
        MessageAttempt.source_partition == first.partition,
        MessageAttempt.source_offset.between(first.offset, last_offset),
    )


def _is_between(place: Place, first: Place, last_offset: int) -> bool:
    return place[:2] == first[:2] and first.offset <= place.offset <= last_offset
