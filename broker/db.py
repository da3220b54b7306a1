"""The stream side of Postgres: engine, declarative base, transactions, bulk COPY."""

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import datetime
from functools import cache
from typing import Any, ClassVar

import psycopg
from sqlalchemy import BigInteger, DateTime, Engine, MetaData, Text, create_engine, event
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.exc import DisconnectionError
from sqlalchemy.orm import DeclarativeBase, Session, sessionmaker

from broker.config import config

PING_AFTER_S = 1.0
"""A connection that rested longer is tried before it is used; sooner, the try would be one of four
round trips of a short transaction, and a range has seven of them."""
TCP_OPTIONS: dict[str, Any] = {
    "tcp_user_timeout": 10_000,
    "keepalives_idle": 5,
    "keepalives_interval": 2,
    "keepalives_count": 3,
}
"""libpq's: a host that vanished without a word is noticed within 11 s, not in 15 minutes. A server
that only thinks for long is not affected: its kernel answers."""
RESTING = 4
"""Connections that a process of many threads keeps open; more are closed after use."""
SPARE = 4
"""Connections beyond one for each thread: looks in the background have threads of their own."""
_RESTED_SINCE = "nightjar.rested_since"
_TIMEOUT_S = "nightjar.statement_timeout_s"
_threads = 1

NAMING = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s",
    "pk": "pk_%(table_name)s",
}


class Table(DeclarativeBase):
    """Base of every table that a stream writes; Alembic owns them."""

    metadata = MetaData(naming_convention=NAMING)
    type_annotation_map: ClassVar[dict[Any, Any]] = {
        str: Text,
        int: BigInteger,
        datetime: DateTime(timezone=True),
        dict[str, Any]: JSONB,
    }


def sqlalchemy_url(url: str) -> str:
    """Return ``url`` with the driver that SQLAlchemy shall use."""
    return "postgresql+psycopg://" + url.partition("://")[2]


def expect_threads(count: int) -> None:
    """Let so many threads of this process be in a transaction at once; before the first one."""
    global _threads  # noqa: PLW0603 one per process, as the engine is
    _threads = count


@cache
def engine() -> Engine:
    """Return this process's engine; make it after the fork, never before."""
    return make_engine(_url())


def make_engine(url: str) -> Engine:
    """Return a new engine for the server at ``url``."""
    settings = config().postgres
    made = create_engine(
        sqlalchemy_url(url),
        pool_size=min(_threads, RESTING),
        max_overflow=_threads - min(_threads, RESTING) + SPARE,
        connect_args={
            "connect_timeout": settings.connect_timeout_s,
            **TCP_OPTIONS,
            # JIT compiles for 100 ms what runs for one.
            "options": f"-c statement_timeout={settings.statement_timeout_s * 1000} -c jit=off",
        },
    )
    event.listen(made, "checkin", _note_rest)
    event.listen(made, "checkout", _try_rested)
    return made


def _note_rest(_: Any, record: Any) -> None:
    record.info[_RESTED_SINCE] = time.monotonic()


def _try_rested(connection: Any, record: Any, _: Any) -> None:
    """Make the pool replace a connection whose server went away while it rested."""
    rested_since = record.info.get(_RESTED_SINCE)
    if rested_since is None or time.monotonic() - rested_since < PING_AFTER_S:
        return
    try:
        connection.execute("")
        connection.rollback()
    except psycopg.Error as error:
        raise DisconnectionError from error


@cache
def _sessions() -> sessionmaker[Session]:
    return sessionmaker(engine(), expire_on_commit=False)


@contextmanager
def transaction(*, statement_timeout_s: int | None = None) -> Iterator[Session]:
    """Open one transaction; commit at the end, roll back on an exception.

    Parameters
    ----------
    statement_timeout_s : int, optional
        Longest statement in this transaction [s]; the process's default when not given.
    """
    default_s = config().postgres.statement_timeout_s
    wanted_s = statement_timeout_s or default_s
    known: dict[Any, Any] = {}
    try:
        with _sessions().begin() as session:
            known = session.connection().connection.info
            if known.get(_TIMEOUT_S, default_s) != wanted_s:
                # The connection keeps it: all of a worker's transactions want the same.
                session.connection().exec_driver_sql(
                    f"SET statement_timeout = {int(wanted_s) * 1000}"
                )
                known[_TIMEOUT_S] = wanted_s
            yield session
    except BaseException:
        known[_TIMEOUT_S] = None  # a rollback takes the setting back too
        raise


@contextmanager
def lock(name: str) -> Iterator[bool]:
    """Hold an advisory lock of Postgres without a transaction; False where another has it.

    For work that waits for other servers. The lock is that of a connection of its own: it ends with
    the process, and with Postgres.

    Parameters
    ----------
    name : str
        Its number is Postgres' ``hashtext(name)``.
    """
    settings = config().postgres
    with psycopg.connect(
        _url(),
        connect_timeout=settings.connect_timeout_s,
        options=f"-c statement_timeout={settings.statement_timeout_s * 1000}",
        autocommit=True,
        **TCP_OPTIONS,
    ) as connection:
        found = connection.execute("SELECT pg_try_advisory_lock(hashtext(%s))", (name,)).fetchone()
        try:
            yield found == (True,)
        finally:
            # Closing alone lets go of it only when the server's process has ended, a moment later:
            # whoever asks next would find it taken by nobody.
            with suppress(psycopg.Error):
                connection.execute("SELECT pg_advisory_unlock_all()")


def _url() -> str:
    return config().postgres.url.get_secret_value()


def cursor(session: Session) -> psycopg.Cursor[tuple[Any, ...]]:
    """Return a raw psycopg cursor inside ``session``'s transaction, for COPY and bulk reads."""
    connection = session.connection().connection.driver_connection
    assert isinstance(connection, psycopg.Connection)  # noqa: S101 the only driver configured
    return connection.cursor()


def copy_rows(
    cursor: psycopg.Cursor[tuple[Any, ...]],
    table: str,
    columns: Sequence[str],
    types: Sequence[str],
    rows: Iterator[Sequence[Any]] | Sequence[Sequence[Any]],
) -> None:
    """COPY ``rows`` into ``table`` in binary form.

    Parameters
    ----------
    cursor : psycopg.Cursor
        Inside an open transaction.
    table : str
        A name of ours, never user input.
    columns, types : sequence of str
        Column names and their Postgres types (binary COPY does no casts).
    rows : iterable of sequences
        Values in the order of ``columns``.
    """
    names = ", ".join(f'"{name}"' for name in columns)
    with cursor.copy(f"COPY {table} ({names}) FROM STDIN (FORMAT BINARY)") as copy:
        copy.set_types(types)
        for row in rows:
            copy.write_row(row)
