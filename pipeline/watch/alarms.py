"""Sources that were not read, or of which nothing was written though alerts came."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog
from sqlalchemy import Select, select
from sqlalchemy.orm import Session

from broker import kafka_groups
from broker.db import transaction
from broker.errors import TransientError
from pipeline.selected import sources
from pipeline.selected.tables import SelectedRun, Selection

NOT_RUN, NOTHING_WRITTEN, UNREAD = REASONS = ("not_run", "nothing_written", "unread")
USUAL = timedelta(days=7)
"""A source that was collected within such a time is expected to be collected again."""
GROUPS = 10
KEPT_MS = 0
"""No message counts as about to expire: nobody asks for that here."""

log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Alarm:
    """Something that is amiss with a source.

    Attributes
    ----------
    source : str
        Its name.
    reason : str
        One of the words above.
    text : str
        What is known.
    remedy : str
        What to do.
    """

    source: str
    reason: str
    text: str
    remedy: str

    @property
    def name(self) -> str:
        """Return what makes it one of its day."""
        return f"{self.source}:{self.reason}"


@dataclass(frozen=True)
class Look:
    """What a look at all sources found.

    Attributes
    ----------
    alarms : tuple of Alarm
        At most one for each source.
    well : tuple of str
        Sources of which nothing is amiss; one whose topic could not be asked is in neither.
    """

    alarms: tuple[Alarm, ...]
    well: tuple[str, ...]


def look(since: datetime) -> Look:
    """Return what is amiss now, of all that ran or should have run since a time.

    Parameters
    ----------
    since : datetime
        UTC.
    """
    with transaction() as session:
        names = session.scalars(select(Selection.name).distinct().order_by(Selection.name)).all()
        runs = {name: _runs(session, name, since) for name in names}
        usual = {name: _was_collected(session, name, since) for name in names}
    found: list[Alarm] = []
    well: list[str] = []
    for name in names:
        try:
            alarm = _alarm(name, runs[name], since, is_usual=usual[name])
        except TransientError as error:
            log.warning("watch.lag_unknown", source=name, error=str(error))
            continue
        if alarm is None:
            well.append(name)
        else:
            found.append(alarm)
    return Look(tuple(found), tuple(well))


def _alarm(
    name: str, runs: Sequence[SelectedRun], since: datetime, *, is_usual: bool
) -> Alarm | None:
    if not runs and is_usual:
        return _not_run(name, since)
    if any(run.written_count for run in runs):
        return None
    new = sum(run.read_count - run.duplicate_count for run in runs)
    if new:
        return _nothing_written(name, runs, new)
    waiting = _waiting(name)
    return _unread(name, runs, waiting) if waiting else None


def _not_run(name: str, since: datetime) -> Alarm:
    return Alarm(
        name,
        NOT_RUN,
        f"{name} was not collected since {since:%Y-%m-%d %H:%M} UTC, as it was in the week before.",
        f"Run ./run_lsst_consumer.sh {name} now; nothing is lost while the topic keeps it. Then see"
        " why it was not started: crontab -l, systemctl list-timers, collect.scheduled and beat.",
    )


def _nothing_written(name: str, runs: Sequence[SelectedRun], new: int) -> Alarm:
    failed = sum(run.failed_count for run in runs)
    filtered = sum(run.filtered_count for run in runs)
    return Alarm(
        name,
        NOTHING_WRITTEN,
        f"{name} wrote nothing though {new} messages came: {failed} could not be read, {filtered}"
        " were refused by our own look.",
        f"Look at the dead letters of {name} in the admin: their reasons say what has changed."
        " Where messages were refused, compare our thresholds with those of the sender's filter.",
    )


def _unread(name: str, runs: Sequence[SelectedRun], waiting: int) -> Alarm:
    error = next((run.error for run in reversed(runs) if run.error), None)
    why = f" The last run ended with: {error}." if error else ""
    return Alarm(
        name,
        UNREAD,
        f"{name} wrote nothing, and {waiting} messages wait on its topic.{why}",
        f"Run make status: listen-{name} must run. Where cron or a timer collects: run"
        f" ./run_lsst_consumer.sh {name} and read its last line.",
    )


def _runs(session: Session, name: str, since: datetime) -> Sequence[SelectedRun]:
    wanted = _reading(name).where(SelectedRun.updated_at >= since)
    return session.scalars(wanted.order_by(SelectedRun.id)).all()


def _was_collected(session: Session, name: str, since: datetime) -> bool:
    wanted = _reading(name).where(
        SelectedRun.kind == "collect", SelectedRun.started_at.between(since - USUAL, since)
    )
    return session.scalars(wanted.limit(1)).one_or_none() is not None


def _reading(name: str) -> Select[SelectedRun]:
    return (
        select(SelectedRun)
        .join(Selection, Selection.id == SelectedRun.selection_id)
        .where(Selection.name == name, SelectedRun.kind != "rerun")
    )


def _waiting(name: str) -> int:
    """Return how many messages of our own Kafka the source's group has not read."""
    try:
        where = sources.settings_of(name)
    except KeyError:
        return 0  # nobody reads it any more
    if where.bootstrap_servers:
        return 0  # only its own broker knows
    group = sources.group_of(name)
    found = kafka_groups.groups(group, kept_ms=KEPT_MS, limit=GROUPS)
    return sum(each.lag for each in found if each.name == group)
