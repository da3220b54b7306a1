"""Make the files of a night again, from rows and archive; Kafka is neither read nor written."""

from datetime import UTC, date, datetime

import structlog
from sqlalchemy import select, update

from broker.config import config
from broker.db import lock, transaction
from broker.errors import TransientError
from broker.host import this_host
from pipeline.selected import closing, disk, files, sources
from pipeline.selected.runs import Counts, RunBook
from pipeline.selected.sources import Target, output_root
from pipeline.selected.tables import CUTOUT_KINDS, OutputFile, Selection
from pipeline.selected.thumbnails import Thumbnails
from pipeline.selected.writer import Row, Writer, rendered, row_chunks

CHUNK = 100
"""Alerts whose packets are held in memory at once."""
GONE = "{} cutouts are neither here nor can be read from the archive; the table still names them"

log = structlog.get_logger(__name__)


class RerunError(Exception):
    """A night that cannot be made again here; the message says why."""


def rerun(selection_id: int, night: date, by: str) -> None:
    """Write every cutout and the table of a night again; the same rows give the same bytes.

    Images that ANTARES did not show are asked for once more; what comes stands in the table then.
    A cutout whose packet has expired, or cannot be read just now, and that is not on disk any more
    is counted: its row, and so its line, stays, for S3 may have it.

    Parameters
    ----------
    selection_id : int
        ``selections.id``.
    night : date
        UTC date of the table.
    by : str
        Who asked.

    Raises
    ------
    RerunError
        If the files are another host's, or there is no such night.
    TransientError
        While another process writes there.
    """
    target, file = _found(selection_id, night)
    with lock(target.lock) as is_ours:
        if not is_ours:
            raise TransientError(f"another process writes below {target.root}")
        book = RunBook(target.id, "rerun", "rerun", by)
        book.begin(night)
        try:
            gone = _make_all(target, file, book)
        except BaseException as error:
            book.end("failed", error=repr(error)[:500])
            raise
        book.end("short" if gone else "done", error=GONE.format(gone) if gone else None)
    log.info("selected.made_again", night=str(night), gone=gone, by=by)


def _make_all(target: Target, file: OutputFile, book: RunBook) -> int:
    """Make cutouts, then the table; return how many cutouts could not be had."""
    if target.name == sources.ANTARES:
        Thumbnails.of_settings(target, config().antares).fetch_absent(file.id)
    now, writer, gone = datetime.now(UTC), Writer(target, 2), 0
    try:
        for rows in row_chunks(file.id, CHUNK):
            gone += _write_cutouts(writer, target, file, rows, now, book)
    finally:
        writer.close()
    mended = _write_table(target, file, now)
    with transaction() as session:
        book.add(session, Counts(mended=mended))
    return gone


def _found(selection_id: int, night: date) -> tuple[Target, OutputFile]:
    with transaction() as session:
        selection = session.get(Selection, selection_id)
        wanted = select(OutputFile).filter_by(selection_id=selection_id, night=night, kind="csv")
        file = session.scalars(wanted).one_or_none()
    if selection is None or file is None:
        raise RerunError(f"there is no table of {night} of selection {selection_id}")
    mine = (this_host(), str(output_root()))
    if (selection.host, selection.root) != mine:
        raise RerunError(
            f"files of {selection.name} lie on {selection.host} below {selection.root}, not here"
        )
    return Target(selection.id, selection.name, *mine), file


def _write_cutouts(
    writer: Writer,
    target: Target,
    file: OutputFile,
    rows: list[Row],
    now: datetime,
    book: RunBook,
) -> int:
    """Write the cutouts of some rows, and count them; return how many could not be had."""
    before = _seen(target, rows)
    cutouts = writer.write_cutouts(rows, {})
    mended = sum(before[each.path] != each for each in cutouts.written)
    written = {each.path for each in cutouts.written}
    gone = len(before.keys() - written)
    with transaction() as session:
        files.note_written(session, target, "cutout", file.night, cutouts.written, now)
        book.add(session, _count(rows, gone, mended))
    return gone


def _seen(target: Target, rows: list[Row]) -> dict[str, disk.Written | None]:
    """Return what lies where the cutouts of some rows belong."""
    paths = [row[f"{kind}_path"] for row in rows for kind in CUTOUT_KINDS]
    return {path: disk.look_up(target.path, path) for path in paths if path is not None}


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
    if disk.read(target.path, file.path) == content:
        return 0
    disk.write_whole(target.path, file.path, content)
    with transaction() as session:
        session.execute(
            update(OutputFile).where(OutputFile.id == file.id).values(length=len(content))
        )
    return 1
