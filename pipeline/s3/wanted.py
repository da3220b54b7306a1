"""Which files S3 does not have yet, and the rows that ask for them."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

from sqlalchemy import and_, case, func, null, or_, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from broker.archive import ArchiveSegment
from broker.config import config
from pipeline.s3.places import (
    SYNCED_KINDS,
    Here,
    index_of,
    key_of_file,
    key_of_segment,
    synced_segments,
)
from pipeline.s3.tables import S3Upload
from pipeline.selected.tables import OutputFile

ROWS = 2000
"""In one statement: Postgres takes 65535 values."""


@dataclass(frozen=True)
class Wanted:
    """An object that shall be in the bucket; as the columns of ``s3_uploads``."""

    host: str
    bucket: str
    key: str
    root: str
    path: str
    file_id: int | None
    segment_id: int | None
    is_snapshot: bool
    length: int | None
    sha256: str | None


def unsynced(session: Session, here: Here) -> Iterator[Wanted]:
    """Yield what this host has and S3, as far as is known, has not.

    A table that still grows is among them, as a snapshot; whether it grew since the last one, its
    row knows.
    """
    s3 = config().s3
    for file in session.execute(_files(here)).yield_per(ROWS):
        key = key_of_file(s3.prefix, file.path)
        content = (file.closed_at is None, file.length, file.closed_at and file.sha256)
        yield Wanted(here.host, s3.bucket, key, file.root, file.path, file.id, None, *content)
    for segment in session.execute(_segments(here)).yield_per(ROWS):
        both = ((segment.path, segment.bytes, segment.sha256), (index_of(segment.path), None, None))
        for path, length, sha256 in both:
            key = key_of_segment(s3.prefix, path)
            content = (False, length, sha256)
            yield Wanted(here.host, s3.bucket, key, here.archive, path, None, segment.id, *content)


def forget(session: Session, here: Here) -> None:
    """Doubt all that is said to be on S3: it is in another bucket than the one that holds now."""
    doubt = {"confirmed_at": None, "s3_state": None}
    there = and_(OutputFile.confirmed_at.is_not(None), OutputFile.deleted_at.is_(None))
    session.execute(update(OutputFile).where(OutputFile.host == here.host, there).values(doubt))
    there = and_(ArchiveSegment.confirmed_at.is_not(None), ArchiveSegment.deleted_at.is_(None))
    mine = ArchiveSegment.host == here.archive_host
    session.execute(update(ArchiveSegment).where(mine, there).values(doubt))


def want(session: Session, wanted: Iterable[Wanted], *, at_once: bool = False) -> int:
    """Ask for objects that are not asked for yet, or whose file is another now.

    What failed is tried again, with all its attempts; what somebody works on is left to him: if the
    file is another by then, its own row stays unconfirmed, and the next look finds it.

    Parameters
    ----------
    session : Session
        Of an open transaction.
    wanted : iterable of Wanted
        Which.
    at_once : bool
        Whether what rests after a failure is due now: somebody has seen to the reason.

    Returns
    -------
    int
        How many are asked for now that were not before.
    """
    waiting = iter(wanted)
    count = 0
    while some := list(islice(waiting, ROWS)):
        count += len(session.execute(_upsert(some, at_once=at_once)).all())
    return count


def taken(session: Session, wanted: Sequence[Wanted]) -> list[tuple[str, str, str]]:
    """Return the keys that another file has: key, and host and path of the other one.

    Two hosts, or two roots, that share a prefix would overwrite each other's objects.
    """
    found: list[tuple[str, str, str]] = []
    for first in range(0, len(wanted), ROWS):
        some = {each.key: each for each in wanted[first : first + ROWS]}
        rows = session.execute(
            select(S3Upload).where(
                S3Upload.bucket == config().s3.bucket, S3Upload.key.in_(sorted(some))
            )
        ).scalars()
        found += [
            (row.key, row.host, f"{row.root}/{row.path}")
            for row in rows
            if (row.file_id, row.segment_id) != (some[row.key].file_id, some[row.key].segment_id)
        ]
    return found


def _upsert(some: Sequence[Wanted], *, at_once: bool) -> Any:
    new = insert(S3Upload).values([vars(each) for each in some])
    excluded = new.excluded
    is_other = or_(
        S3Upload.is_snapshot != excluded.is_snapshot,
        # What is not known beforehand is compared when the file is read.
        and_(excluded.length.is_not(None), S3Upload.length.is_distinct_from(excluded.length)),
        and_(excluded.sha256.is_not(None), S3Upload.sha256.is_distinct_from(excluded.sha256)),
    )
    is_done_snapshot = and_(S3Upload.state == "done", excluded.is_snapshot)
    is_waiting = S3Upload.state == "wanted"
    if at_once:
        is_waiting = and_(is_waiting, S3Upload.not_before <= func.now())
    is_mine = and_(
        S3Upload.file_id.is_not_distinct_from(excluded.file_id),
        S3Upload.segment_id.is_not_distinct_from(excluded.segment_id),
    )
    asked = {
        name: excluded[name] for name in ("host", "root", "path", "is_snapshot", "length", "sha256")
    }
    again: dict[str, Any] = {
        "state": "wanted",
        "owner": None,
        "attempts": 0,
        "not_before": func.now(),
        "ended_at": None,
        "last_error": None,
        # Its parts are those of another file.
        "upload_id": case((is_other, null()), else_=S3Upload.upload_id),
    }
    return new.on_conflict_do_update(
        index_elements=["bucket", "key"],
        set_=asked | again,
        where=and_(
            is_mine,
            S3Upload.state != "running",
            or_(is_other, ~or_(is_done_snapshot, is_waiting)),
        ),
    ).returning(S3Upload.id)


def _files(here: Here) -> Any:
    is_whole = and_(OutputFile.closed_at.is_not(None), OutputFile.sha256.is_not(None))
    grows = and_(OutputFile.closed_at.is_(None), OutputFile.length > 0)
    return (
        select(
            OutputFile.id,
            OutputFile.root,
            OutputFile.path,
            OutputFile.length,
            OutputFile.sha256,
            OutputFile.closed_at,
        )
        .where(
            OutputFile.host == here.host,
            OutputFile.kind.in_(SYNCED_KINDS),
            OutputFile.deleted_at.is_(None),
            OutputFile.confirmed_at.is_(None),
            or_(is_whole, grows),
        )
        .order_by(OutputFile.id)
    )


def _segments(here: Here) -> Any:
    return (
        select(ArchiveSegment)
        .with_only_columns(
            ArchiveSegment.id, ArchiveSegment.path, ArchiveSegment.bytes, ArchiveSegment.sha256
        )
        .where(
            ArchiveSegment.host == here.archive_host,
            ArchiveSegment.deleted_at.is_(None),
            ArchiveSegment.confirmed_at.is_(None),
            *synced_segments(),
        )
        .order_by(ArchiveSegment.id)
    )
