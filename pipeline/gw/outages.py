"""Telescopes that cannot observe for a while: nothing is planned for them."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from pipeline.gw.plan_tables import GwTelescopeOutage
from pipeline.gw.telescopes import telescope

MAX_REASON = 200
LONGEST = timedelta(days=366)
_DAY = timedelta(days=1)
_MORNING = timedelta(hours=6)
"""Before noon: the night is over."""
_NOON_H = 12.0
_DEG_PER_HOUR = 15.0


class OutageError(ValueError):
    """An outage that makes no sense; the message says why."""


def mark(session: Session, name: str, reason: str, until_at: datetime, by: str) -> int:
    """Note that a telescope cannot observe, from now on.

    Parameters
    ----------
    session : Session
        In the transaction of the caller.
    name : str
        Name or alias of the telescope.
    reason : str
        For people.
    until_at : datetime
        Aware; in the future, at most a year ahead.
    by : str
        Who says so.

    Returns
    -------
    int
        ``gw_telescope_outages.id``.

    Raises
    ------
    OutageError
        If reason or time are no good.
    TelescopeError
        If there is no such telescope.
    """
    row = GwTelescopeOutage(
        telescope=telescope(name).name,
        reason=checked_reason(reason),
        until_at=checked_end(until_at),
        reported_by=by,
    )
    session.add(row)
    session.flush()
    return row.id


def checked_reason(reason: str) -> str:
    """Return a reason as it is kept.

    Raises
    ------
    OutageError
        If nothing is said, or too much.
    """
    told = reason.strip()
    if not told:
        raise OutageError("say why")
    if len(told) > MAX_REASON:
        raise OutageError(f"the reason may have {MAX_REASON} characters")
    return told


def checked_end(until_at: datetime) -> datetime:
    """Return the end of an outage that begins now.

    Raises
    ------
    OutageError
        If it is over, or more than a year ahead.
    """
    now = datetime.now(UTC)
    if not now < until_at <= now + LONGEST:
        raise OutageError("the end must lie between now and a year ahead")
    return until_at


def end(session: Session, outage_id: int, by: str) -> bool:
    """Take an outage back; False if it has ended already."""
    ended = session.scalars(
        update(GwTelescopeOutage)
        .where(GwTelescopeOutage.id == outage_id, GwTelescopeOutage.ended_at.is_(None))
        .values(ended_at=datetime.now(UTC), ended_by=by)
        .returning(GwTelescopeOutage.id)
    )
    return ended.first() is not None


def current(session: Session, now: datetime) -> Mapping[str, GwTelescopeOutage]:
    """Return who cannot observe at a time, by telescope: of several the outage that ends last."""
    rows = session.scalars(
        select(GwTelescopeOutage)
        .where(
            GwTelescopeOutage.created_at <= now,
            GwTelescopeOutage.until_at > now,
            GwTelescopeOutage.ended_at.is_(None),
        )
        .order_by(GwTelescopeOutage.until_at)
    )
    return {row.telescope: row for row in rows}


def noon_after_night(longitude_deg: float, now: datetime) -> datetime:
    """Return the mean solar noon at a longitude (east positive) that follows the night at hand.

    From six in the morning on that is the night to come, which nobody could be out for otherwise.
    """
    midnight = now.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    noon = midnight + timedelta(hours=(_NOON_H - longitude_deg / _DEG_PER_HOUR) % 24)
    while noon <= now + _MORNING:
        noon += _DAY
    return noon
