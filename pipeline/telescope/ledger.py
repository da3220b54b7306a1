"""What operators and flows do to commands: create, cancel, retry, send again, stop, withdraw.

Each function is one short transaction of its own and rings for the sender after the commit; none
speaks to Kafka. Pages, REST, plans and retractions call these and write nothing themselves.
"""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from sqlalchemy import and_, or_, select
from sqlalchemy.orm import Session

from broker.celery import enqueue
from broker.config import config
from broker.db import transaction
from pipeline.telescope import board
from pipeline.telescope.ids import new_command_id, new_observation_id
from pipeline.telescope.record import Telescope, telescope
from pipeline.telescope.rows import (
    START,
    Act,
    NotNowError,
    cancel_row,
    clock,
    find,
    is_cancellable,
    lock,
    may_run,
    note,
    of_key,
    switch,
)
from pipeline.telescope.sky import SUNRISE_DEG, sun_altitude_deg
from pipeline.telescope.tables import (
    OPEN_STATES,
    TelescopeCommand,
)
from pipeline.telescope.wish import (
    ASKED,
    Wish,
    observation_of,
    stored,
)

__all__ = [
    "Act",
    "NotNowError",
    "UnconfirmedError",
    "cancel",
    "create",
    "is_retriable",
    "resend",
    "resume",
    "retry",
    "stop",
    "withdraw",
]

SEND, QUEUE = "telescope.send", "commands"
EXPIRY_MARGIN_S = 30
"""So long after it expired a command may still be met by an application whose clock is slow."""
STOPPED_BACK = timedelta(days=1)
"""``stop`` also cancels what timed out since then: no deadline lies further behind a start."""
RETRIED = ("failed", "rejected", "timeout", "cancelled", "unknown")


class UnconfirmedError(Exception):
    """Something speaks against it, and no operator has said that it shall be done all the same.

    Attributes
    ----------
    doubts : tuple of str
        What speaks against it, for people.
    """

    def __init__(self, doubts: Sequence[str]) -> None:
        super().__init__("; ".join(doubts))
        self.doubts = tuple(doubts)


def create(wish: Wish, by: str, *, is_confirmed: bool = False) -> Act:
    """Ask a telescope for an observation.

    Parameters
    ----------
    wish : Wish
        What is asked for. One with the key of an earlier one makes no second command.
    by : str
        Who asks, as text.
    is_confirmed : bool
        An operator has seen what speaks against it.

    Raises
    ------
    RecordError
        If there is no such telescope.
    RefusedError
        Naming field, value and limit.
    NotNowError
        If the telescope accepts no commands.
    UnconfirmedError
        If it is silent, broken or busy.
    """
    target = telescope(wish.telescope)
    with transaction() as session:
        lock(session, target.name)
        if (known := of_key(session, wish.idempotency_key)) is not None:
            return Act(known, "was asked for before")
        row = _new(session, wish, target, by)
        confirmed = _demand_ready(session, target, is_confirmed=is_confirmed)
        session.add(row)
        note(session, row, by, "requested", confirmed)
    _ring(target.name)
    return Act(row.command_id, "requested")


def cancel(command_id: str, by: str, why: str) -> Act:
    """Cancel a command: at once where it was not sent yet, else by a command that cancels it.

    Raises
    ------
    NotNowError
        If there is no such command, it has ended, or is a cancel itself.
    """
    with transaction() as session:
        row = find(session, command_id)
        act = cancel_row(session, row, by, why)
    _ring(row.telescope)
    return act


def retry(command_id: str, by: str, why: str, *, is_confirmed: bool = False) -> Act:
    """Ask once more for the observation of a command, as a new one.

    One that the telescope did not end itself may still be under way: it is cancelled first, and
    before it has expired for certain an operator must confirm.

    Raises
    ------
    NotNowError
        If its state does not allow it, or the telescope accepts no commands.
    RefusedError, UnconfirmedError
        As ``create``.
    """
    with transaction() as session:
        old = find(session, command_id)
        target = telescope(old.telescope)
        if not is_retriable(old):
            raise NotNowError(f"{command_id} is {old.state}: it cannot be asked for again")
        wish = Wish(
            telescope=old.telescope,
            observation={name: old.request[name] for name in ASKED},
            origin=old.origin,
            trigger_id=old.trigger_id,
            tile_id=old.tile_id,
            filter=old.filter,
        )
        is_doubtful = old.state == "unknown" or may_run(old)
        doubts = _early(old) if is_doubtful else []
        confirmed = _demand_ready(
            session, target, is_confirmed=is_confirmed, more=doubts, but=old.command_id
        )
        if is_doubtful:  # before the new one is made, so that it is sent before it
            cancel_row(session, old, by, f"asked for again: {why}")
        row = _new(session, wish, target, by)
        row.retry_of = old.command_id
        session.add(row)
        again = f"again, for {old.command_id}: {why}"
        note(session, row, by, "requested", "; ".join(filter(None, (again, confirmed))))
    _ring(target.name)
    return Act(command_id, "asked for again", row.command_id)


def is_retriable(row: TelescopeCommand) -> bool:
    """Return whether the observation of a command may be asked for once more."""
    return row.command_type == START and row.state in RETRIED


def resend(command_id: str, by: str, why: str) -> Act:
    """Send a command once more, with its own id, whose sending nobody knows the end of.

    Raises
    ------
    NotNowError
        If its state is not ``unknown``, or the telescope accepts no commands.
    """
    with transaction() as session:
        row = find(session, command_id)
        if row.state != "unknown":
            raise NotNowError(f"{command_id} is {row.state}, not unknown: it is not sent again")
        if row.command_type == START:
            if not board.accepts_commands(session, row.telescope):
                raise NotNowError(f"{row.telescope} accepts no commands: resume it first")
            row.receive_by = clock(session) + timedelta(seconds=config().telescope.receive_within_s)
        row.state, row.due_at, row.last_error = "requested", row.receive_by, None
        note(session, row, by, "sent again", why)
    _ring(row.telescope)
    return Act(command_id, "is sent again")


