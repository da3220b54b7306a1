"""Rows that the ledger writes: found, locked, cancelled, noted; in the caller's transaction."""

from datetime import UTC, datetime
from typing import NamedTuple

from sqlalchemy import func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from pipeline.telescope.ids import new_command_id
from pipeline.telescope.running import is_cancellable
from pipeline.telescope.settle import CANCEL
from pipeline.telescope.tables import (
    OPEN_STATES,
    TelescopeCommand,
    TelescopeEvent,
    TelescopeSwitch,
)
from pipeline.telescope.wish import Wish, differing

DROPPED = "cancelled before it was sent"


class NotNowError(Exception):
    """The state of the command, or of the telescope, does not allow it; the message says why."""


class Act(NamedTuple):
    """What was done.

    Attributes
    ----------
    command_id : str
        To which command.
    did : str
        In words.
    new_id : str or None
        The command that was made for it.
    """

    command_id: str
    did: str
    new_id: str | None = None


def lock(session: Session, name: str) -> None:
    """Wait for whoever else creates commands of this telescope, or stops it."""
    session.execute(select(func.pg_advisory_xact_lock(func.hashtext(f"nightjar.telescope.{name}"))))


def clock(session: Session) -> datetime:
    """Return the time of this statement by Postgres' clock: one clock for all processes."""
    found: datetime = session.scalars(select(func.clock_timestamp())).one()
    return found.astimezone(UTC)


def telescope_of(session: Session, command_id: str) -> str:
    """Return the telescope of a command, without a lock: it never changes.

    Raises
    ------
    NotNowError
        If there is no such command.
    """
    column = TelescopeCommand.telescope
    name = session.scalar(select(column).where(TelescopeCommand.command_id == command_id))
    if name is None:
        raise NotNowError(f"there is no command {command_id}")
    return name


def find(session: Session, command_id: str) -> TelescopeCommand:
    """Return a command, locked until the transaction ends.

    Raises
    ------
    NotNowError
        If there is none.
    """
    row = session.get(TelescopeCommand, command_id, with_for_update=True, populate_existing=True)
    if row is None:
        raise NotNowError(f"there is no command {command_id}")
    return row


def of_wish(session: Session, wish: Wish) -> TelescopeCommand | None:
    """Return the command that was asked for with a wish's key, at its telescope and origin.

    Raises
    ------
    NotNowError
        If that one asks for something else.
    """
    if wish.idempotency_key is None:
        return None
    row = session.scalar(
        select(TelescopeCommand).where(
            TelescopeCommand.telescope == wish.telescope,
            TelescopeCommand.origin == wish.origin,
            TelescopeCommand.idempotency_key == wish.idempotency_key,
        )
    )
    if row is not None and (other := differing(row, wish)):
        raise NotNowError(
            f"idempotency_key: {row.command_id} has it, with another {', '.join(other)}:"
            " take a key of its own, or open the form anew"
        )
    return row


def open_retry(session: Session, command_id: str) -> str | None:
    """Return the command without an end that asks for the observation of another again, or None."""
    return session.scalar(
        select(TelescopeCommand.command_id)
        .where(TelescopeCommand.retry_of == command_id, TelescopeCommand.state.in_(OPEN_STATES))
        .limit(1)
    )


def cancel_row(session: Session, row: TelescopeCommand, by: str, why: str) -> Act:
    """Cancel a command in the way that its state allows.

    Raises
    ------
    NotNowError
        If there is nothing to cancel.
    """
    if row.command_type == CANCEL:
        raise NotNowError(f"{row.command_id} is a cancel itself")
    if not is_cancellable(row):
        raise NotNowError(f"{row.command_id} is {row.state}: there is nothing to cancel")
    if row.state == "requested" and row.attempts:  # it was to be sent again: the first may be there
        row.state, row.due_at = "unknown", None
    if row.state == "requested":
        drop(session, row, by, why)
        return Act(row.command_id, DROPPED)
    if (present := open_cancel(session, row.command_id)) is not None:
        return Act(row.command_id, "is being cancelled", present)
    new = _cancel_of(session, row, by)
    session.add(new)
    note(session, row, by, f"cancel requested: {new.command_id}", why)
    return Act(row.command_id, "a cancel is sent", new.command_id)


def drop(session: Session, row: TelescopeCommand, by: str, why: str) -> None:
    """End a command of which nothing was written."""
    row.state, row.ended_by, row.finished_at = "cancelled", "operator", clock(session)
    row.due_at = row.owner = row.lease_until = None
    note(session, row, by, DROPPED, why)


def open_cancel(session: Session, command_id: str) -> str | None:
    """Return the cancel of a command that is on its way, or None.

    One that may never have been sent is none: a cancel does no harm twice, and none at all may let
    a telescope go on.
    """
    on_its_way = [state for state in OPEN_STATES if state != "unknown"]
    return session.scalar(
        select(TelescopeCommand.command_id)
        .where(TelescopeCommand.cancels == command_id, TelescopeCommand.state.in_(on_its_way))
        .limit(1)
    )


def _cancel_of(session: Session, row: TelescopeCommand, by: str) -> TelescopeCommand:
    return TelescopeCommand(
        command_id=new_command_id(),
        telescope=row.telescope,
        command_type=CANCEL,
        observation_id=row.observation_id,
        request=row.request,
        state="requested",
        cancels=row.command_id,
        origin=row.origin,
        requested_by=by,
        trigger_id=row.trigger_id,
        tile_id=row.tile_id,
        filter=row.filter,
        attempts=0,
        created_at=clock(session),
    )


def switch(session: Session, name: str, by: str, why: str, *, accepts: bool) -> None:
    """Note whether a telescope accepts commands, and who said so."""
    values = {"accepts_commands": accepts, "changed_by": by, "why": why, "changed_at": func.now()}
    session.execute(
        insert(TelescopeSwitch)
        .values(telescope=name, **values)
        .on_conflict_do_update(index_elements=["telescope"], set_=values)
    )
    what = "accepts commands" if accepts else "stopped: accepts no commands"
    session.add(TelescopeEvent(telescope=name, command_id=None, who=by, what=what, why=why))


def note(session: Session, row: TelescopeCommand, by: str, what: str, why: str) -> None:
    """Note what was done to a command, by whom and why."""
    session.add(
        TelescopeEvent(
            telescope=row.telescope, command_id=row.command_id, who=by, what=what, why=why
        )
    )
