"""Sources that were not read, of which nothing was written, or files could not be made."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import structlog
from sqlalchemy import Select, select
from sqlalchemy.orm import Session

from broker import kafka_groups, kafka_unread
from broker.config import config
from broker.db import transaction
from broker.errors import TransientError
from broker.kafka_unread import Unread
from pipeline import topics
from pipeline.selected import sources
from pipeline.selected.tables import SelectedRun, Selection
from pipeline.watch import elsewhere, listened
from pipeline.watch.alarm import NOT_RUN, UNREAD, Alarm
from pipeline.watch.elsewhere import PROMPT, Heard
from pipeline.watch.lasair_topics import LasairTopic, brought
from pipeline.watch.unmade import unmade

USUAL = timedelta(days=7)
"""A source that was read within such a time is expected to be read again."""
GROUPS = 10
KEPT_MS = 0
"""No message counts as about to expire: nobody asks for that here."""

log = structlog.get_logger(__name__)

Waits = Unread | TransientError


@dataclass(frozen=True)
class Look:
    """What a look at all sources found.

    Attributes
    ----------
    alarms : tuple of Alarm
        At most one for each source.
    well : tuple of str
        Sources of which nothing is amiss; one whose topic could not be asked is in neither.
    waits : mapping of str to Unread or None
        What waits on the brokers of others, by source; None where one does not say.
    heard : mapping of str to datetime or None
        When the newest message of each source was read, UTC; None: none in the time looked at.
    """

    alarms: tuple[Alarm, ...]
    well: tuple[str, ...]
    waits: Mapping[str, Unread | None] = field(default_factory=dict)
    heard: Mapping[str, datetime | None] = field(default_factory=dict)


@dataclass(frozen=True)
class _Read:
    """What ran of a source since a time, and which kinds of runs read it in the week before."""

    name: str
    runs: Sequence[SelectedRun]
    usual: set[str]

    def sum(self, name: str) -> int:
        """Return the sum of one count of the runs."""
        return sum(getattr(run, f"{name}_count") for run in self.runs)

    @property
    def heard(self) -> Heard:
        """Return the same as of a topic; who collects comes again later, and is never late."""
        kinds = {self.runs[-1].kind} if self.runs else self.usual
        return Heard(
            self.name,
            self.name,
            self.sum("read") - self.sum("duplicate"),
            self.sum("written"),
            self.sum("failed"),
            self.sum("filtered"),
            last_at=max((run.updated_at for run in self.runs), default=None),
            is_wanted="listen" in kinds,
            was_heard=bool(self.usual),
        )


def look(since: datetime, now: datetime | None = None) -> Look:
    """Return what is amiss now, of all that ran or should have run since a time.

    Brokers are asked outside of any transaction, all of them together within seconds.

    Parameters
    ----------
    since, now : datetime
        UTC.
    """
    now = now or datetime.now(UTC)
    scheduled = config().collect.scheduled
    with transaction() as session:
        names = sorted({*session.scalars(select(Selection.name)), *scheduled})
        read = [_read(session, name, since, name in scheduled) for name in names]
        lasair = _lasair(session, since)
        not_made = unmade(session, since, now)
    strangers = listened.sources_elsewhere(names)
    places = strangers | listened.lasair_topics()
    waits = kafka_unread.unread(places, old_s=PROMPT.total_seconds())
    _log_unknown(waits)
    found: dict[str, Alarm | None] = {
        each.name: elsewhere.alarm(each, waits[each.name], since, now) for each in lasair
    }
    for one in read:
        try:
            amiss = _alarm(one, waits.get(one.name), since, now)
            found[one.name] = amiss or not_made.get(one.name)
        except TransientError as error:
            log.warning("watch.lag_unknown", source=one.name, error=str(error))
    return Look(
        tuple(alarm for alarm in found.values() if alarm),
        tuple(name for name, alarm in found.items() if alarm is None and _is_known(waits, name)),
        {name: each if isinstance(each, Unread) else None for name, each in waits.items()},
        {each.name: each.last_at for each in (*(one.heard for one in read), *lasair)},
    )


def _alarm(read: _Read, waits: Waits | None, since: datetime, now: datetime) -> Alarm | None:
    """Return what is amiss with a source; ``waits`` is None where our own Kafka has it."""
    if not read.runs and "collect" in read.usual:
        return _not_run(read, since)
    if waits is None:
        return _alarm_here(read, since, now)
    return _failed(read, since) or elsewhere.alarm(read.heard, waits, since, now)


def _alarm_here(read: _Read, since: datetime, now: datetime) -> Alarm | None:
    heard = read.heard
    if heard.written and not _is_late(read.runs[-1], now):
        return None
    if heard.new and not heard.written:
        return elsewhere.nothing_written(heard)
    waiting = _waiting(read.name)
    return _unread(read, since, waiting) if waiting else _failed(read, since)


def _is_late(run: SelectedRun, now: datetime) -> bool:
    """Tell whether a listener stores nothing any more; whoever collects comes again later."""
    return run.kind == "listen" and run.updated_at < now - PROMPT


def _failed(read: _Read, since: datetime) -> Alarm | None:
    """Return the alarm of a source whose every run failed before it read anything."""
    if not read.runs or read.sum("read") or any(run.state != "failed" for run in read.runs):
        return None
    return Alarm(
        read.name,
        NOT_RUN,
        f"{read.name} was not collected since {since:%Y-%m-%d %H:%M} UTC: of"
        f" {len(read.runs)} runs each failed, the last with: {read.runs[-1].error}",
        f"Mend that, then run ./run_lsst_consumer.sh {read.name}; nothing is lost while the topic"
        " keeps it.",
    )


def _not_run(read: _Read, since: datetime) -> Alarm:
    return Alarm(
        read.name,
        NOT_RUN,
        f"{read.name} was not collected since {since:%Y-%m-%d %H:%M} UTC, as it was in the week"
        " before or as collect.scheduled wants it.",
        f"Run ./run_lsst_consumer.sh {read.name} now; nothing is lost while the topic keeps it."
        " Then see why it was not started: crontab -l, systemctl list-timers, collect.scheduled"
        " and beat.",
    )


def _unread(read: _Read, since: datetime, waiting: int) -> Alarm:
    error = next((run.error for run in reversed(read.runs) if run.error), None)
    why = f" The last run ended with: {error}." if error else ""
    wrote = max((run.updated_at for run in read.runs if run.written_count), default=since)
    return Alarm(
        read.name,
        UNREAD,
        f"{read.name} wrote nothing since {wrote:%Y-%m-%d %H:%M} UTC, and {waiting} messages wait"
        f" on its topic.{why}",
        f"Run make status: listen-{read.name} must run. Where cron or a timer collects: run"
        f" ./run_lsst_consumer.sh {read.name} and read its last line.",
    )


def _read(session: Session, name: str, since: datetime, is_scheduled: bool) -> _Read:  # noqa: FBT001 a fact of the source
    wanted = _reading(name).where(SelectedRun.updated_at >= since)
    runs = session.scalars(wanted.order_by(SelectedRun.id)).all()
    before = _reading(name).where(SelectedRun.updated_at.between(since - USUAL, since))
    usual = {run.kind for run in session.scalars(before)}
    return _Read(name, runs, usual | ({"collect"} if is_scheduled else set()))


def _reading(name: str) -> Select[SelectedRun]:
    return (
        select(SelectedRun)
        .join(Selection, Selection.id == SelectedRun.selection_id)
        .where(Selection.name == name, SelectedRun.kind != "rerun")
    )


def _lasair(session: Session, since: datetime) -> list[Heard]:
    """Return what was heard of each topic of Lasair that the settings name."""
    before = {each.name: each for each in brought(session, since - USUAL, since)}
    wanted = {topic.name for topic in config().lasair.topics}
    return [
        _of_topic(each, before[each.name])
        for each in brought(session, since)
        if each.name in wanted
    ]


def _of_topic(topic: LasairTopic, before: LasairTopic) -> Heard:
    return Heard(
        topic.name,
        topics.LASAIR,
        topic.stored + topic.failed,
        topic.stored,
        topic.failed,
        filtered=0,
        last_at=topic.last_at,
        is_wanted=True,
        was_heard=before.last_at is not None,
    )


def _waiting(name: str) -> int:
    """Return how many messages of our own Kafka the source's group has not read."""
    try:
        group = sources.group_of(name)
    except KeyError:
        return 0  # nobody reads it any more
    found = kafka_groups.groups(group, kept_ms=KEPT_MS, limit=GROUPS)
    return sum(each.lag for each in found if each.name == group)


def _log_unknown(waits: Mapping[str, Waits]) -> None:
    for name, each in waits.items():
        if isinstance(each, TransientError):
            log.warning("watch.lag_unknown", source=name, error=str(each))


def _is_known(waits: Mapping[str, Waits], name: str) -> bool:
    return not isinstance(waits.get(name), TransientError)
