"""Close the archive segments of writers that died: size and checksum, from the file as it is."""

import fcntl
import hashlib
import os
import time
from contextlib import suppress
from pathlib import Path
from typing import IO, NamedTuple

import numpy as np
import structlog
from sqlalchemy import func, select, text, update

from broker.archive import INDEX_RECORD, ArchiveSegment
from broker.celery import task
from broker.config import config, project_path
from broker.db import transaction
from broker.host import archive_host

REST_S = 600
LONGEST_S = 5.0
"""No further segment is begun after this time: replays wait for the same worker. One of the largest
size takes a few seconds to read."""

log = structlog.get_logger(__name__)


class Content(NamedTuple):
    """What a file holds; ``torn_bytes`` lie behind the last packet of its index."""

    size_bytes: int
    sha256: str
    torn_bytes: int


@task("archive.close_abandoned", queue="upkeep", every_s=60)
def close_abandoned() -> None:
    """Close segments of this host whose writers died or gave them up."""
    close_abandoned_segments(project_path(config().archive.path))


def close_abandoned_segments(root: Path) -> int:
    """Close what nobody writes any more, for a few seconds; return how many segments that were.

    A writer holds a lock on each of its files, which the kernel takes back when the process ends,
    whatever ended it. Unlike a process id it is not given to another, means the same in every
    container, and is free also when a living process gave a segment up after a failed write. Only
    files that were not touched for ten minutes are looked at, so that none is met between being
    made and being locked. Safe beside a second copy: the row is closed once.

    Parameters
    ----------
    root : Path
        Folder of the archive.
    """
    closed = 0
    end_s = time.monotonic() + LONGEST_S
    for segment_id, path in _open_segments():
        content = _content(root / path)
        if content is not None and _close(segment_id, content):
            log.warning("archive.closed_abandoned", path=path, **content._asdict())
            closed += 1
        if time.monotonic() >= end_s:
            break
    return closed


def is_given_up(file: IO[bytes]) -> bool:
    """Return whether no living process writes this file; then it is locked until it is closed."""
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:  # held, or a file system without locks: then nobody can tell
        return False
    return True


def _open_segments() -> list[tuple[int, str]]:
    with transaction() as session:
        rows = session.execute(
            select(ArchiveSegment.id, ArchiveSegment.path)
            .where(
                ArchiveSegment.host == archive_host(),
                ArchiveSegment.closed_at.is_(None),
                ArchiveSegment.created_at < func.now() - text(f"interval '{REST_S} s'"),
            )
            .order_by(ArchiveSegment.id)
        )
        return [(row.id, row.path) for row in rows]


def _content(path: Path) -> Content | None:
    """Return what a file holds that nobody writes, or None where that is not sure."""
    try:
        with path.open("rb") as file:
            touched_at = os.fstat(file.fileno()).st_mtime
            if time.time() - touched_at < REST_S or not is_given_up(file):
                return None
            sha256 = hashlib.file_digest(file, "sha256").hexdigest()
            size_bytes = file.tell()
    except FileNotFoundError:
        if not path.parent.is_dir():
            return None  # the folder is made before the row: this is another disk, or none
        return Content(0, hashlib.sha256().hexdigest(), 0)
    return Content(size_bytes, sha256, size_bytes - _indexed_bytes(path, size_bytes))


def _indexed_bytes(path: Path, size_bytes: int) -> int:
    """Return where the last whole packet ends that the index knows."""
    index = np.empty(0, np.uint8)
    with suppress(FileNotFoundError):
        index = np.fromfile(path.with_suffix(".idx"), np.uint8)
    whole = len(index) // INDEX_RECORD.itemsize * INDEX_RECORD.itemsize
    records = index[:whole].view(INDEX_RECORD)
    ends = records["start"] + records["length"]
    return int(ends[ends <= size_bytes].max(initial=0))


def _close(segment_id: int, content: Content) -> bool:
    with transaction() as session:
        done = session.execute(
            update(ArchiveSegment)
            .where(ArchiveSegment.id == segment_id, ArchiveSegment.closed_at.is_(None))
            .values(
                bytes=content.size_bytes,
                sha256=content.sha256,
                torn_bytes=content.torn_bytes,
                closed_at=func.now(),
            )
            .returning(ArchiveSegment.id)
        )
        return done.one_or_none() is not None
