"""A bucket that lost what it had confirmed, as one that was made anew: nothing of that holds."""

from collections.abc import Sequence
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, SQLColumnExpression, and_, func, or_, select, update
from sqlalchemy.orm import Session

from broker.archive import ArchiveSegment
from broker.config import config
from broker.db import transaction
from pipeline.clients.s3 import Bucket
from pipeline.s3 import wanted
from pipeline.s3.places import Here
from pipeline.s3.tables import S3Upload
from pipeline.selected.tables import OutputFile

PROBED = 3
"""Of the newest objects: one may be removed by hand, all of them hardly."""
LOST = "S3 has lost it, and its file was deleted here once S3 had confirmed it"


class Emptied(NamedTuple):
    """What a bucket had lost."""

    again: int
    """Objects that are asked for again."""
    lost: int
    """Objects whose files were deleted here: these are nowhere any more."""


def look(bucket: Bucket, here: Here) -> Emptied | None:
    """Withdraw what the bucket confirmed to this host if it has none of the newest any more.

    Files that are here are wanted again, those that still grow too; where one is there after all,
    it is found and not sent. Of files that were deleted here those are said to be lost that the
    bucket was asked for, and all of them where it has nothing below the prefix.

    Parameters
    ----------
    bucket : Bucket
        That may be written to.
    here : Here
        Whose files.

    Returns
    -------
    Emptied or None
        None where one of the newest is there, or nothing was confirmed.

    Raises
    ------
    S3RefusedError, TransientError
        As ``Bucket.check``; nothing is withdrawn then.
    """
    newest = _newest(here)
    if not newest or any(bucket.find(row.key) for row in newest):
        return None
    is_bare = bucket.is_bare(config().s3.prefix)
    with transaction() as session:
        asked = () if is_bare else (S3Upload.id.in_([row.id for row in newest]),)
        lost = _give_up(session, here, asked)
        growing = _want_snapshots(session, here)
        wanted.forget(session, here)
        again = growing + wanted.want(session, wanted.unsynced(session, here))
    return Emptied(again, lost)


def _newest(here: Here) -> Sequence[Any]:
    confirmed_at = func.coalesce(OutputFile.confirmed_at, ArchiveSegment.confirmed_at)
    statement = (
        select(S3Upload.id, S3Upload.key)
        .outerjoin(OutputFile, OutputFile.id == S3Upload.file_id)
        .outerjoin(ArchiveSegment, ArchiveSegment.id == S3Upload.segment_id)
        .where(*_done(here), confirmed_at.is_not(None))
        .order_by(S3Upload.ended_at.desc(), S3Upload.id.desc())
        .limit(PROBED)
    )
    with transaction() as session:
        return session.execute(statement).all()


def _done(here: Here) -> tuple[ColumnElement[bool], ...]:
    return (
        S3Upload.host == here.host,
        S3Upload.bucket == config().s3.bucket,
        S3Upload.state == "done",
    )


def _give_up(session: Session, here: Here, asked: Sequence[ColumnElement[bool]]) -> int:
    """Say of objects whose files are deleted here that they are lost; return how many they are."""
    files = select(OutputFile.id).where(OutputFile.deleted_at.is_not(None))
    segments = select(ArchiveSegment.id).where(ArchiveSegment.deleted_at.is_not(None))
    is_deleted = or_(S3Upload.file_id.in_(files), S3Upload.segment_id.in_(segments))
    lost = _change(
        session, S3Upload, (*_done(here), is_deleted, *asked), state="failed", last_error=LOST
    )
    for table, subject in ((OutputFile, S3Upload.file_id), (ArchiveSegment, S3Upload.segment_id)):
        is_lost = and_(subject == table.id, S3Upload.last_error == LOST)
        mine = (table.confirmed_at.is_not(None), table.deleted_at.is_not(None), is_lost)
        _change(session, table, mine, s3_state="failed", confirmed_at=None)
    return lost


def _want_snapshots(session: Session, here: Here) -> int:
    """Ask again for tables that still grow, which ``wanted.want`` takes to be there."""
    grows = (*_done(here), S3Upload.is_snapshot)
    partial = (S3Upload.file_id == OutputFile.id, *grows, OutputFile.s3_state == "partial")
    _change(session, OutputFile, partial, s3_state=None)
    again = {"state": "wanted", "attempts": 0, "not_before": func.now(), "ended_at": None}
    return _change(session, S3Upload, grows, **again)


def _change(
    session: Session, table: Any, conditions: Sequence[SQLColumnExpression[bool]], **values: Any
) -> int:
    """Change rows and return how many they are."""
    changed = update(table).where(*conditions).values(values).returning(table.id)
    quick = changed.execution_options(synchronize_session=False)
    return len({row.id for row in session.execute(quick)})
