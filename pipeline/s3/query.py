"""What is known of the copies on S3, for pages, for doctor and for who rings."""

from datetime import datetime
from typing import NamedTuple

from sqlalchemy import ColumnElement, Select, and_, func, or_, select

from broker.archive import ArchiveSegment
from broker.config import config
from broker.db import transaction
from broker.host import host_of_archive
from pipeline.s3.places import SYNCED_KINDS, synced_segments
from pipeline.s3.tables import S3Sync, S3Upload
from pipeline.selected.tables import OutputFile


class Late(NamedTuple):
    """Closed files that S3 should have by now."""

    files: int
    oldest_at: datetime | None
    error: str | None
    """Of the newest look of any host; why nothing is sent."""
    again: int = 0
    """Objects that a bucket had lost in the last 24 h, and that were wanted again."""
    lost: int = 0
    """Objects that it had lost, whose files are deleted: they are nowhere any more."""


def is_due() -> ColumnElement[bool]:
    """Return the condition of objects that nobody works on and whose time has come."""
    return or_(
        and_(S3Upload.state == "wanted", S3Upload.not_before <= func.now()),
        and_(S3Upload.state == "running", S3Upload.lease_until < func.now()),
    )


def hosts_to_ring(reason: str) -> list[str]:
    """Return the hosts that have an object to bring, or whose time it is to look.

    One that has nothing to bring looks as well, whether the bucket still has what it confirmed.
    """
    s3 = config().s3
    every_s = func.make_interval(0, 0, 0, 0, 0, 0, s3.every_h * 3600)
    due = select(S3Upload.host).where(S3Upload.bucket == s3.bucket, is_due()).distinct()
    fresh = select(S3Sync.host).where(
        S3Sync.bucket == s3.bucket, S3Sync.started_at > func.now() - every_s
    )
    before = select(S3Sync.host).where(S3Sync.bucket == s3.bucket).distinct()
    files = select(OutputFile.host).where(*_unproved_files()).distinct()
    packets = select(ArchiveSegment.host).where(*_unproved_segments()).distinct()
    with transaction() as session:
        with_due, with_files = set(session.scalars(due)), set(session.scalars(files))
        with_packets = {host_of_archive(host) for host in session.scalars(packets)}
        known = {*session.scalars(hosts_elsewhere()), *session.scalars(before)}
        looked = set() if reason != "schedule" else set(session.scalars(fresh))
    return sorted(with_due | ((with_files | with_packets | known) - looked))


def hosts_elsewhere() -> Select[str]:
    """Return the hosts whose newest look was at another bucket than the one that holds now."""
    newest = select(func.max(S3Sync.id)).group_by(S3Sync.host)
    return select(S3Sync.host).where(S3Sync.id.in_(newest), S3Sync.bucket != config().s3.bucket)


PACKETS = "packets"
"""The kind of the archive's segments."""


def late_by_kind() -> dict[str, int]:
    """Return how many files of each kind are not on S3 ``s3.late_h`` after they were closed."""
    closed = func.count().filter(OutputFile.closed_at < _late_before())
    files = select(OutputFile.kind, closed).where(*_unproved_files()).group_by(OutputFile.kind)
    closed = func.count().filter(ArchiveSegment.closed_at < _late_before())
    with transaction() as session:
        found = dict.fromkeys(SYNCED_KINDS, 0)
        for kind, count in session.execute(files):
            found[kind] = count
        packets = session.scalar(select(closed).where(*_unproved_segments())) or 0
    return {**found, PACKETS: packets}


def _late_before() -> ColumnElement[datetime]:
    return func.now() - func.make_interval(0, 0, 0, 0, 0, 0, config().s3.late_h * 3600)


def late() -> Late:
    """Return what is not on S3 ``s3.late_h`` after it was closed, and what S3 had lost."""
    before = _late_before()
    files = select(OutputFile.closed_at.label("at")).where(*_unproved_files())
    segments = select(ArchiveSegment.closed_at.label("at")).where(*_unproved_segments())
    both = files.union_all(segments).subquery()
    statement = select(func.count(), func.min(both.c.at)).where(both.c.at < before)
    newest = select(S3Sync.error).order_by(S3Sync.id.desc()).limit(1)
    sums = (func.sum(S3Sync.again_count), func.sum(S3Sync.lost_count))
    emptied = select(*(func.coalesce(each, 0) for each in sums)).where(
        S3Sync.started_at > func.now() - func.make_interval(0, 0, 0, 1)
    )
    with transaction() as session:
        count, oldest_at = session.execute(statement).one()
        again, lost = map(int, session.execute(emptied).one())
        return Late(count, oldest_at, session.scalar(newest), again, lost)


def _unproved_files() -> tuple[ColumnElement[bool], ...]:
    return (
        OutputFile.kind.in_(SYNCED_KINDS),
        OutputFile.deleted_at.is_(None),
        OutputFile.confirmed_at.is_(None),
    )


def _unproved_segments() -> tuple[ColumnElement[bool], ...]:
    return (
        ArchiveSegment.deleted_at.is_(None),
        ArchiveSegment.confirmed_at.is_(None),
        *synced_segments(),
    )
