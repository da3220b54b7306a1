"""Alerts as lines of JSON, a file for each day: appended in batches, never torn, never double.

A file is what its rows say in the order of ``line_seq``. Who writes makes it as long as it was when
it was last noted, appends, lets that reach the disk, and notes rows and length in one transaction:
whoever dies in between is followed by somebody who does the same again.
"""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import structlog
from sqlalchemy import ColumnElement, CursorResult, exists, func, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from broker.db import lock, transaction
from broker.errors import TransientError
from broker.failpoints import failpoint
from broker.host import this_host
from pipeline import json_values
from pipeline.lasair.tables import LasairAlert
from pipeline.selected import disk
from pipeline.selected.sources import output_root
from pipeline.selected.tables import OutputFile

KIND = "jsonl"
LINES = 2000
"""Written and noted at once."""
SETTLES_AFTER = timedelta(days=2)
"""A day is closed so long after its end; a later alert opens it again."""
TOPIC = "_topic"
"""Field that says which filter sent the line."""

_WAITS = exists().where(LasairAlert.file_id == OutputFile.id, LasairAlert.line_seq.is_(None))
"""A row of the file has no line yet."""

log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Place:
    """Whose disk, and the folder on it that all output lies in."""

    host: str
    root: str
    id: None = None
    """Of a selection: Lasair's files belong to none."""

    @classmethod
    def ours(cls) -> "Place":
        """Return that of this process."""
        return cls(this_host(), str(output_root()))

    @property
    def path(self) -> Path:
        """Return the folder as a path."""
        return Path(self.root)


def path_of(day: date) -> str:
    """Return where a day's alerts lie below the root."""
    return f"data/alerts_partitioned/date={day:%Y-%m-%d}/alerts.jsonl"


