"""Rows to files: first an alert's cutouts, then its line; only then the row says so.

Everything here may be cut off and done again: a cutout's name and bytes follow from its row, and a
table has exactly the length that its own row tells.
"""

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime
from itertools import chain
from typing import Any, NamedTuple

import structlog
from sqlalchemy import CursorResult, func, select, text, tuple_, update

from broker.db import lock, transaction
from broker.errors import TransientError
from broker.failpoints import failpoint
from broker.outages import OUTAGES
from pipeline.selected import disk, files, packets, rendering
from pipeline.selected.cutouts import BROKEN, Cutout
from pipeline.selected.disk import Written
from pipeline.selected.sources import Target
from pipeline.selected.tables import CUTOUT_KINDS, OutputFile, SelectedAlert, wants_images

MOST_ROWS = 1000
"""Written at once: what must be written again after a kill."""
PIECE_BYTES = 32 * 2**20
"""Of cutouts that are given to the threads together; one alert's more are held at most."""

Row = dict[str, Any]
File = tuple[str, bytes]
"""Path below the root, and content."""


class Wrote(NamedTuple):
    """What became of rows that had no line."""

    rows: int = 0
    """Lines."""
    late: int = 0
    """Those of them whose rows a process before this one had stored."""
    mended: int = 0
    """Tables that had lost bytes and are made again."""
    broken: int = 0
    """Cutouts that a line was to name, and that can be had no more."""


Images = Mapping[int, Mapping[str, Cutout]]


class Cutouts(NamedTuple):
    """What became of the cutouts of rows."""

    written: list[Written]
    gone: defaultdict[str, list[int]]
    """Rows (``selected_alerts.id``) by kind of cutout: neither on disk nor in the archive."""
    away: dict[int, str]
    """Why those of rows are not on disk and cannot be read from the archive just now, by row."""


_Place = tuple[date, int]
"""Of a row among those without a line: the night of its table, and its id."""
_FIRST: _Place = (date.min, 0)
_ROW = SelectedAlert.__table__.columns
_MARK = text("""
    UPDATE selected_alerts AS a SET csv_seq = n.seq
    FROM unnest(CAST(:ids AS bigint[]), CAST(:seqs AS bigint[])) AS n (id, seq)
    WHERE a.id = n.id AND a.csv_seq IS NULL
""")

log = structlog.get_logger(__name__)


