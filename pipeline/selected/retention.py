"""Delete files whose time is over; what may go is said in ``/runs`` and a log before any goes."""

import math
import time
from collections.abc import Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from datetime import date, datetime
from itertools import islice
from pathlib import Path

import structlog
from sqlalchemy import Row, func, select, update

from broker.archive import ArchiveSegment
from broker.config import config, project_path
from broker.db import lock, transaction
from broker.errors import TransientError
from broker.host import this_host
from pipeline.clients.s3_errors import S3RefusedError
from pipeline.json_log import JsonLog
from pipeline.s3.verify import proving
from pipeline.selected import disk, retention_book
from pipeline.selected.retention_policy import ARCHIVE, LOG, Expired, Policy, expired
from pipeline.selected.sources import output_root, writers_lock
from pipeline.selected.tables import OutputFile

LOCK = "nightjar.retention"
PATH = "logs/retention.log"
"""Below the root of all output."""
AT_ONCE = 1000
"""Rows of one transaction."""
PATIENCE_S = (1.0,) * 30
"""Pauses [s] after which those who write there are asked to let us in once more."""

log = structlog.get_logger(__name__)


@dataclass
class Outcome:
    """What became of the files that might go.

    Attributes
    ----------
    gone : list of Expired
        Deleted.
    stuck : list of str
        What the disk said of files that it did not let go.
    error : str or None
        What S3 said, where it could not be asked.
    is_through : bool
        Whether every file was come to.
    """

    gone: list[Expired] = field(default_factory=list)
    stuck: list[str] = field(default_factory=list)
    error: str | None = None
    is_through: bool = True

    @property
    def state(self) -> str:
        """Return how the run ended, as ``retention_runs.state``."""
        if self.error or self.stuck:
            return "failed"
        return "done" if self.is_through else "short"

    @property
    def hindrance(self) -> str | None:
        """Return what is to be told of a run that failed."""
        said = [] if self.error is None else [self.error]
        if self.stuck:
            said.append(f"{len(self.stuck)} files could not be deleted, as {self.stuck[0]}")
        return "; ".join(said) or None


def run(
    policy: Policy, today: date, *, is_command: bool = False, budget_s: float = math.inf
) -> Outcome | None:
    """Delete what may go; None while another process of this host does so.

    The row of the run, and a line for each file, are written before anything is deleted. The row of
    a file is marked after the file is gone: one that somebody killed this between is looked for
    again, and found to be gone. S3 is asked for minutes: whether a file is still the one that it
    was asked for is looked at when it goes, and nobody writes there then.

    Parameters
    ----------
    policy : Policy
        What holds.
    today : date
        UTC.
    is_command : bool
        Whether somebody asked for it.
    budget_s : float
        No further file is begun after this time [s].
    """
    until_s = time.monotonic() + budget_s
    with lock(f"{LOCK}.{this_host()}") as is_ours:
        if not is_ours:
            return None
        with transaction() as session:
            found = list(expired(session, policy, today))
            run_id = retention_book.begin(session, found, today, is_command=is_command)
        due = [each for each in found if each.why_kept is None]
        outcome = Outcome()
        if due:
            with closing(JsonLog(output_root() / PATH)) as journal:
                for each in due:
                    journal.note(event="due", **_told(each))
                _delete(due, outcome, until_s, journal)
        with transaction() as session:
            retention_book.end(session, run_id, outcome.state, outcome.gone, outcome.hindrance)
    length = sum(each.length for each in outcome.gone)
    log.info("retention.deleted", state=outcome.state, files=len(outcome.gone), length=length)
    return outcome


