"""What pages and REST show of the bus: the board, commands with all that was said, switches."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import UTC, datetime, timedelta

from sqlalchemy import ColumnElement, func, select, text
from sqlalchemy.orm import Session

from pipeline.telescope import board
from pipeline.telescope.record import Telescope, telescopes
from pipeline.telescope.tables import (
    OPEN_STATES,
    TelescopeAcknowledgment,
    TelescopeCommand,
    TelescopeEvent,
    TelescopeLatestStatus,
    TelescopeSwitch,
)

PAGE_SIZE = 50
UPTIME_MINUTES = 24 * 60
_UPTIME = text("""
    SELECT telescope, source_application, count(*) FILTER (WHERE is_operational)
    FROM (
        SELECT telescope, source_application, bool_and(is_operational) AS is_operational
        FROM telescope_statuses
        WHERE received_at >= :since AND received_at < :until
        GROUP BY telescope, source_application, date_trunc('minute', received_at, 'UTC')
    ) AS minutes
    GROUP BY 1, 2
""")

Uptimes = Mapping[tuple[str, str], float]
"""Share of the last 24 h [%] by telescope and application."""


@dataclass(frozen=True)
class ApplicationBoard:
    """One application: how it is, and the newest status of each of its components."""

    health: board.Health
    rows: Sequence[TelescopeLatestStatus]
    uptime_percent: float | None


@dataclass(frozen=True)
class TelescopeBoard:
    """One telescope on the board.

    Attributes
    ----------
    telescope : Telescope
        Its record.
    switch : TelescopeSwitch or None
        Who last turned whether it accepts commands.
    applications : sequence of ApplicationBoard
        Those of its record.
    strangers : sequence of TelescopeLatestStatus
        Status of applications that its record does not name.
    open_count : int
        Its commands without an end.
    """

    telescope: Telescope
    switch: TelescopeSwitch | None
    applications: Sequence[ApplicationBoard]
    strangers: Sequence[TelescopeLatestStatus]
    open_count: int

    @property
    def accepts_commands(self) -> bool:
        """Whether it does now."""
        return board.accepts(self.switch)

    @property
    def is_heard(self) -> bool:
        """Whether anything was ever heard of it."""
        return any(each.health.heard_at for each in self.applications) or bool(self.strangers)

    @property
    def doubts(self) -> list[str]:
        """Why a command should not go there unasked."""
        return [each.health.doubt for each in self.applications if each.health.doubt]

    @property
    def critical(self) -> list[TelescopeLatestStatus]:
        """What is critical."""
        rows = [row for each in self.applications for row in each.rows]
        return [row for row in [*rows, *self.strangers] if row.level == "critical"]


@dataclass(frozen=True)
class Wanted:
    """Which commands are listed; None: any."""

    telescope: str | None = None
    state: str | None = None
    origin: str | None = None
    trigger_id: str | None = None
    requested_by: str | None = None


@dataclass(frozen=True)
class CommandPage:
    """Some commands, the newest first, and how many there are."""

    rows: Sequence[TelescopeCommand]
    count: int


@dataclass(frozen=True)
class CommandRecord:
    """A command with everything that was said and done about it, in order of time."""

    row: TelescopeCommand
    acknowledgments: Sequence[TelescopeAcknowledgment]
    events: Sequence[TelescopeEvent]
    cancels: Sequence[TelescopeCommand]
    retries: Sequence[TelescopeCommand]


def boards(
    session: Session, uptimes: Uptimes | None = None, now: datetime | None = None
) -> list[TelescopeBoard]:
    """Return all telescopes, in the order of their records."""
    latest: dict[str, list[TelescopeLatestStatus]] = defaultdict(list)
    table = TelescopeLatestStatus
    for row in session.scalars(select(table).order_by(table.application, table.component)):
        latest[row.telescope].append(row)
    switches = {row.telescope: row for row in session.scalars(select(TelescopeSwitch))}
    command = TelescopeCommand
    counts = session.execute(
        select(command.telescope, func.count())
        .where(command.state.in_(OPEN_STATES))
        .group_by(command.telescope)
    )
    waiting = {name: count for name, count in counts}  # noqa: C416 rows are no tuples to mypy
    return [
        _board(session, each, latest[each.name], switches, waiting.get(each.name, 0), uptimes, now)
        for each in telescopes()
    ]


def uptimes(session: Session, now: datetime | None = None) -> Uptimes:
    """Return of each application the share of minutes in which it was heard and operational [%]."""
    until = (now or datetime.now(UTC)).replace(second=0, microsecond=0)
    since = until - timedelta(minutes=UPTIME_MINUTES)
    rows = session.execute(_UPTIME, {"since": since, "until": until})
    return {(name, application): 100 * good / UPTIME_MINUTES for name, application, good in rows}


def commands(session: Session, wanted: Wanted, page: int) -> CommandPage:
    """Return a page of commands, the newest first."""
    command, conditions = TelescopeCommand, list(_conditions(wanted))
    count = session.scalar(select(func.count()).select_from(command).where(*conditions))
    rows = session.scalars(
        select(command)
        .where(*conditions)
        .order_by(command.created_at.desc(), command.command_id.desc())
        .limit(PAGE_SIZE)
        .offset((page - 1) * PAGE_SIZE)
    )
    return CommandPage(rows.all(), count or 0)


def find_command(session: Session, command_id: str) -> CommandRecord | None:
    """Return a command with all that belongs to it, or None."""
    row = session.get(TelescopeCommand, command_id)
    if row is None:
        return None
    ack, event, command = TelescopeAcknowledgment, TelescopeEvent, TelescopeCommand
    acks = select(ack).where(ack.command_id == command_id).order_by(ack.received_at, ack.id)
    events = select(event).where(event.command_id == command_id).order_by(event.at, event.id)
    by_age = command.created_at, command.command_id
    return CommandRecord(
        row,
        session.scalars(acks).all(),
        session.scalars(events).all(),
        session.scalars(
            select(command).where(command.cancels == command_id).order_by(*by_age)
        ).all(),
        session.scalars(
            select(command).where(command.retry_of == command_id).order_by(*by_age)
        ).all(),
    )


def of_observation(session: Session, observation_id: str) -> Sequence[TelescopeCommand]:
    """Return the commands of an observation: its start, and what cancels it."""
    command = TelescopeCommand
    return session.scalars(
        select(command)
        .where(command.observation_id == observation_id)
        .order_by(command.created_at, command.command_id)
    ).all()


def _board(
    session: Session,
    telescope: Telescope,
    rows: Sequence[TelescopeLatestStatus],
    switches: Mapping[str, TelescopeSwitch],
    open_count: int,
    uptimes: Uptimes | None,
    now: datetime | None,
) -> TelescopeBoard:
    health = board.health(session, telescope, now)
    known = {each.application for each in health}
    applications = [
        ApplicationBoard(
            each,
            [row for row in rows if row.application == each.application],
            None if uptimes is None else uptimes.get((telescope.name, each.application), 0.0),
        )
        for each in health
    ]
    strangers = [row for row in rows if row.application not in known]
    return TelescopeBoard(
        telescope, switches.get(telescope.name), applications, strangers, open_count
    )


def _conditions(wanted: Wanted) -> Iterator[ColumnElement[bool]]:
    for each in fields(wanted):
        value = getattr(wanted, each.name)
        if value is not None:
            yield getattr(TelescopeCommand, each.name) == value
