"""Make the files of a night again, from rows and archive; Kafka is neither read nor written.

A night may be larger than a task may be long: a run is made in pieces, each of which goes on behind
the last line that the run's row has counted. Others that write below the same root come to their
turn between two of them. The table is written last: a kill leaves the one that was there.
"""

import math
import time
from datetime import UTC, date, datetime, timedelta
from typing import NamedTuple

import structlog
from sqlalchemy import select, update
from sqlalchemy.orm import Session

from broker.config import config
from broker.db import lock, transaction
from broker.errors import TransientError
from broker.host import this_host
from pipeline.selected import closing, disk, files, sources
from pipeline.selected.runs import Counts, RunBook
from pipeline.selected.sources import Target, output_root
from pipeline.selected.tables import CUTOUT_KINDS, OutputFile, SelectedRun, Selection
from pipeline.selected.thumbnails import Thumbnails
from pipeline.selected.writer import Row, Writer, rendered, row_chunks

KIND = "rerun"
"""Of its runs; their slot is that of the night, so that two nights are made beside each other."""
CHUNK = 100
"""Alerts whose packets are held in memory at once."""
SILENT = timedelta(minutes=10)
"""Longer than a task may last: nobody is at a run that has counted nothing for so long."""
GIVEN_UP = timedelta(hours=1)
"""A run that nobody could go on with for so long is over."""
GONE = "{} cutouts are neither here nor can be read from the archive; the table still names them"
LEFT = "nobody could go on with it for an hour: see the log of worker-sinks, then press again"

log = structlog.get_logger(__name__)


class RerunError(Exception):
    """A night that cannot be made again here; the message says why."""


class Left(NamedTuple):
    """A run that nobody is at."""

    selection_id: int
    night: date
    by: str
    host: str
    """That has the files."""


def rerun(
    selection_id: int,
    night: date,
    by: str,
    *,
    may_begin: bool = True,
    budget_s: float = math.inf,
) -> bool:
    """Write every cutout and the table of a night again; the same rows give the same bytes.

    A run that is under way is gone on with, so that a second ring does nothing twice. Images that
    ANTARES did not show are asked for once more; what comes stands in the table then. A cutout
    whose packet has expired, or cannot be read just now, and that is not on disk any more is
    counted: its row, and so its line, stays, for S3 may have it.

    Parameters
    ----------
    selection_id : int
        ``selections.id``.
    night : date
        UTC date of the table.
    by : str
        Who asked.
    may_begin : bool
        Otherwise a run that is not under way any more is not begun anew.
    budget_s : float
        No further alerts are begun after this time [s].

    Returns
    -------
    bool
        Whether the time was over before the run was: call again.

    Raises
    ------
    RerunError
        If the files are another host's, or there is no such night.
    TransientError
        While another process writes there.
    """
    until_s = time.monotonic() + budget_s
    target = _target(selection_id)
    with lock(target.lock) as is_ours:
        if not is_ours:
            raise TransientError(f"another process writes below {target.root}")
        book = RunBook(target.id, KIND, f"{KIND}-{night}", by)
        line = book.resume(night, datetime.now(UTC) - GIVEN_UP)
        if line is None and not may_begin:
            return False
        file = _table(target.id, night)
        if line is None:
            book.begin(night)
        try:
            if _make_cutouts(target, file, book, line or 0, until_s):
                return True
            gone = _make_table(target, file, book)
        except BaseException as error:
            book.end("failed", error=repr(error)[:500])
            raise
        book.end("short" if gone else "done", error=GONE.format(gone) if gone else None)
    log.info("selected.made_again", night=str(night), gone=gone, by=by)
    return False


def left(session: Session, now: datetime) -> list[Left]:
    """Return the runs that a dead process or a lost bell left; end those left for too long.

    Parameters
    ----------
    session : Session
        Of an open transaction.
    now : datetime
        UTC.
    """
    running = (SelectedRun.kind == KIND, SelectedRun.state == "running")
    session.execute(
        update(SelectedRun)
        .where(*running, SelectedRun.updated_at < now - GIVEN_UP)
        .values(state="interrupted", error=LEFT, ended_at=SelectedRun.updated_at)
    )
    found = session.execute(
        select(SelectedRun, Selection.host)
        .join(Selection, Selection.id == SelectedRun.selection_id)
        .where(*running, SelectedRun.updated_at < now - SILENT)
        .order_by(SelectedRun.id)
    )
    return [Left(run.selection_id, run.night, run.requested_by or "", host) for run, host in found]


