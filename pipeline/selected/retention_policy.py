"""Which files may go: by policy, and never what S3 should have but did not confirm."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from sqlalchemy import ColumnElement, select
from sqlalchemy.orm import Session

from broker.archive import ArchiveSegment
from broker.config import Config
from broker.host import archive_host, host_of_archive, this_host
from pipeline.s3.places import SYNCED_KINDS, excluded
from pipeline.selected.sources import output_root
from pipeline.selected.tables import OutputFile

ARCHIVE = "archive"
LOG = "log"
LOGS = "logs"
"""Folder below the root of all output; its files have no rows."""
_DAYS = "_days"


@dataclass(frozen=True)
class Expired:
    """A file whose time is over.

    Attributes
    ----------
    id : int
        Of its row; 0 for a log, which has none.
    kind : str
        Of ``output_files``, ``archive`` or ``log``.
    path : str
        Relative to the folder of its kind.
    night : date
        Whose age counts, whatever the disk says.
    length : int
        [bytes].
    sha256 : str or None
        As it was when its row was looked at.
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
    sha256: str | None
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
            name.removesuffix(_DAYS): value
            for name, value in settings.retention.model_dump().items()
            if name.endswith(_DAYS)
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
    for kind, before in _ends(policy, today):
        if kind == LOG:
            yield from _logs(before)
        else:
            found = _segments if kind == ARCHIVE else _files
            yield from found(session, policy, kind, before)


def hosts(session: Session, policy: Policy, today: date) -> set[str]:
    """Return the hosts that have files whose time is over, whether these may go or not."""
    found: set[str] = set()
    for kind, before in _ends(policy, today):
        if kind == ARCHIVE:
            names = select(ArchiveSegment.host).where(*_old_segments(before)).distinct()
            found |= {host_of_archive(name) for name in session.scalars(names)}
        elif kind == LOG:  # nobody knows of those on other disks
            found |= {this_host()} if next(_logs(before), None) else set()
        else:
            found |= {
                *session.scalars(select(OutputFile.host).where(*_old(kind, before)).distinct())
            }
    return found


def _ends(policy: Policy, today: date) -> Iterator[tuple[str, date]]:
    """Yield each kind that is not kept for ever, and the first night of it that stays."""
    for kind, days in policy.days.items():
        if days:
            yield kind, today - timedelta(days=days)


def _old(kind: str, before: date) -> tuple[ColumnElement[bool], ...]:
    return (OutputFile.kind == kind, OutputFile.night < before, OutputFile.deleted_at.is_(None))


def _old_segments(before: date) -> tuple[ColumnElement[bool], ...]:
    return (ArchiveSegment.night < before, ArchiveSegment.deleted_at.is_(None))


def _files(session: Session, policy: Policy, kind: str, before: date) -> Iterator[Expired]:
    wanted = select(OutputFile).where(
        *_old(kind, before),
        OutputFile.host == this_host(),
        OutputFile.root == str(output_root()),
    )
    for row in session.scalars(wanted.order_by(OutputFile.night, OutputFile.id)):
        why = None if row.closed_at and row.sha256 else "it is not closed"
        why = why or policy.why_unconfirmed(kind, kind, is_confirmed=row.confirmed_at is not None)
        is_synced = policy.is_synced(kind, kind)
        yield Expired(row.id, kind, row.path, row.night, row.length, row.sha256, why, is_synced)


def _logs(before: date) -> Iterator[Expired]:
    """Yield logs that nothing was written to since then."""
    root = output_root()
    for path in sorted((root / LOGS).rglob("*.log*")):
        if not path.is_file():
            continue
        found = path.stat()
        written = datetime.fromtimestamp(found.st_mtime, UTC).date()
        if written < before:
            place = str(path.relative_to(root))
            yield Expired(0, LOG, place, written, found.st_size, None, None)


def _segments(session: Session, policy: Policy, kind: str, before: date) -> Iterator[Expired]:
    wanted = select(ArchiveSegment).where(
        *_old_segments(before),
        ArchiveSegment.host == archive_host(),
    )
    for row in session.scalars(wanted.order_by(ArchiveSegment.night, ArchiveSegment.id)):
        why = None if row.closed_at else "it is not closed"
        place = f"{kind}/{row.survey}"
        why = why or policy.why_unconfirmed(kind, place, is_confirmed=row.confirmed_at is not None)
        is_synced = policy.is_synced(kind, place)
        length = row.bytes or 0
        yield Expired(row.id, kind, row.path, row.night, length, row.sha256, why, is_synced)
