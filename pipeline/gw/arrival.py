"""What is known of a message beside its bytes, and what a stream does with it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Generic, TypeVar

from sqlalchemy.orm import Session

from broker.archive import Slice
from pipeline.gw.steps import Bell

Judged = TypeVar("Judged")


@dataclass(frozen=True)
class Arrival:
    """Where a message came from, and when.

    Attributes
    ----------
    topic : str
        Without the prefix of the settings; ``file`` for one given by hand.
    source_id, partition, offset : int
        ``sources.id`` and the place in it.
    kafka_timestamp, received_at : datetime
        When it was written, and when we read it.
    slice : Slice or None
        Where its bytes lie in the archive; None where they are not kept.
    """

    topic: str
    source_id: int
    partition: int
    offset: int
    kafka_timestamp: datetime
    received_at: datetime
    slice: Slice | None

    def columns(self) -> dict[str, Any]:
        """Return the columns that every table of notices has for it."""
        place = self.slice
        return {
            "topic": self.topic,
            "source_id": self.source_id,
            "source_partition": self.partition,
            "source_offset": self.offset,
            "archive_segment_id": place and place.segment_id,
            "archive_start": place and place.start,
            "archive_length": place and place.length,
            "archive_crc32": place and place.crc32,
            "received_at": self.received_at,
        }


@dataclass(frozen=True)
class Stored:
    """What became of a message.

    Attributes
    ----------
    text : str
        One line for logs and people.
    bells : sequence of Bell
        Steps to ring for after the commit.
    """

    text: str
    bells: Sequence[Bell] = ()


@dataclass(frozen=True)
class Intake(Generic[Judged]):
    """What a stream does with one message.

    Attributes
    ----------
    judge : callable
        ``judge(raw, topic)``: reads and measures, outside any transaction; raises
        ``notices.BadNotice``.
    store : callable
        ``store(session, judged, arrival)``: writes rows and steps in one transaction; the same
        message a second time changes nothing.
    passing : frozenset of str
        Topics whose messages say nothing once the next one is there: they are not archived.
    modules : sequence of str
        What ``judge`` imports when it first needs it; a listener does so before the first message.
    """

    judge: Callable[[bytes, str], Judged]
    store: Callable[[Session, Judged, Arrival], Stored]
    passing: frozenset[str] = frozenset()
    modules: Sequence[str] = ()
