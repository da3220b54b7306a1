"""Sources that were not read, or of which nothing was written though alerts came."""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import structlog
from sqlalchemy import Select, select
from sqlalchemy.orm import Session

from broker import kafka_groups
from broker.config import config
from broker.db import transaction
from broker.errors import TransientError
from pipeline.selected import sources
from pipeline.selected.tables import SelectedRun, Selection

NOT_RUN, NOTHING_WRITTEN, UNREAD, SILENT = REASONS = (
    "not_run",
    "nothing_written",
    "unread",
    "silent",
)
USUAL = timedelta(days=7)
"""A source that was read within such a time is expected to be read again."""
PROMPT = timedelta(hours=2)
"""A listener that wrote nothing for so long, while messages wait, does not run."""
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


def look(since: datetime, now: datetime | None = None) -> Look:
    """Return what is amiss now, of all that ran or should have run since a time.

    Parameters
    ----------
    since, now : datetime
        UTC.
    """
    now = now or datetime.now(UTC)
    scheduled = config().collect.scheduled
    with transaction() as session:
        names = sorted({*session.scalars(select(Selection.name)), *scheduled})
        runs = {name: _runs(session, name, since) for name in names}
        usual = {name: _usual(session, name, since) for name in names}
    found: list[Alarm] = []
    well: list[str] = []
    for name in names:
        kinds = usual[name] | ({"collect"} if name in scheduled else set())
        try:
            alarm = _alarm(name, runs[name], kinds, since, now)
        except TransientError as error:
            log.warning("watch.lag_unknown", source=name, error=str(error))
            continue
        if alarm is None:
            well.append(name)
        else:
            found.append(alarm)
    return Look(tuple(found), tuple(well))


def _alarm(
    name: str, runs: Sequence[SelectedRun], usual: set[str], since: datetime, now: datetime
) -> Alarm | None:
    if not runs and "collect" in usual:
        return _not_run(name, since)
    if not runs and usual and _is_elsewhere(name):
        return _silent(name, since)
    if any(run.written_count for run in runs) and not _is_late(runs[-1], now):
        return None
    new = sum(run.read_count - run.duplicate_count for run in runs)
    if new and not any(run.written_count for run in runs):
        return _nothing_written(name, runs, new)
    waiting = _waiting(name)
    return _unread(name, runs, since, waiting) if waiting else None


def _is_late(run: SelectedRun, now: datetime) -> bool:
    """Tell whether a listener stores nothing any more; whoever collects comes again later."""
    return run.kind == "listen" and run.updated_at < now - PROMPT


def _not_run(name: str, since: datetime) -> Alarm:
    return Alarm(
        name,
        NOT_RUN,
        f"{name} was not collected since {since:%Y-%m-%d %H:%M} UTC, as it was in the week before"
        " or as collect.scheduled wants it.",
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


def _silent(name: str, since: datetime) -> Alarm:
    return Alarm(
        name,
        SILENT,
        f"{name} read nothing since {since:%Y-%m-%d %H:%M} UTC, as it did in the week before; how"
        " much waits there only its own broker knows.",
        f"Is manage.py listen {name} running, and what does it say of its broker? It may be that"
        " nothing was sent.",
    )


def _unread(name: str, runs: Sequence[SelectedRun], since: datetime, waiting: int) -> Alarm:
    error = next((run.error for run in reversed(runs) if run.error), None)
    why = f" The last run ended with: {error}." if error else ""
    wrote = max((run.updated_at for run in runs if run.written_count), default=since)
    return Alarm(
        name,
        UNREAD,
        f"{name} wrote nothing since {wrote:%Y-%m-%d %H:%M} UTC, and {waiting} messages wait on its"
        f" topic.{why}",
        f"Run make status: listen-{name} must run. Where cron or a timer collects: run"
        f" ./run_lsst_consumer.sh {name} and read its last line.",
    )


def _runs(session: Session, name: str, since: datetime) -> Sequence[SelectedRun]:
    wanted = _reading(name).where(SelectedRun.updated_at >= since)
    return session.scalars(wanted.order_by(SelectedRun.id)).all()


def _usual(session: Session, name: str, since: datetime) -> set[str]:
    """Return the kinds of runs that read a source in the week before."""
    runs = session.scalars(
        _reading(name).where(SelectedRun.updated_at.between(since - USUAL, since))
    )
    return {run.kind for run in runs}


def _reading(name: str) -> Select[SelectedRun]:
    return (
        select(SelectedRun)
        .join(Selection, Selection.id == SelectedRun.selection_id)
        .where(Selection.name == name, SelectedRun.kind != "rerun")
    )


def _is_elsewhere(name: str) -> bool:
    """Tell whether a source is read from a broker of others; one that is no more is not read."""
    with suppress(KeyError):
        return bool(sources.settings_of(name).bootstrap_servers)
    return False


def _waiting(name: str) -> int:
    """Return how many messages of our own Kafka the source's group has not read."""
    try:
        group = sources.group_of(name)
    except KeyError:
        return 0  # nobody reads it any more
    if _is_elsewhere(name):
        return 0  # only its own broker knows
    found = kafka_groups.groups(group, kept_ms=KEPT_MS, limit=GROUPS)
    return sum(each.lag for each in found if each.name == group)
