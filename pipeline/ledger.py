"""Work that stands in rows: claimed, finished, given back, rung for again.

A table of such rows inherits ``Ledgered``. A claim counts the attempt before the work begins and
holds the row for longer than a task may live, so a row whose lease is over has no living holder.
Every statement but the claim says ``owner = me AND attempts = mine``.
"""

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import psycopg
from psycopg.sql import SQL, Identifier
from sqlalchemy import (
    Identity,
    Row,
    SmallInteger,
    and_,
    case,
    false,
    func,
    or_,
    select,
    text,
    update,
)
from sqlalchemy.orm import Mapped, Session, mapped_column

from broker.config import config
from broker.db import Table, transaction

STATES = ("wanted", "running", "done", "failed", "skipped", "cancelled")
OPEN_STATES = ("wanted", "running")
LEASE_MARGIN_S = 30
"""A lease is longer than the hard limit of the task by this."""
BACK_OFF_S = 30.0
LONGEST_BACK_OFF_S = 1800.0
RING_AGAIN_S = 60
SWEEP_ROWS = 500
ERROR_CHARACTERS = 500
ONE_SHOT_TIMEOUT_S = 5


class Ledgered(Table):
    """A row that is work to be done."""

    __abstract__ = True

    id: Mapped[int] = mapped_column(Identity(), primary_key=True, sort_order=-1)
    state: Mapped[str] = mapped_column(server_default="wanted")
    attempts: Mapped[int] = mapped_column(
        SmallInteger, server_default="0", comment="counted before each one begins"
    )
    owner: Mapped[str | None] = mapped_column(comment="task id of who works on it")
    lease_until: Mapped[datetime | None] = mapped_column(comment="then another may claim it")
    not_before: Mapped[datetime] = mapped_column(server_default=func.now())
    ring_at: Mapped[datetime] = mapped_column(
        server_default=text("now() + interval '15 seconds'"), comment="the sweeper rings then"
    )
    last_error: Mapped[str | None] = mapped_column(comment="at most 500 characters")
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    ended_at: Mapped[datetime | None]


@dataclass(frozen=True)
class Held:
    """A hold on one row: whoever lost it changes nothing any more."""

    table: type[Ledgered]
    id: int
    owner: str
    attempts: int


def claim(table: type[Ledgered], row_id: int, owner: str, lease_s: int) -> Row[Any] | None:
    """Take a row that is due, or whose holder's lease is over; count the attempt.

    Returns
    -------
    Row or None
        The row as it is now; None when there is nothing to do.
    """
    statement = _claiming(table, owner, lease_s).where(table.id == row_id, _may_be_claimed(table))
    with transaction() as session:
        return session.execute(statement).one_or_none()


def claim_all(
    table: type[Ledgered], ids: Sequence[int], owner: str, lease_s: int
) -> Sequence[Row[Any]]:
    """Take those of these rows that are due and that nobody else is just taking, in one statement.

    Returns
    -------
    sequence of Row
        As they are now, in the order of ``ids``.
    """
    mine = (
        select(table.id)
        .where(table.id.in_(ids), _may_be_claimed(table))
        .order_by(table.id)
        .with_for_update(skip_locked=True)
    )
    with transaction() as session:
        rows = session.execute(_claiming(table, owner, lease_s).where(table.id.in_(mine))).all()
    places = {row_id: place for place, row_id in enumerate(ids)}
    return sorted(rows, key=lambda row: places[row.id])


def lock_mine(session: Session, held: Held) -> bool:
    """Lock the row in ``session``'s transaction; False when it is not mine any more."""
    found = session.execute(select(held.table.id).where(*_mine(held)).with_for_update())
    return found.one_or_none() is not None


def end(session: Session, held: Held, state: str, error: str | None = None) -> None:
    """Put a row that is mine into one of the states that last."""
    session.execute(
        update(held.table)
        .where(*_mine(held))
        .values(state=state, last_error=shortened(error), lease_until=None, ended_at=func.now())
    )


def give_back(
    session: Session, held: Held, rest_s: float, error: str | None, *, is_counted: bool
) -> bool:
    """Want the row again after a rest; at once if what it waits for came meanwhile (``wake``).

    Parameters
    ----------
    session : Session
        Of an open transaction.
    held : Held
        The hold.
    rest_s : float
        Nobody claims it before [s].
    error : str or None
        Why; for people.
    is_counted : bool
        False: it only waits for something else, and the attempt does not count.

    Returns
    -------
    bool
        Whether it may be claimed at once: to be rung for after the commit.
    """
    table = held.table
    # A claim sets both alike; ``wake`` sets the first alone.
    was_woken = false() if is_counted else table.ring_at < table.lease_until
    again_at = case((was_woken, func.now()), else_=_in_s(rest_s))
    is_due = session.scalar(
        update(table)
        .where(*_mine(held))
        .values(
            state="wanted",
            owner=None,
            lease_until=None,
            last_error=shortened(error),
            attempts=table.attempts - (0 if is_counted else 1),
            not_before=again_at,
            ring_at=again_at,
        )
        .returning(table.not_before <= func.now())
    )
    return bool(is_due)


