"""Whether a telescope can be asked for something now, and what an operator must confirm first."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from pipeline.telescope import board
from pipeline.telescope.record import Telescope
from pipeline.telescope.rows import NotNowError
from pipeline.telescope.running import START
from pipeline.telescope.sky import SUNRISE_DEG, sun_altitude_deg
from pipeline.telescope.tables import OPEN_STATES, TelescopeCommand

EXPIRY_MARGIN_S = 30
"""So long after it expired a command may still be met by an application whose clock is slow."""


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


def demand_ready(
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


def early(row: TelescopeCommand) -> list[str]:
    """Say that a command may still be obeyed, while an application may not have let it expire."""
    if row.receive_by is None:
        return []
    until = row.receive_by + timedelta(seconds=EXPIRY_MARGIN_S)
    if datetime.now(UTC) >= until:
        return []
    return [f"{row.command_id} may still be obeyed until {until:%H:%M:%S} UTC: both would run"]