def _delete(due: list[Expired], outcome: Outcome, until_s: float, journal: JsonLog) -> None:
    _remove_logs([each for each in due if each.kind == LOG], outcome, journal)
    alone = (each for each in due if not each.is_synced and each.kind != LOG)
    _remove_all(alone, outcome, until_s, journal)
    synced = [each for each in due if each.is_synced]
    if not synced or not outcome.is_through:
        return
    try:
        with proving() as is_there:
            there = (each for each in synced if is_there(_table(each), each.id))
            _remove_all(there, outcome, until_s, journal)
    except (S3RefusedError, TransientError) as error:
        outcome.error = f"S3 could not be asked: {error}"
        log.warning("retention.s3_away", kept=len(synced), error=str(error))


def _remove_logs(logs: Iterable[Expired], outcome: Outcome, journal: JsonLog) -> None:
    for each in logs:
        if _remove(each, outcome):
            journal.note(event="deleted", **_told(each))
            outcome.gone.append(each)


def _remove_all(
    these: Iterable[Expired], outcome: Outcome, until_s: float, journal: JsonLog
) -> None:
    waiting = iter(these)
    while some := list(islice(_in_time(waiting, outcome, until_s), AT_ONCE)):
        removed = _remove_alone(some, outcome)
        for each in removed:
            journal.note(event="deleted", **_told(each))
        outcome.gone += removed


def _remove_alone(some: list[Expired], outcome: Outcome) -> list[Expired]:
    """Remove files while nobody writes below the root; none if that does not end."""
    for pause_s in (*PATIENCE_S, 0.0):
        with lock(writers_lock(this_host(), str(output_root()))) as is_ours:
            if is_ours:
                return _remove_unchanged(some, outcome)
        time.sleep(pause_s)
    log.warning("retention.written_to", kept=len(some))
    outcome.is_through = False
    return []


def _remove_unchanged(some: list[Expired], outcome: Outcome) -> list[Expired]:
    """Remove those files that are still what was looked at; return them."""
    gone: list[Expired] = []
    with transaction() as session:
        for table in (OutputFile, ArchiveSegment):
            mine = {each.id: each for each in some if _table(each) is table}
            # A row that somebody holds is about to be another one.
            held = select(table.id, table.sha256, table.confirmed_at).where(
                table.id.in_(mine), table.closed_at.is_not(None), table.deleted_at.is_(None)
            )
            rows = session.execute(held.with_for_update(skip_locked=True))
            same = [mine[row.id] for row in rows if _is_same(mine[row.id], row)]
            removed = [each for each in same if _remove(each, outcome)]
            ids = [each.id for each in removed]
            session.execute(update(table).where(table.id.in_(ids)).values(deleted_at=func.now()))
            gone += removed
    return gone


def _is_same(seen: Expired, row: Row[int, str | None, datetime | None]) -> bool:
    is_confirmed = row.confirmed_at is not None or not seen.is_synced
    return is_confirmed and row.sha256 == seen.sha256


def _in_time(waiting: Iterator[Expired], outcome: Outcome, until_s: float) -> Iterator[Expired]:
    while time.monotonic() < until_s:
        each = next(waiting, None)
        if each is None:
            return
        yield each
    outcome.is_through = False


def _remove(each: Expired, outcome: Outcome) -> bool:
    """Remove a file; one that the disk does not let go keeps no other."""
    root = archive_root() if each.kind == ARCHIVE else output_root()
    paths = [each.path]
    if each.kind == ARCHIVE:
        paths.append(str(Path(each.path).with_suffix(".idx")))
    try:
        for path in paths:
            disk.remove(root, path)
    except OSError as error:
        outcome.stuck.append(str(error))
        log.warning("retention.stuck", path=each.path, error=str(error))
        return False
    return True


def archive_root() -> Path:
    """Return the folder of the archive's segments."""
    return project_path(config().archive.path)


def _table(each: Expired) -> type[OutputFile | ArchiveSegment]:
    return ArchiveSegment if each.kind == ARCHIVE else OutputFile


def _told(each: Expired) -> dict[str, str | int]:
    return {
        "kind": each.kind,
        "path": each.path,
        "night": each.night.isoformat(),
        "length": each.length,
    }
