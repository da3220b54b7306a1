"""End a night: its table is compared with its rows, summed, and written as Parquet too.

A table is closed in two steps. The first says that no row can come any more; the second, which may
be cut off and done again, makes the file what the rows say and notes its checksum.
"""

from collections.abc import Iterator, Sequence
from datetime import date, datetime
from typing import NamedTuple

import structlog
from sqlalchemy import Select, func, select, update

from broker.db import lock, transaction
from broker.failpoints import failpoint
from broker.outages import OUTAGES
from pipeline.selected import disk, files, rendering
from pipeline.selected.sources import Target
from pipeline.selected.tables import OutputFile, SelectedAlert
from pipeline.selected.writer import pieces, rendered, row_chunks

log = structlog.get_logger(__name__)


class Closed(NamedTuple):
    """A table that is closed now."""

    path: str
    """Below the target's root."""
    mended: int
    """Files that were not what its rows say, and are made again."""


def close_due(target: Target, now: datetime) -> list[Closed]:
    """Close every table whose UTC date is over and whose rows are all written.

    Parameters
    ----------
    target : Target
        Whose tables.
    now : datetime
        UTC.

    Returns
    -------
    list of Closed
        Tables that are closed now; none while another process writes there. One that cannot be is
        logged, tried again at the next call, and keeps no other.

    Raises
    ------
    OUTAGES
        If the disk or a server is away: call again.
    """
    with lock(target.lock) as is_ours:
        if not is_ours:
            return []
        _end(target, now)
        return list(_finish_all(target, now))


def _finish_all(target: Target, now: datetime) -> Iterator[Closed]:
    for file in _unfinished(target):
        try:
            yield Closed(file.path, finish(target, file, now))
        except OUTAGES:
            raise
        except Exception:
            log.exception("selected.not_closed", path=file.path)


def finish(target: Target, file: OutputFile, now: datetime) -> int:
    """Make the files of an ended night what its rows say; the caller holds the lock.

    Returns
    -------
    int
        How many of them were lost or changed. A night that was not closed has no Parquet to lose.
    """
    mended = 0
    whole = disk.sum_up(file.path, pieces(file))
    if disk.look_up(target.path, file.path) != whole:
        log.warning("selected.table_made_again", path=file.path, length=whole.length)
        whole = disk.write_whole(target.path, file.path, rendered(file))
        mended += 1
    failpoint("csv_closed")
    table = rendering.parquet(row_chunks(file.id), file.columns or ())
    before = disk.look_up(target.path, files.parquet_path(file.path))
    written = disk.write_whole(target.path, files.parquet_path(file.path), table)
    mended += file.sha256 is not None and before != written
    disk.sync_folders([disk.place(target.path, file.path).parent])
    failpoint("parquet_written")
    changed = {} if whole.sha256 == file.sha256 else {"s3_state": None, "confirmed_at": None}
    with transaction() as session:
        files.note_written(session, target, "parquet", file.night, [written], now)
        rows = session.scalar(
            select(func.count()).where(
                SelectedAlert.file_id == file.id, SelectedAlert.csv_seq.is_not(None)
            )
        )
        session.execute(
            update(OutputFile)
            .where(OutputFile.id == file.id)
            .values(
                length=whole.length,
                rows=rows,
                sha256=whole.sha256,
                closed_at=now,
                deleted_at=None,
                **changed,
            )
        )
        beside = {"host": target.host, "root": target.root, "path": written.path}
        session.execute(update(OutputFile).filter_by(**beside).values(rows=rows))
    log.info("selected.closed", path=file.path, rows=rows)
    return mended


def _end(target: Target, now: datetime) -> None:
    """Say of every table whose date is over that no row can come any more."""
    with transaction() as session:
        for file_id in session.scalars(_open_before(target, now.date())).all():
            # Whoever stores rows of this table holds its row until they are there.
            held = select(OutputFile.id).where(OutputFile.id == file_id).with_for_update()
            session.execute(held)
            waits = select(SelectedAlert.id).where(
                SelectedAlert.file_id == file_id, SelectedAlert.csv_seq.is_(None)
            )
            if session.scalar(waits.limit(1)) is None:
                session.execute(
                    update(OutputFile).where(OutputFile.id == file_id).values(closed_at=now)
                )


def _open_before(target: Target, today: date) -> Select[int]:
    return select(OutputFile.id).where(
        OutputFile.selection_id == target.id,
        OutputFile.kind == "csv",
        OutputFile.night < today,
        OutputFile.closed_at.is_(None),
    )


def _unfinished(target: Target) -> Sequence[OutputFile]:
    wanted = select(OutputFile).where(
        OutputFile.selection_id == target.id,
        OutputFile.kind == "csv",
        OutputFile.closed_at.is_not(None),
        OutputFile.sha256.is_(None),
    )
    with transaction() as session:
        return session.scalars(wanted.order_by(OutputFile.night)).all()
