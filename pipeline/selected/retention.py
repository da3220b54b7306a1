"""Delete files whose time is over: by policy, and never what S3 should have but did not confirm."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import islice
from pathlib import Path
from socket import gethostname

import structlog
from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from broker.archive import ArchiveSegment
from broker.config import Config, config, project_path
from broker.db import lock, transaction
from broker.errors import TransientError
from broker.host import this_host
from pipeline.clients.s3_errors import S3RefusedError
from pipeline.s3.places import SYNCED_KINDS, excluded
from pipeline.s3.verify import proving
from pipeline.selected import disk
from pipeline.selected.sources import output_root
from pipeline.selected.tables import OutputFile

ARCHIVE = "archive"
LOCK = "nightjar.retention"
AT_ONCE = 1000
"""Rows of one transaction."""

log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Expired:
    """A file whose time is over.

    Attributes
    ----------
    id : int
        Of its row.
    kind : str
        Of ``output_files``, or ``archive``.
    path : str
        Relative to the folder of its kind.
    night : date
        Whose age counts, whatever the disk says.
    length : int
        [bytes].
    why_kept : str or None
        Why it must stay all the same.
    is_synced : bool
        S3 is asked once more before it goes.
    """

    id: int
    kind: str
    path: str
    night: date
    length: int
    why_kept: str | None
    is_synced: bool = False


@dataclass(frozen=True)
class Policy:
    """How long each kind is kept, and which kinds must be on S3 before they go.

    Attributes
    ----------
    days : mapping of str to int
        By kind; 0 is for ever.
    synced : frozenset of str
        Kinds that S3 must have confirmed before they go.
    unsynced : frozenset of str
        Surveys of the archive, as ``archive/ztf``, that follow ``days`` alone all the same.
    """

    days: Mapping[str, int]
    synced: frozenset[str] = frozenset()
    unsynced: frozenset[str] = frozenset()

    @classmethod
    def of_settings(cls, settings: Config) -> "Policy":
        """Return the policy of the settings."""
        days = {
            name.removesuffix("_days"): value
            for name, value in settings.retention.model_dump().items()
        }
        return cls(
            days,
            synced=frozenset((*SYNCED_KINDS, ARCHIVE)) if settings.s3.bucket else frozenset(),
            unsynced=frozenset(f"{ARCHIVE}/{survey}" for survey in excluded(settings)),
        )

    def is_synced(self, kind: str, place: str) -> bool:
        """Return whether files must be on S3 before they go."""
        return kind in self.synced and place not in self.unsynced

    def why_unconfirmed(self, kind: str, place: str, *, is_confirmed: bool) -> str | None:
        """Return why a file must wait for S3; None where it need not."""
        if is_confirmed or not self.is_synced(kind, place):
            return None
        return "S3 has not confirmed it"


def expired(session: Session, policy: Policy, today: date) -> Iterator[Expired]:
    """Return the files of this host whose time is over, the oldest first.

    Parameters
    ----------
    session : Session
        Of an open transaction.
    policy : Policy
        What holds.
    today : date
        UTC.
    """
    for kind, days in policy.days.items():
        if not days:
            continue
        before = today - timedelta(days=days)
        found = _segments if kind == ARCHIVE else _files
        yield from found(session, policy, kind, before)


def delete(policy: Policy, today: date) -> list[Expired]:
    """Delete what may go; return it. A second run at the same time does nothing.

    The row is marked after the file is gone: a file that somebody killed this between is looked
    for again, and found to be gone.
    """
    gone: list[Expired] = []
    with lock(f"{LOCK}.{this_host()}") as is_ours:
        if not is_ours:
            return gone
        with transaction() as session:
            due = [each for each in expired(session, policy, today) if each.why_kept is None]
        _remove_all((each for each in due if not each.is_synced), gone)
        if synced := [each for each in due if each.is_synced]:
            try:
                with proving() as is_there:
                    there = (each for each in synced if is_there(_table(each), each.id))
                    _remove_all(there, gone)
            except (S3RefusedError, TransientError) as error:
                log.warning("retention.s3_away", kept=len(synced), error=str(error))
    log.info("retention.deleted", files=len(gone), length=sum(each.length for each in gone))
    return gone


def _remove_all(these: Iterable[Expired], gone: list[Expired]) -> None:
    waiting = iter(these)
    while some := list(islice(waiting, AT_ONCE)):
        for each in some:
            _remove(each)
        _mark(some)
        gone += some


def _table(each: Expired) -> type[OutputFile | ArchiveSegment]:
    return ArchiveSegment if each.kind == ARCHIVE else OutputFile


def _files(session: Session, policy: Policy, kind: str, before: date) -> Iterator[Expired]:
    wanted = select(OutputFile).where(
        OutputFile.kind == kind,
        OutputFile.night < before,
        OutputFile.host == this_host(),
        OutputFile.root == str(output_root()),
        OutputFile.deleted_at.is_(None),
    )
    for row in session.scalars(wanted.order_by(OutputFile.night, OutputFile.id)):
        why = None if row.closed_at and row.sha256 else "it is not closed"
        why = why or policy.why_unconfirmed(kind, kind, is_confirmed=row.confirmed_at is not None)
        is_synced = policy.is_synced(kind, kind)
        yield Expired(row.id, kind, row.path, row.night, row.length, why, is_synced)


def _segments(session: Session, policy: Policy, kind: str, before: date) -> Iterator[Expired]:
    wanted = select(ArchiveSegment).where(
        ArchiveSegment.night < before,
        ArchiveSegment.host == gethostname(),  # the archive knows no other name
        ArchiveSegment.deleted_at.is_(None),
    )
    for row in session.scalars(wanted.order_by(ArchiveSegment.night, ArchiveSegment.id)):
        why = None if row.closed_at else "it is not closed"
        place = f"{kind}/{row.survey}"
        why = why or policy.why_unconfirmed(kind, place, is_confirmed=row.confirmed_at is not None)
        is_synced = policy.is_synced(kind, place)
        yield Expired(row.id, kind, row.path, row.night, row.bytes or 0, why, is_synced)


def _remove(each: Expired) -> None:
    if each.kind != ARCHIVE:
        disk.remove(output_root(), each.path)
        return
    disk.remove(archive_root(), each.path)
    disk.remove(archive_root(), str(Path(each.path).with_suffix(".idx")))


def archive_root() -> Path:
    """Return the folder of the archive's segments."""
    return project_path(config().archive.path)


def _mark(some: list[Expired]) -> None:
    with transaction() as session:
        for table in (OutputFile, ArchiveSegment):
            ids = [each.id for each in some if _table(each) is table]
            session.execute(update(table).where(table.id.in_(ids)).values(deleted_at=func.now()))