def back_off_s(attempts: int, jitter: float | None = None, *, first_s: float = BACK_OFF_S) -> float:
    """Return how long a row rests after its n-th failed attempt [s].

    Parameters
    ----------
    attempts : int
        From 1.
    jitter : float, optional
        0 to 1, random when not given: rows that failed together shall not come back together.
    first_s : float
        Rest after the first one.

    Returns
    -------
    float
        Doubled by each attempt, at most 30 min, plus up to a quarter.
    """
    rest_s = min(first_s * 2.0 ** (attempts - 1), LONGEST_BACK_OFF_S)
    spread = random.random() if jitter is None else jitter  # noqa: S311 no secret
    return rest_s * (1 + spread / 4)


def free_lost_of(table: type[Ledgered]) -> Callable[[str], None]:
    """Return what the parent of a pool calls with the task id of a child that died.

    It ends the lease of the row that the child held. The sweeper rings for it within its ten
    seconds; without this, when the lease is over.
    """
    free = SQL(
        "UPDATE {} SET lease_until = now(), ring_at = now() WHERE state = 'running' AND owner = %s"
    ).format(Identifier(table.__tablename__))

    def free_lost(owner: str) -> None:
        # Opened and closed in here: the next fork would inherit another one's socket.
        with psycopg.connect(
            config().postgres.url.get_secret_value(),
            connect_timeout=ONE_SHOT_TIMEOUT_S,
            options=f"-c statement_timeout={ONE_SHOT_TIMEOUT_S * 1000}",
            autocommit=True,
        ) as connection:
            connection.execute(free, (owner,))

    return free_lost


def free(session: Session, table: type[Ledgered], *conditions: Any) -> None:
    """End the leases of rows whose worker is known to be gone; the sweeper rings for them."""
    session.execute(
        update(table)
        .where(table.state == "running", *conditions)
        .values(lease_until=func.now(), ring_at=func.now())
    )


def cancel(session: Session, table: type[Ledgered], why: str, *conditions: Any) -> list[int]:
    """End rows that nobody works on; return their ids. Who works on one sees to it himself."""
    found = session.scalars(
        update(table)
        .where(table.state == "wanted", *conditions)
        .values(state="cancelled", last_error=shortened(why), ended_at=func.now())
        .returning(table.id)
    )
    return list(found)


def want_again(session: Session, table: type[Ledgered], *conditions: Any) -> list[int]:
    """Try rows again that have ended badly, with all their attempts; return their ids."""
    found = session.scalars(
        update(table)
        .where(table.state.in_(("failed", "skipped", "cancelled")), *conditions)
        .values(
            state="wanted",
            owner=None,
            attempts=0,
            not_before=func.now(),
            ring_at=func.now(),
            ended_at=None,
        )
        .returning(table.id)
    )
    return list(found)


def wake(session: Session, table: type[Ledgered], *conditions: Any) -> list[int]:
    """Let rows that rest be claimed now; return their ids, to be rung for after the commit.

    One that is worked on may just have looked in vain: it does not rest when it is given back.
    """
    session.execute(
        update(table).where(table.state == "running", *conditions).values(ring_at=func.now())
    )
    found = session.scalars(
        update(table)
        .where(table.state == "wanted", *conditions)
        .values(not_before=func.now(), ring_at=func.now())
        .returning(table.id)
    )
    return list(found)


def may_sweep(session: Session, lock: str) -> bool:
    """Take an advisory lock until the transaction ends; False where another has it."""
    return bool(session.scalar(select(func.pg_try_advisory_xact_lock(func.hashtext(lock)))))


def take_due(session: Session, table: type[Ledgered]) -> Sequence[Row[Any]]:
    """Return the rows that must be rung for, and note that they are; the longest due first."""
    due = (
        select(table.id)
        .where(table.state.in_(OPEN_STATES), table.ring_at <= func.now())
        .order_by(table.ring_at)
        .limit(SWEEP_ROWS)
        .with_for_update(skip_locked=True)
    )
    return session.execute(
        update(table)
        .where(table.id.in_(due))
        .values(ring_at=_in_s(RING_AGAIN_S))
        .returning(*table.__table__.columns)
    ).all()


def shortened(error: str | None) -> str | None:
    """Return ``error`` as Postgres takes it: no NUL, at most 500 characters."""
    return error and error.replace("\x00", "\\0")[:ERROR_CHARACTERS]


def _may_be_claimed(table: type[Ledgered]) -> Any:
    return or_(
        and_(table.state == "wanted", table.not_before <= func.now()),
        and_(table.state == "running", table.lease_until < func.now()),
    )


def _claiming(table: type[Ledgered], owner: str, lease_s: int) -> Any:
    return (
        update(table)
        .values(
            state="running",
            owner=owner,
            attempts=table.attempts + 1,
            lease_until=_in_s(lease_s),
            ring_at=_in_s(lease_s),
        )
        .returning(*table.__table__.columns)
    )


def _mine(held: Held) -> tuple[Any, ...]:
    table = held.table
    return (
        table.id == held.id,
        table.state == "running",
        table.owner == held.owner,
        table.attempts == held.attempts,
    )


def _in_s(seconds: float) -> Any:
    return func.now() + func.make_interval(0, 0, 0, 0, 0, 0, seconds)
