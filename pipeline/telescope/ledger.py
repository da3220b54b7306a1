"""What operators and flows do to commands: create, cancel, retry, send again, stop, withdraw.

Each function is one short transaction of its own and rings for the sender after the commit; none
speaks to Kafka. Pages, REST, plans and retractions call these and write nothing themselves.
"""

from collections.abc import Sequence
from datetime import timedelta

import structlog
from psycopg.errors import DeadlockDetected
from sqlalchemy import ColumnElement, or_, select
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session

from broker.celery import enqueue
from broker.config import config
from broker.db import transaction
from pipeline.telescope import board
from pipeline.telescope.ids import new_command_id, new_observation_id
from pipeline.telescope.readiness import UnconfirmedError, demand_ready, early
from pipeline.telescope.record import RecordError, Telescope, telescope
from pipeline.telescope.rows import (
    Act,
    NotNowError,
    cancel_row,
    clock,
    find,
    lock,
    note,
    of_wish,
    open_retry,
    switch,
    telescope_of,
)
from pipeline.telescope.running import START, cancellable, may_run
from pipeline.telescope.tables import TelescopeCommand
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
STOPPED_BACK = timedelta(days=1)
"""What timed out since then is cancelled too: no deadline lies further behind a start."""
ASKED_BEFORE = "was asked for before"
"""Said of a wish whose key is known: no command was made."""
RETRIED = ("failed", "rejected", "timeout", "cancelled", "unknown")

log = structlog.get_logger(__name__)


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
        If the telescope accepts no commands, or another observation was asked for with the key.
    UnconfirmedError
        If it is silent, broken or busy.
    """
    target = telescope(wish.telescope)
    with transaction() as session:
        lock(session, target.name)
        if (known := of_wish(session, wish)) is not None:
            return Act(known.command_id, ASKED_BEFORE)
        row = _new(session, wish, target, by)
        confirmed = demand_ready(session, target, is_confirmed=is_confirmed)
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
    before it has expired for certain an operator must confirm. While it is asked for again already,
    such as by the first of two clicks, no further one is made.

    Raises
    ------
    NotNowError
        If its state does not allow it, or the telescope accepts no commands.
    RefusedError, UnconfirmedError
        As ``create``.
    """
    with transaction() as session:
        target = telescope(telescope_of(session, command_id))
        lock(session, target.name)
        old = find(session, command_id)
        if not is_retriable(old):
            raise NotNowError(f"{command_id} is {old.state}: it cannot be asked for again")
        if (present := open_retry(session, command_id)) is not None:
            return Act(command_id, "is asked for again already", present)
        wish = Wish(
            telescope=old.telescope,
            observation={name: old.request[name] for name in ASKED},
            origin=old.origin,
            trigger_id=old.trigger_id,
            tile_id=old.tile_id,
            filter=old.filter,
        )
        is_doubtful = old.state == "unknown" or may_run(old)
        doubts = early(old) if is_doubtful else []
        confirmed = demand_ready(
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


def resend(command_id: str, by: str, why: str, *, is_confirmed: bool = False) -> Act:
    """Send a command once more, with its own id, whose sending nobody knows the end of.

    Raises
    ------
    NotNowError
        If its state is not ``unknown``, or the telescope accepts no commands.
    RecordError, UnconfirmedError
        As ``create``; of a cancel nothing is asked.
    """
    confirmed = ""
    with transaction() as session:
        name = telescope_of(session, command_id)
        lock(session, name)
        row = find(session, command_id)
        if row.state != "unknown":
            raise NotNowError(f"{command_id} is {row.state}, not unknown: it is not sent again")
        if row.command_type == START:
            confirmed = demand_ready(
                session, telescope(name), is_confirmed=is_confirmed, but=command_id
            )
            row.receive_by = clock(session) + timedelta(seconds=config().telescope.receive_within_s)
        row.state, row.due_at, row.last_error = "requested", row.receive_by, None
        note(session, row, by, "sent again", "; ".join(filter(None, (why, confirmed))))
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
    try:
        acts = _stop(target.name, by, why)
    except OperationalError as error:
        if not isinstance(error.orig, DeadlockDetected):
            raise
        log.warning("telescope.stop_again", telescope=target.name, error=str(error.orig))
        acts = _stop(target.name, by, why)  # who stood in its way has gone on
    _ring(target.name)
    return acts


def _stop(name: str, by: str, why: str) -> list[Act]:
    with transaction() as session:
        lock(session, name)
        switch(session, name, by, why, accepts=False)
        rows = _unfinished(session, TelescopeCommand.telescope == name)
        return [cancel_row(session, row, by, why) for row in rows]


def _unfinished(session: Session, *which: ColumnElement[bool]) -> Sequence[TelescopeCommand]:
    """Return what may still be obeyed, locked; not what timed out long ago."""
    since = clock(session) - STOPPED_BACK
    ended_at = TelescopeCommand.finished_at
    return session.scalars(
        select(TelescopeCommand)
        .where(cancellable(), or_(ended_at.is_(None), ended_at > since), *which)
        .order_by(TelescopeCommand.command_id)
        .with_for_update()
    ).all()


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
        ``telescope.cancel_on_retraction`` says so, then of silent ones too: a cancel moves nothing.
        What was never sent always is.

    Returns
    -------
    list of Act
        What was done to each command.
    """
    which = [TelescopeCommand.trigger_id == trigger_id]
    if is_automatic and not config().telescope.cancel_on_retraction:
        # One that is being sent has been written nowhere yet: its sender looks before it writes.
        which += [TelescopeCommand.state.in_(("requested", "sending"))]
        which += [TelescopeCommand.attempts == 0]
    with transaction() as session:
        rows = _unfinished(session, *which)
        names = sorted({row.telescope for row in rows})
        silent = {name: _doubts(session, name) if is_automatic else [] for name in names}
        acts = [
            cancel_row(session, row, by, "; ".join((why, *silent[row.telescope]))) for row in rows
        ]
    for name in names:
        _ring(name)
    return acts


def _doubts(session: Session, name: str) -> list[str]:
    """Return what nobody was asked about; a telescope whose record is gone has nothing."""
    try:
        return board.doubts(session, telescope(name))
    except RecordError:
        return []


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