def stop(name: str, by: str, why: str) -> list[Act]:
    """Stop everything: cancel all that a telescope was asked for, and accept no commands.

    Nothing is asked first, and nothing need be heard of the telescope. It accepts commands again
    after ``resume``.

    Returns
    -------
    list of Act
        What was done to each command.
    """
    target = telescope(name)
    with transaction() as session:
        lock(session, target.name)
        switch(session, target.name, by, why, accepts=False)
        since = clock(session) - STOPPED_BACK
        rows = session.scalars(
            select(TelescopeCommand)
            .where(
                TelescopeCommand.telescope == target.name,
                TelescopeCommand.command_type == START,
                or_(
                    TelescopeCommand.state.in_(OPEN_STATES),
                    and_(TelescopeCommand.state == "timeout", TelescopeCommand.finished_at > since),
                ),
            )
            .order_by(TelescopeCommand.command_id)
            .with_for_update()
        ).all()
        acts = [cancel_row(session, row, by, why) for row in rows if is_cancellable(row)]
    _ring(target.name)
    return acts


def resume(name: str, by: str, why: str) -> None:
    """Let a telescope accept commands again."""
    target = telescope(name)
    with transaction() as session:
        lock(session, target.name)
        switch(session, target.name, by, why, accepts=True)


def withdraw(trigger_id: str, by: str, why: str, *, is_automatic: bool = False) -> list[Act]:
    """Take back what was asked for because of an event.

    Parameters
    ----------
    trigger_id : str
        Of the event.
    by, why : str
        Who takes it back, and why.
    is_automatic : bool
        Nobody has looked: what telescopes are at is cancelled only if
        ``telescope.cancel_on_retraction`` says so; what is not sent yet always is.

    Returns
    -------
    list of Act
        What was done to each command.
    """
    states: Sequence[str] = OPEN_STATES
    if is_automatic and not config().telescope.cancel_on_retraction:
        states = ("requested",)
    with transaction() as session:
        rows = session.scalars(
            select(TelescopeCommand)
            .where(
                TelescopeCommand.trigger_id == trigger_id,
                TelescopeCommand.command_type == START,
                TelescopeCommand.state.in_(states),
            )
            .order_by(TelescopeCommand.command_id)
            .with_for_update()
        ).all()
        acts = [cancel_row(session, row, by, why) for row in rows]
    for name in {row.telescope for row in rows}:
        _ring(name)
    return acts


def _ring(name: str) -> None:
    enqueue(SEND, QUEUE, name)


def _new(session: Session, wish: Wish, target: Telescope, by: str) -> TelescopeCommand:
    now = clock(session)
    observation = observation_of(wish, target, new_observation_id(target.name), now)
    receive_by = now + timedelta(seconds=config().telescope.receive_within_s)
    return TelescopeCommand(
        command_id=new_command_id(),
        telescope=target.name,
        command_type=START,
        observation_id=observation.observation_id,
        request=stored(observation),
        state="requested",
        receive_by=receive_by,
        due_at=receive_by,
        origin=wish.origin,
        requested_by=by,
        trigger_id=wish.trigger_id,
        tile_id=wish.tile_id,
        filter=wish.filter,
        idempotency_key=wish.idempotency_key,
        attempts=0,
        created_at=now,
    )


def _demand_ready(
    session: Session,
    target: Telescope,
    *,
    is_confirmed: bool,
    more: Sequence[str] = (),
    but: str | None = None,
) -> str:
    """Make sure that a telescope accepts commands, and that nothing unconfirmed speaks against.

    Returns
    -------
    str
        What speaks against it and was confirmed, for the record; empty: nothing.
    """
    if not board.accepts_commands(session, target.name):
        raise NotNowError(f"{target.name} accepts no commands: resume it first")
    heard = board.doubts(session, target)
    doubts = [*more, *heard, *_daylight(target), *_busy(session, target, but)]
    if doubts and not is_confirmed:
        raise UnconfirmedError(doubts)
    return f"confirmed although {'; '.join(doubts)}" if doubts else ""


def _daylight(target: Telescope) -> list[str]:
    """Say that the Sun is up where a telescope looks for light."""
    record = target.settings
    sun_deg = sun_altitude_deg(record.latitude_deg, record.longitude_deg, datetime.now(UTC))
    is_day = record.kind == "optical" and sun_deg > SUNRISE_DEG
    return [f"the Sun is up at {target.title} ({sun_deg:.0f} deg)"] if is_day else []


def _busy(session: Session, target: Telescope, but: str | None) -> list[str]:
    """Return what a telescope is at."""
    rows = session.execute(
        select(TelescopeCommand.command_id, TelescopeCommand.state)
        .where(
            TelescopeCommand.telescope == target.name,
            TelescopeCommand.command_type == START,
            TelescopeCommand.state.in_(OPEN_STATES),
            TelescopeCommand.command_id != (but or ""),
        )
        .order_by(TelescopeCommand.command_id)
        .limit(3)
    )
    return [f"{target.name} has an unfinished command: {name} ({state})" for name, state in rows]


def _early(row: TelescopeCommand) -> list[str]:
    """Say that a command may still be obeyed, while an application may not have let it expire."""
    if row.receive_by is None:
        return []
    until = row.receive_by + timedelta(seconds=EXPIRY_MARGIN_S)
    if datetime.now(UTC) >= until:
        return []
    return [f"{row.command_id} may still be obeyed until {until:%H:%M:%S} UTC: both would run"]