def _make_cutouts(
    target: Target, file: OutputFile, book: RunBook, line: int, until_s: float
) -> bool:
    """Make the cutouts of the alerts behind a line; return whether time was over before the end."""
    if line == 0 and target.name == sources.ANTARES:
        Thumbnails.of_settings(target, config().antares).fetch_absent(file.id)
    now, writer = datetime.now(UTC), Writer(target, 2)
    try:
        for rows in row_chunks(file.id, CHUNK, after=line):
            _write_cutouts(writer, target, file, rows, now, book)
            if time.monotonic() >= until_s:
                return True
    finally:
        writer.close()
    return False


def _make_table(target: Target, file: OutputFile, book: RunBook) -> int:
    """Make the table, and return how many of the cutouts that it names could not be had."""
    mended = _write_table(target, file, datetime.now(UTC))
    with transaction() as session:
        book.add(session, Counts(mended=mended))
    return sum(
        not disk.place(target.path, path).exists()
        for rows in row_chunks(file.id)
        for path in _paths(rows)
    )


def _target(selection_id: int) -> Target:
    with transaction() as session:
        selection = session.get(Selection, selection_id)
    if selection is None:
        raise RerunError(f"there is no selection {selection_id}")
    mine = (this_host(), str(output_root()))
    if (selection.host, selection.root) != mine:
        raise RerunError(
            f"files of {selection.name} lie on {selection.host} below {selection.root}, not here"
        )
    return Target(selection.id, selection.name, *mine)


def _table(selection_id: int, night: date) -> OutputFile:
    with transaction() as session:
        wanted = select(OutputFile).filter_by(selection_id=selection_id, night=night, kind="csv")
        file = session.scalars(wanted).one_or_none()
    if file is None:
        raise RerunError(f"there is no table of {night} of selection {selection_id}")
    return file


def _write_cutouts(
    writer: Writer,
    target: Target,
    file: OutputFile,
    rows: list[Row],
    now: datetime,
    book: RunBook,
) -> None:
    """Write the cutouts of some rows, and count them with those that could not be had."""
    before = {path: disk.look_up(target.path, path) for path in _paths(rows)}
    cutouts = writer.write_cutouts(rows, {})
    mended = sum(before[each.path] != each for each in cutouts.written)
    gone = len(before.keys() - {each.path for each in cutouts.written})
    with transaction() as session:
        files.note_written(session, target, "cutout", file.night, cutouts.written, now)
        book.add(session, _count(rows, gone, mended))


def _paths(rows: list[Row]) -> list[str]:
    """Return where the cutouts of some rows belong."""
    paths = (row[f"{kind}_path"] for row in rows for kind in CUTOUT_KINDS)
    return [path for path in paths if path is not None]


def _count(rows: list[Row], gone: int, mended: int) -> Counts:
    states = [row[f"{kind}_state"] for row in rows for kind in CUTOUT_KINDS]
    return Counts(
        read=len(rows),
        written=len(rows),
        no_packet=sum(row["archive_segment_id"] is None for row in rows),
        missing_cutout=states.count("absent"),
        broken_cutout=states.count("broken") + gone,
        mended=mended,
    )


def _write_table(target: Target, file: OutputFile, now: datetime) -> int:
    """Make a night's table what its rows say; return how many of its files were not."""
    if file.closed_at is not None:
        return closing.finish(target, file, now)
    content = rendered(file)
    before = disk.read(target.path, file.path)
    if before != content:
        # Longer than both: who adds a line after a kill finds bytes missing, and makes all anew.
        _note_length(file, max(len(before or b""), len(content)) + 1)
        disk.write_whole(target.path, file.path, content)
        disk.sync_folders([disk.place(target.path, file.path).parent])
    _note_length(file, len(content))
    return int(before != content)


def _note_length(file: OutputFile, length: int) -> None:
    with transaction() as session:
        mine = update(OutputFile).where(OutputFile.id == file.id)
        session.execute(mine.values(length=length))
