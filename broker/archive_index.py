"""Read packets back from the archive: by the slice that a row names, or by their coordinates.

The sidecar ``.idx`` of a segment is read once per process, sorted and kept; a segment that still
grows is read again when its index has become longer.
"""

import zlib
from collections import OrderedDict
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from importlib import import_module
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import case, or_, select
from sqlalchemy.orm import Session

from broker.archive import INDEX_RECORD, ArchiveSegment, Slice
from broker.config import config
from broker.errors import TransientError
from broker.host import archive_host
from broker.kafka_types import Packet

FAR_READER = "pipeline.clients.s3_slices:read"
"""Called with key, start and length [bytes]; imported when it is needed first."""
KEPT_BYTES = 256 * 2**20
"""Of segments' indexes, per process; a million packets take 44 MB."""
_ONE_NIGHT = timedelta(days=1)
_ORDER = ["source_id", "partition", "offset"]


class ArchiveError(Exception):
    """A packet cannot be had from the archive; the message says which and why, as a sentence."""


class ArchiveAwayError(ArchiveError):
    """It cannot be had now, though nobody has deleted it: a disk or a folder is away."""


class ArchiveElsewhereError(ArchiveAwayError):
    """Another machine has it."""


class Segment(NamedTuple):
    """One row of ``archive_segments``, as far as reading needs it."""

    id: int
    host: str
    path: str
    is_deleted: bool = False
    """By retention."""
    s3_key: str | None = None
    """Where a whole copy was found on S3."""


@dataclass(frozen=True)
class Found:
    """What the archive has of a range: packets by offset, and where each lies."""

    packets: list[Packet]
    slices: dict[int, Slice]


def segments_of_nights(session: Session, survey: str, first: date, last: date) -> list[Segment]:
    """Return the segments that may hold packets of these nights, oldest first.

    A segment is named by its first packet's night, and one range may reach into the next one.
    """
    return _segments(
        session,
        ArchiveSegment.survey == survey,
        ArchiveSegment.night.between(first - _ONE_NIGHT, last + _ONE_NIGHT),
    )


def segments_open_between(session: Session, begin: datetime, end: datetime) -> list[Segment]:
    """Return the segments that were written to between two times, oldest first."""
    return _segments(
        session,
        ArchiveSegment.created_at <= end,
        or_(ArchiveSegment.closed_at.is_(None), ArchiveSegment.closed_at >= begin),
    )


def segments_named(session: Session, ids: Iterable[int]) -> list[Segment]:
    """Return the segments with these ids, oldest first."""
    return _segments(session, ArchiveSegment.id.in_(set(ids)))


def _segments(session: Session, *conditions: Any) -> list[Segment]:
    rows = session.execute(
        select(
            ArchiveSegment.id,
            ArchiveSegment.host,
            ArchiveSegment.path,
            ArchiveSegment.deleted_at.is_not(None),
            case((ArchiveSegment.confirmed_at.is_not(None), ArchiveSegment.s3_key)),
        )
        .where(*conditions)
        .order_by(ArchiveSegment.id)
    )
    return [Segment(*row) for row in rows]


def read_slice(root: Path, segment: Segment, piece: Slice) -> bytes:
    """Return the packet that a row says lies in this segment.

    Raises
    ------
    ArchiveError
        If the segment is gone, too short, or the bytes do not have their checksum.
    ArchiveAwayError
        As ``cut``.
    """
    packet = cut(root, segment, piece.start, piece.length)
    if zlib.crc32(packet) != piece.crc32:
        raise ArchiveError(f"{segment.path} is damaged: the packet's checksum is wrong.")
    return packet


def cut(root: Path, segment: Segment, start: int, length: int) -> bytes:
    """Return ``length`` bytes of a segment from ``start`` on; nobody has checked them.

    From this machine's disk; where the file is not there, from its copy on S3.

    Raises
    ------
    ArchiveError
        If the segment's file is deleted, or ends before.
    ArchiveAwayError
        If it is not deleted and cannot be read; ``ArchiveElsewhereError`` where it is another
        machine's and not on this one.
    """
    try:
        with (root / segment.path).open("rb") as file:
            file.seek(start)
            packet = file.read(length)
    except FileNotFoundError:
        packet = _far(segment, start, length)
    except OSError as error:
        raise ArchiveAwayError(f"{segment.path} cannot be read: {error.strerror}.") from error
    if len(packet) < length:
        raise ArchiveError(f"{segment.path} ends before the packet does.")
    return packet


