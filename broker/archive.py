"""Raw packets on disk: append-only segments, written once and sequentially.

Each worker process writes its own segment per survey and night, with a sidecar ``.idx`` of fixed
records beside it, so that a segment can be cut into packets without the database. A range that is
worked again appends its packets again; readers take the first index record of a coordinate whose
checksum is right, and rows of the database name their slice themselves.
"""

import fcntl
import hashlib
import os
import time
import zlib
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import date, datetime
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import CheckConstraint, Identity, UniqueConstraint, func, update
from sqlalchemy.orm import Mapped, mapped_column

from broker.db import Table, transaction
from broker.host import archive_host
from broker.kafka_types import Packet

INDEX_RECORD = np.dtype(
    [
        ("source_id", "<i8"),
        ("partition", "<i4"),
        ("offset", "<i8"),
        ("timestamp_ms", "<i8"),
        ("start", "<i8"),
        ("length", "<i4"),
        ("crc32", "<u4"),
    ]
)
S3_STATES = ("partial", "uploaded", "confirmed", "failed")
"""Of any file that is copied to S3: still growing there, sent, found whole, refused."""
MAX_OPEN_SEGMENTS = 4
MAX_PIECES = 1024
"""What one call may write (IOV_MAX of Linux)."""
_NEW_FILE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND


class ArchiveSegment(Table):
    """One append-only file of raw packets."""

    __tablename__ = "archive_segments"
    __table_args__ = (
        UniqueConstraint("host", "path"),
        CheckConstraint(f"s3_state IN {S3_STATES}", name="s3_state"),
    )

    id: Mapped[int] = mapped_column(Identity(), primary_key=True)
    host: Mapped[str]
    path: Mapped[str] = mapped_column(comment="relative to archive.path")
    survey: Mapped[str]
    night: Mapped[date] = mapped_column(comment="of the first packet's Kafka timestamp")
    bytes: Mapped[int | None] = mapped_column(comment="when closed [bytes]")
    sha256: Mapped[str | None] = mapped_column(comment="when closed")
    torn_bytes: Mapped[int | None] = mapped_column(
        comment="behind the last whole packet, where the writer died; null: closed by its writer"
    )
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    closed_at: Mapped[datetime | None]
    s3_key: Mapped[str | None]
    s3_state: Mapped[str | None] = mapped_column(comment="null: never tried")
    confirmed_at: Mapped[datetime | None] = mapped_column(comment="found whole on S3")
    deleted_at: Mapped[datetime | None] = mapped_column(comment="by retention")


class Slice(NamedTuple):
    """Where one packet lies."""

    segment_id: int
    start: int
    length: int
    crc32: int


@dataclass
class _Segment:
    """An open file with its index and its running checksum."""

    id: int
    data_fd: int
    index_fd: int
    size_bytes: int = 0
    sha256: Any = field(default_factory=hashlib.sha256)

    def append(self, packets: Sequence[bytes], records: NDArray[Any]) -> None:
        start, end = self.size_bytes, self.size_bytes + sum(map(len, packets))
        _write_all(self.data_fd, packets)
        os.fdatasync(self.data_fd)
        # Nobody reads this soon, and a page of the cache used again is far cheaper than another
        # one: a machine that must first be given the memory pays more for it than for the write.
        os.posix_fadvise(self.data_fd, start, end - start, os.POSIX_FADV_DONTNEED)
        _write_all(self.index_fd, [records.tobytes()])
        os.fdatasync(self.index_fd)
        for packet in packets:
            self.sha256.update(packet)
        self.size_bytes = end

    def close_files(self) -> None:
        os.close(self.data_fd)
        os.close(self.index_fd)


class ArchiveWriter:
    """The segments that this process writes; make it after the fork.

    Parameters
    ----------
    root : Path
        Folder of the archive, made when missing.
    segment_bytes : int
        A segment is closed once it is larger than this [bytes].
    """

    def __init__(self, root: Path, segment_bytes: int) -> None:
        self._root = root
        self._segment_bytes = segment_bytes
        self._open: dict[tuple[str, date], _Segment] = {}

    def append(
        self, survey: str, night: date, source_id: int, partition: int, packets: Sequence[Packet]
    ) -> list[Slice]:
        """Write ``packets`` durably and return where each lies; a repeat appends them again.

        Raises
        ------
        OSError
            If the disk is full or gone; the segment is given up, the next call starts another.
        """
        if not packets:
            return []
        segment = self._segment(survey, night)
        records = np.zeros(len(packets), INDEX_RECORD)
        records["source_id"] = source_id
        records["partition"] = partition
        records["offset"] = [packet.offset for packet in packets]
        records["timestamp_ms"] = [packet.timestamp_ms for packet in packets]
        lengths = np.array([len(packet.value) for packet in packets], np.int64)
        records["length"] = lengths
        records["start"] = segment.size_bytes + np.cumsum(lengths) - lengths
        records["crc32"] = [zlib.crc32(packet.value) for packet in packets]
        try:
            segment.append([packet.value for packet in packets], records)
        except BaseException:  # also a time limit or a stop: the file may be longer than we count
            del self._open[survey, night]
            segment.close_files()
            raise
        return [
            Slice(segment.id, start, length, crc)
            for start, length, crc in zip(
                records["start"].tolist(),
                records["length"].tolist(),
                records["crc32"].tolist(),
                strict=True,
            )
        ]

    def close(self) -> None:
        """Close every segment and record its size and checksum."""
        for key in list(self._open):
            self._close(key)

    def _segment(self, survey: str, night: date) -> _Segment:
        key = (survey, night)
        if key in self._open and self._open[key].size_bytes > self._segment_bytes:
            self._close(key)
        if key not in self._open:
            while len(self._open) >= MAX_OPEN_SEGMENTS:
                self._close(next(iter(self._open)))
            self._open[key] = self._create(survey, night)
        return self._open[key]

    def _create(self, survey: str, night: date) -> _Segment:
        host = archive_host()
        name = f"{host}-{os.getpid()}-{time.time_ns()}.seg"
        path = Path(survey) / f"{night:%Y%m%d}" / name
        file = self._root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        with transaction() as session:
            row = ArchiveSegment(host=host, path=str(path), survey=survey, night=night)
            session.add(row)
            session.flush()
            segment_id = row.id
        return _Segment(
            id=segment_id,
            data_fd=open_locked(file),
            index_fd=os.open(file.with_suffix(".idx"), _NEW_FILE, 0o640),
        )

    def _close(self, key: tuple[str, date]) -> None:
        segment = self._open.pop(key)
        segment.close_files()
        with transaction() as session:
            session.execute(
                update(ArchiveSegment)
                .where(ArchiveSegment.id == segment.id)
                .values(
                    bytes=segment.size_bytes,
                    sha256=segment.sha256.hexdigest(),
                    closed_at=func.now(),
                )
            )


def open_locked(file: Path) -> int:
    """Make a segment's file; the lock says that its writer lives (``broker.archive_tasks``)."""
    data_fd = os.open(file, _NEW_FILE, 0o640)
    with suppress(OSError):  # a file system without locks: its torn segments are never closed
        fcntl.flock(data_fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    return data_fd


def _write_all(fd: int, pieces: Sequence[bytes]) -> None:
    """Write all pieces, one behind the other, without joining them in memory."""
    for first in range(0, len(pieces), MAX_PIECES):
        waiting = [memoryview(piece) for piece in pieces[first : first + MAX_PIECES]]
        while waiting:
            written = os.writev(fd, waiting)
            while waiting and written >= len(waiting[0]):
                written -= len(waiting.pop(0))
            if waiting:
                waiting[0] = waiting[0][written:]