def line(row: LasairAlert) -> bytes:
    """Return an alert's line; its names are sorted, so that the same alert is the same bytes."""
    values = {**json_values.as_sent(row.payload), TOPIC: row.topic}
    text = json.dumps(values, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return text.encode() + b"\n"


def begin(session: Session, place: Place, days: Sequence[date]) -> dict[date, int]:
    """Return the ids of the files of these days, open for the rows of this transaction.

    They are locked until it ends, in one order whoever comes: closing waits, and nobody for each
    other in a circle.
    """
    return {day: _begin_one(session, place, day) for day in sorted(set(days))}


def write_waiting(place: Place) -> int:
    """Append every row that waits for its line; return how many there were.

    Safe beside a second copy of itself: one of them has the lock.
    """
    with lock(_lock_name(place)) as is_mine:
        if not is_mine:
            return 0
        return sum(_write_file(place, file_id) for file_id in _waiting(place))


def close_settled(place: Place, now: datetime | None = None) -> int:
    """Close the files of days that are long over, with their checksums; return how many.

    Safe beside a second copy of itself and of ``write_waiting``, as that is.
    """
    before = ((now or datetime.now(UTC)) - SETTLES_AFTER).date()
    with lock(_lock_name(place)) as is_mine:
        if not is_mine:
            return 0
        return sum(_close(place, file) for file in _settled(place, before))


def _lock_name(place: Place) -> str:
    return f"nightjar.lasair.{place.host}.{place.root}"


def _settled(place: Place, before: date) -> Sequence[OutputFile]:
    """Return the open files of days before that; one without a line is none yet."""
    settled = select(OutputFile).where(
        *_ours(place),
        OutputFile.night < before,
        OutputFile.closed_at.is_(None),
        OutputFile.rows > 0,
        ~_WAITS,
    )
    with transaction() as session:
        return session.scalars(settled.order_by(OutputFile.night)).all()


def _close(place: Place, file: OutputFile) -> bool:
    """Make a file what its rows say and close it; return False if a further row came."""
    content = rendered(file.id)
    if disk.read(place.path, file.path) != content:
        log.warning("lasair.file_made_again", path=file.path, length=len(content))
        disk.write_whole(place.path, file.path, content)
        disk.sync_folders([disk.place(place.path, file.path).parent])
    with transaction() as session:
        # Whoever stores rows of this file holds its row until they are there.
        session.execute(select(OutputFile.id).where(OutputFile.id == file.id).with_for_update())
        closed: CursorResult[Any] = session.execute(  # type: ignore[assignment] # of an UPDATE
            update(OutputFile)
            .where(OutputFile.id == file.id, ~_WAITS)
            .values(
                closed_at=func.now(),
                length=len(content),
                sha256=hashlib.sha256(content).hexdigest(),
            )
        )
    return closed.rowcount == 1


def _begin_one(session: Session, place: Place, day: date) -> int:
    where = {"host": place.host, "root": place.root, "path": path_of(day)}
    session.execute(
        insert(OutputFile).values(**where, kind=KIND, night=day).on_conflict_do_nothing()
    )
    file = session.scalars(select(OutputFile).filter_by(**where).with_for_update()).one()
    if file.deleted_at is not None:
        _write_anew(session, file)
    if file.closed_at is not None:
        file.closed_at = file.sha256 = file.s3_state = file.confirmed_at = None
        session.flush()
    return file.id


def _write_anew(session: Session, file: OutputFile) -> None:
    """Let all lines of a file that retention took be written again: they are still rows."""
    file.deleted_at, file.length, file.rows = None, 0, 0
    mine = update(LasairAlert).where(LasairAlert.file_id == file.id)
    session.execute(mine.values(line_seq=None))


def _waiting(place: Place) -> list[int]:
    with transaction() as session:
        found = select(OutputFile.id).where(*_ours(place), _WAITS).order_by(OutputFile.id)
        return list(session.scalars(found))


def _write_file(place: Place, file_id: int) -> int:
    written = 0
    while count := _append(place, file_id):
        written += count
    return written


def _append(place: Place, file_id: int) -> int:
    """Append some rows of one file and note them; return how many."""
    with transaction() as session:
        file = session.get_one(OutputFile, file_id)
        rows = session.scalars(
            select(LasairAlert)
            .where(LasairAlert.file_id == file_id, LasairAlert.line_seq.is_(None))
            .order_by(LasairAlert.id)
            .limit(LINES)
        ).all()
    if not rows:
        return 0
    content = b"".join(map(line, rows))
    length, _ = disk.append_mending(
        place.path, file.path, file.length, content, lambda: rendered(file_id)
    )
    failpoint("lines_appended")
    with transaction() as session:
        noted: CursorResult[Any] = session.execute(  # type: ignore[assignment] # of an UPDATE
            update(OutputFile)
            .where(
                OutputFile.id == file_id,
                OutputFile.length == file.length,
                OutputFile.rows == file.rows,
                OutputFile.closed_at.is_(None),
            )
            .values(length=length, rows=file.rows + len(rows))
        )
        if noted.rowcount != 1:
            raise TransientError(f"{file.path}: somebody else wrote to it meanwhile")
        numbered = [{"id": row.id, "line_seq": file.rows + n} for n, row in enumerate(rows, 1)]
        session.execute(update(LasairAlert), numbered)
    failpoint("lines_committed")
    log.info("lasair.written", path=file.path, lines=len(rows))
    return len(rows)


def rendered(file_id: int) -> bytes:
    """Return the file that its rows make."""
    with transaction() as session:
        rows = session.scalars(
            select(LasairAlert)
            .where(LasairAlert.file_id == file_id, LasairAlert.line_seq.is_not(None))
            .order_by(LasairAlert.line_seq)
        )
        return b"".join(map(line, rows))


def _ours(place: Place) -> tuple[ColumnElement[bool], ...]:
    return (OutputFile.kind == KIND, OutputFile.host == place.host, OutputFile.root == place.root)