class Writer:
    """Writes the files of one selection on this host.

    Parameters
    ----------
    target : Target
        Which.
    workers : int
        Cutouts written at once.
    clock : callable
        Returns the time, UTC.
    """

    def __init__(
        self,
        target: Target,
        workers: int,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._target = target
        self._clock = clock
        self._began_at = clock()
        self._pool = ThreadPoolExecutor(workers, "cutouts")

    def close(self) -> None:
        """End the threads."""
        self._pool.shutdown()

    def write(self, images: Images) -> Wrote | None:
        """Write every row of this selection that no file has yet and that waits for no image.

        A row whose packet lies in an archive that cannot be read just now waits, and no other does.

        Parameters
        ----------
        images : mapping
            Cutouts by row, of rows that this process has just stored; those of others are read
            from the archive.

        Returns
        -------
        Wrote or None
            How many rows and tables; None while another process writes here.

        Raises
        ------
        OSError, TransientError
            If the disk is full or a server is away: call again.
        """
        with lock(self._target.lock) as is_ours:
            if not is_ours:
                return None
            wrote, place = Wrote(), _FIRST
            while rows := self._unwritten(place):
                file = self._file(rows[0]["file_id"])
                place = file.night, rows[-1]["id"]
                some = self._try_to_write(file, rows, images)
                wrote = Wrote(*map(sum, zip(wrote, some, strict=True)))
            return wrote

    def unwritten(self) -> int:
        """Return how many rows ``write`` has not come to."""
        waits = select(func.count()).where(
            SelectedAlert.csv_seq.is_(None),
            SelectedAlert.selection_id == self._target.id,
            ~wants_images(),
        )
        with transaction() as session:
            return session.scalar(waits) or 0

    def _unwritten(self, after: _Place) -> list[Row]:
        """Return rows of one table behind a place, in the order in which they shall stand there."""
        place = tuple_(OutputFile.night, SelectedAlert.id)
        waiting = (
            SelectedAlert.csv_seq.is_(None),
            SelectedAlert.selection_id == self._target.id,
            ~wants_images(),
            place > tuple_(*after),
        )
        first = (
            select(SelectedAlert.file_id)
            .join(OutputFile, OutputFile.id == SelectedAlert.file_id)
            .where(*waiting)
            .order_by(OutputFile.night, SelectedAlert.id)
            .limit(1)
        )
        wanted = (
            select(*_ROW)
            .join(OutputFile, OutputFile.id == SelectedAlert.file_id)
            .where(*waiting, SelectedAlert.file_id == first.scalar_subquery())
            .order_by(SelectedAlert.id)
            .limit(MOST_ROWS)
        )
        with transaction() as session:
            return [dict(row) for row in session.execute(wanted).mappings()]

    def _try_to_write(self, file: OutputFile, rows: list[Row], images: Images) -> Wrote:
        """Write rows; what no row's fault but ours keeps from that leaves them, and no others."""
        try:
            return self._write_some(file, rows, images)
        except OUTAGES:
            raise
        except Exception:
            log.exception("selected.not_written", path=file.path, rows=len(rows))
            return Wrote()

    def _write_some(self, file: OutputFile, rows: list[Row], images: Images) -> Wrote:
        cutouts = self.write_cutouts(rows, images)
        _tell_gone(rows, cutouts.gone)
        failpoint("cutouts_written")
        broken = sum(map(len, cutouts.gone.values()))
        if cutouts.away:
            why = next(iter(cutouts.away.values()))
            log.warning("selected.packets_away", rows=len(cutouts.away), first=why)
            rows = [row for row in rows if row["id"] not in cutouts.away]
        if not rows:
            return Wrote(broken=broken)
        content = rendering.lines(rows, file.columns or ())
        if file.length == 0:
            content = rendering.head(file.columns or ()) + content
        length, is_mended = disk.append_mending(
            self._target.path, file.path, file.length, content, lambda: rendered(file)
        )
        failpoint("csv_appended")
        self._mark(file, rows, length, cutouts.written)
        failpoint("csv_marked")
        late = sum(row["processed_at"] < self._began_at for row in rows)
        return Wrote(len(rows), late, int(is_mended), broken)

    def write_cutouts(self, rows: list[Row], images: Images) -> Cutouts:
        """Write the cutouts of rows, and tell which can be had no more, and which not just now.

        One whose packet has expired is kept if it is on disk already; else nobody has it here.
        """
        cutouts = Cutouts([], defaultdict(list), {})
        for piece in _pieces(self._contents(rows, images, cutouts)):
            cutouts.written.extend(self._pool.map(self._write_one, piece))
        folders = {each.path.rpartition("/")[0] for each in cutouts.written}
        disk.sync_folders(disk.place(self._target.path, folder) for folder in folders)
        return cutouts

    def _contents(self, rows: Sequence[Row], images: Images, cutouts: Cutouts) -> Iterator[File]:
        """Yield the cutouts of rows; note those that cannot be had."""
        unread = packets.Unread({}, {})
        by_id = {row["id"]: row for row in rows}
        ours = [(row_id, images[row_id]) for row_id in by_id if row_id in images]
        others = [row for row in rows if row["id"] not in images]
        strangers = packets.cutouts_of(others, unread)
        for row_id, found in chain(ours, strangers):
            yield from self._contents_of(by_id.pop(row_id), found, cutouts)
        away = unread.away | unread.elsewhere
        for row in by_id.values():
            yield from self._contents_of(row, {}, cutouts, away.get(row["id"]))

    def _contents_of(
        self, row: Row, found: Mapping[str, Cutout], cutouts: Cutouts, why_away: str | None = None
    ) -> Iterator[File]:
        for kind in CUTOUT_KINDS:
            path, image = row[f"{kind}_path"], found.get(kind, BROKEN)
            if path is None:
                continue
            content = image.fits or disk.read(self._target.path, path)
            if content:
                yield path, content
            elif why_away is not None:
                cutouts.away[row["id"]] = why_away
            else:
                cutouts.gone[kind].append(row["id"])

    def _write_one(self, wanted: File) -> Written:
        return disk.write_whole(self._target.path, *wanted)

    def _file(self, file_id: int) -> OutputFile:
        with transaction() as session:
            return session.scalars(select(OutputFile).where(OutputFile.id == file_id)).one()

    def _mark(
        self, file: OutputFile, rows: Sequence[Row], length: int, cutouts: Sequence[Written]
    ) -> None:
        with transaction() as session:
            done: CursorResult[Any] = session.execute(  # type: ignore[assignment] # of an UPDATE
                update(OutputFile)
                .where(
                    OutputFile.id == file.id,
                    OutputFile.length == file.length,
                    OutputFile.sha256.is_(None),
                )
                .values(length=length, rows=file.rows + len(rows))
            )
            if done.rowcount != 1:
                raise TransientError(f"{file.path}: somebody else wrote to it meanwhile")
            ids = [row["id"] for row in rows]
            seqs = list(range(file.rows + 1, file.rows + 1 + len(rows)))
            session.execute(_MARK, {"ids": ids, "seqs": seqs})
            files.note_written(session, self._target, "cutout", file.night, cutouts, self._clock())


def _pieces(contents: Iterator[File]) -> Iterator[list[File]]:
    """Yield files in pieces, each ended by the file that makes it large."""
    piece: list[File] = []
    size = 0
    for each in contents:
        piece.append(each)
        size += len(each[1])
        if size >= PIECE_BYTES:
            yield piece
            piece, size = [], 0
    yield piece


def row_chunks(file_id: int, most: int = MOST_ROWS, *, after: int = 0) -> Iterator[list[Row]]:
    """Yield a table's rows behind a line in the order of lines, in chunks: a night may be large."""
    last = after
    while True:
        wanted = (
            select(*_ROW)
            .where(SelectedAlert.file_id == file_id, SelectedAlert.csv_seq > last)
            .order_by(SelectedAlert.csv_seq)
            .limit(most)
        )
        with transaction() as session:
            rows = [dict(row) for row in session.execute(wanted).mappings()]
        if not rows:
            return
        yield rows
        last = rows[-1]["csv_seq"]


def pieces(file: OutputFile) -> Iterator[bytes]:
    """Yield the table that rows and head make, in pieces."""
    columns = file.columns or ()
    yield rendering.head(columns)
    for rows in row_chunks(file.id):
        yield rendering.lines(rows, columns)


def rendered(file: OutputFile) -> bytes:
    """Return the whole table that rows and head make."""
    return b"".join(pieces(file))


def _tell_gone(rows: Sequence[Row], gone: Mapping[str, Sequence[int]]) -> None:
    """Note cutouts that can be had no more, before the lines that would name them are written."""
    if not gone:
        return
    by_id = {row["id"]: row for row in rows}
    with transaction() as session:
        for kind, ids in gone.items():
            log.warning("selected.cutouts_gone", kind=kind, ids=ids)
            values = {f"{kind}_state": "broken", f"{kind}_path": None}
            session.execute(update(SelectedAlert).where(SelectedAlert.id.in_(ids)).values(values))
            for row_id in ids:
                by_id[row_id].update(values)
