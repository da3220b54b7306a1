"""A read replica of Postgres, for pages and REST that may be some seconds old.

Whether it may be asked is looked at once a second, and only while somebody asks. How far it is
behind is told by our own clock: it has replayed what the primary had written at one of our last
looks. So a replica that hears nothing any more falls behind, whatever it says itself, and no clocks
are compared. While the primary is away nothing new is written, and the replica answers.
"""

import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from typing import Any, Literal

import psycopg
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session, sessionmaker

from broker.config import config
from broker.db import TCP_OPTIONS, make_engine, transaction
from broker.kept import Kept
from broker.logs import log

LOOK_EVERY_S = 1.0
LOOK_S = 2
"""Longest that a look may wait for a server [s]."""
SAMPLES = 600
"""Positions of the primary that are remembered: ten minutes' worth."""

State = Literal["used", "behind", "away"]
_HERE = "SELECT (pg_current_wal_lsn() - '0/0')::bigint"
_THERE = "SELECT pg_is_in_recovery(), (pg_last_wal_replay_lsn() - '0/0')::bigint"


@dataclass(frozen=True)
class Look:
    """What a look at the replica found.

    Attributes
    ----------
    state : str
        ``used``: it is asked; ``behind``: further than ``postgres.replica_lag_s``; ``away``.
    lag_s : float or None
        At most so far behind [s]; None where that is not known.
    """

    state: State
    lag_s: float | None = None


@dataclass
class Positions:
    """Where the primary was in its log, and when we asked."""

    samples: deque[tuple[float, int]] = field(default_factory=lambda: deque(maxlen=SAMPLES))

    def note(self, at_s: float, position: int) -> None:
        """Remember a position of the primary."""
        self.samples.append((at_s, position))

    def lag_s(self, now_s: float, replayed: int) -> float | None:
        """Return how long ago the primary was where the replica is; None: longer than is known."""
        for at_s, position in reversed(self.samples):
            if position <= replayed:
                return now_s - at_s
        return None


def judge(positions: Positions, now_s: float, replayed: int, limit_s: float) -> Look:
    """Return whether a replica that has replayed so much may be asked."""
    lag_s = positions.lag_s(now_s, replayed)
    return Look("behind" if lag_s is None or lag_s > limit_s else "used", lag_s)


@contextmanager
def nearby(*, statement_timeout_s: int) -> Iterator[Session]:
    """Open a read-only transaction on the replica, or on the primary where it may not be asked.

    For what may be ``postgres.replica_lag_s`` old: never what somebody has just written himself,
    and nothing of accounts.
    """
    look = seen()
    session = _session() if look is not None and look.state == "used" else None
    if session is None:
        with transaction(statement_timeout_s=statement_timeout_s) as on_primary:
            on_primary.connection().exec_driver_sql("SET TRANSACTION READ ONLY")
            yield on_primary
        return
    with session:  # it has begun with its connection; closed, it rolls back what was only read
        session.connection().exec_driver_sql(
            f"SET LOCAL statement_timeout = {int(statement_timeout_s) * 1000}"
        )
        yield session


def seen() -> Look | None:
    """Return the last look; None where there is no replica."""
    if not config().postgres.replica_url.get_secret_value():
        return None
    found = _kept().get()
    return found.value if found else Look("away")


def _session() -> Session | None:
    """Return a session that is connected, or None where the replica went away since the look."""
    session = _sessions()()
    try:
        session.connection()
    except DBAPIError as error:
        log.warning("replica.away", error=repr(error))
        session.close()
        _kept().forget()
        return None
    return session


def _look() -> Look:
    """Ask both servers where they are."""
    settings = config().postgres
    positions = _positions()
    is_primary_there = True
    try:
        with _asked(settings.url.get_secret_value()) as cursor:
            began_s = time.monotonic()
            row = cursor.execute(_HERE).fetchone()
            positions.note(began_s, row[0] if row else 0)
    except psycopg.Error as error:
        log.warning("replica.primary_away", error=repr(error))
        is_primary_there = False
    try:
        with _asked(settings.replica_url.get_secret_value()) as cursor:
            is_replica, replayed = cursor.execute(_THERE).fetchone() or (False, 0)
    except psycopg.Error as error:
        log.warning("replica.away", error=repr(error))
        return Look("away")
    if not is_replica:
        log.error("replica.is_none", why="postgres.replica_url names a server that takes writes")
        return Look("away")
    if not is_primary_there:
        return Look("used")
    return judge(positions, time.monotonic(), replayed, settings.replica_lag_s)


@contextmanager
def _asked(url: str) -> Iterator["psycopg.Cursor[tuple[Any, ...]]"]:
    options = f"-c statement_timeout={LOOK_S * 1000}"
    with (
        psycopg.connect(
            url, connect_timeout=LOOK_S, options=options, autocommit=True, **TCP_OPTIONS
        ) as connection,
        connection.cursor() as cursor,
    ):
        yield cursor


@cache
def _positions() -> Positions:
    return Positions()


@cache
def _kept() -> Kept[Look]:
    return Kept("replica", _look, keep_s=LOOK_EVERY_S, patience_s=LOOK_S)


@cache
def _sessions() -> sessionmaker[Session]:
    return sessionmaker(make_engine(config().postgres.replica_url.get_secret_value()))
