"""What telescopes observed, as far as its data has arrived: counts, pieces, their bytes."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from pipeline.telescope.data_tables import TelescopeDataRaw

PAGE_SIZE = 100
_NOT_OF_FILES = re.compile(r"[^A-Za-z0-9._-]")


@dataclass(frozen=True)
class Piece:
    """One piece of data without its bytes; ``timestamp`` is when it was taken, Unix time [ms]."""

    data_id: str
    sequence_number: int
    timestamp: int
    size_bytes: int | None
    processed: bool | None

    @property
    def taken_at(self) -> datetime | None:
        """When it was taken, UTC; None where that is no moment of the calendar."""
        try:
            return datetime.fromtimestamp(self.timestamp / 1000, UTC)
        except (OverflowError, ValueError, OSError):
            return None


@dataclass(frozen=True)
class Observed:
    """A page of an observation's pieces, in sequence, and what there is of it altogether."""

    pieces: Sequence[Piece]
    count: int
    size_bytes: int
    first: int | None
    last: int | None
    number_count: int
    """Numbers that have a piece: two pieces with one number leave a gap elsewhere as it is."""

    @property
    def missing(self) -> int:
        """How many numbers of the sequence between the first and the last have no piece."""
        if self.first is None or self.last is None:
            return 0
        return max(0, self.last - self.first + 1 - self.number_count)


def observation(session: Session, observation_id: str, page: int) -> Observed:
    """Return a page of the pieces of an observation; pages count from 1."""
    table, size = TelescopeDataRaw, func.octet_length(TelescopeDataRaw.data)
    is_its = table.observation_id == observation_id
    number = table.sequence_number
    found = session.execute(
        select(
            func.count(),
            func.coalesce(func.sum(size), 0),
            func.min(number),
            func.max(number),
            func.count(number.distinct()),
        ).where(is_its)
    ).one()
    rows = session.execute(
        select(table.data_id, number, table.timestamp, size, table.processed)
        .where(is_its)
        .order_by(number, table.data_id)
        .limit(PAGE_SIZE)
        .offset((page - 1) * PAGE_SIZE)
    )
    return Observed([Piece(*row) for row in rows], *found)


def count(session: Session, observation_id: str) -> int:
    """Return how many pieces of an observation have arrived."""
    is_its = TelescopeDataRaw.observation_id == observation_id
    return session.scalar(select(func.count()).select_from(TelescopeDataRaw).where(is_its)) or 0


def payload(session: Session, observation_id: str, data_id: str) -> bytes | None:
    """Return the bytes of a piece; None: there is none, or it has none."""
    table = TelescopeDataRaw
    return session.scalar(
        select(table.data).where(table.data_id == data_id, table.observation_id == observation_id)
    )


def file_name(data_id: str) -> str:
    """Return what a piece's file is called: an id is the sender's word, with any characters."""
    return f"{_NOT_OF_FILES.sub('_', data_id)}.bin"