def _far(segment: Segment, start: int, length: int) -> bytes:
    """Return a piece of a segment that is not on this machine."""
    where = f"Its archive segment {segment.path}, written on {segment.host}, is not on this machine"
    if not config().s3.bucket or segment.s3_key is None:
        raise _absence(segment)(f"{where}, or expired.")
    module, _, name = FAR_READER.partition(":")
    try:
        packet: bytes = getattr(import_module(module), name)(segment.s3_key, start, length)
    except TransientError as error:
        raise ArchiveAwayError(f"{where}, and its copy cannot be read now: {error}.") from error
    return packet


def _absence(segment: Segment) -> type[ArchiveError]:
    """Return what it means that a segment's file is not on this machine."""
    if segment.is_deleted:
        return ArchiveError
    is_ours = segment.host == archive_host()
    return ArchiveAwayError if is_ours else ArchiveElsewhereError


class ArchiveReader:
    """Reads packets by source, partition and offset; one per process.

    Parameters
    ----------
    root : Path
        Folder of the archive.
    """

    def __init__(self, root: Path) -> None:
        self._root = root
        self._host = archive_host()
        self._indexes: OrderedDict[str, tuple[int, NDArray[Any]]] = OrderedDict()

    def read(
        self, segments: Sequence[Segment], source_id: int, partition: int, first: int, last: int
    ) -> Found:
        """Return what the segments hold of a range, each offset once.

        Of several copies the first whose checksum is right counts; an offset without a right one is
        left out, and so is one whose segment is gone.

        Raises
        ------
        TransientError
            If a segment was written on another machine and is not on this one.
        """
        packets: dict[int, Packet] = {}
        slices: dict[int, Slice] = {}
        for segment in segments:
            records = self._within(segment, source_id, partition, first, last)
            if len(records):
                self._cut(segment, records.tolist(), packets, slices)
        return Found([packets[offset] for offset in sorted(packets)], slices)

    def records(self, segment: Segment) -> NDArray[Any]:
        """Return a segment's index, sorted by coordinates; empty where the segment is gone.

        Raises
        ------
        TransientError
            If the segment was written on another machine and is not on this one, or the index does
            not fit into what memory this process may still have: no packet's fault.
        """
        data = self._root / segment.path
        file = data.with_suffix(".idx")
        if not (data.exists() and file.exists()):
            if segment.host != self._host:
                raise TransientError(
                    f"archive segment {segment.path} was written on {segment.host} "
                    "and is not on this machine"
                )
            return np.zeros(0, INDEX_RECORD)
        size_bytes = file.stat().st_size
        known = self._indexes.get(segment.path)
        if known is not None and known[0] == size_bytes:
            self._indexes.move_to_end(segment.path)
            return known[1]
        self._indexes.pop(segment.path, None)
        self._make_room(size_bytes)
        try:
            found = _sorted_index(file)
        except MemoryError as error:
            self._indexes.clear()
            raise TransientError(f"no memory for the index of {segment.path}") from error
        self._indexes[segment.path] = (size_bytes, found)
        return found

    def _make_room(self, size_bytes: int) -> None:
        """Forget the indexes that were not asked for longest, before another one is read."""
        kept = sum(known[0] for known in self._indexes.values())
        while self._indexes and kept + size_bytes > KEPT_BYTES:
            kept -= self._indexes.popitem(last=False)[1][0]

    def _within(
        self, segment: Segment, source_id: int, partition: int, first: int, last: int
    ) -> NDArray[Any]:
        records = self.records(segment)
        low, high = 0, len(records)
        for name, least, greatest in (
            ("source_id", source_id, source_id),
            ("partition", partition, partition),
            ("offset", first, last),
        ):
            column = records[name][low:high]
            low, high = (
                low + int(np.searchsorted(column, least, "left")),
                low + int(np.searchsorted(column, greatest, "right")),
            )
        return records[low:high]

    def _cut(
        self,
        segment: Segment,
        records: Sequence[tuple[Any, ...]],
        packets: dict[int, Packet],
        slices: dict[int, Slice],
    ) -> None:
        with suppress(FileNotFoundError), (self._root / segment.path).open("rb") as data:
            for _source_id, _partition, offset, timestamp_ms, start, length, crc in records:
                if offset in packets:
                    continue
                data.seek(start)
                value = data.read(length)
                if len(value) == length and zlib.crc32(value) == crc:
                    packets[offset] = Packet(offset, timestamp_ms, value)
                    slices[offset] = Slice(segment.id, start, length, crc)


def _sorted_index(file: Path) -> NDArray[Any]:
    """Return the whole records of an index by coordinates; copies stay in the order of writing."""
    raw = np.fromfile(file, np.uint8)
    whole = len(raw) // INDEX_RECORD.itemsize * INDEX_RECORD.itemsize
    records = raw[:whole].view(INDEX_RECORD)
    order = np.lexsort([records[name] for name in reversed(_ORDER)])
    return records[order]
