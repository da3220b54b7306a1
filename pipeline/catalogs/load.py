"""Load a catalog into Postgres beside the old one, then put it in the old one's place.

What a load keeps between its statements bears the catalog's name and is made and removed under one
advisory lock per catalog: a crashed load leaves the old table in use, and the next one clears up.
"""

import json
import time
import zlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg
from psycopg import errors, sql

from broker.db import engine
from pipeline.catalogs import columns as column_pairs
from pipeline.catalogs import stage
from pipeline.catalogs.convert import BadPosition
from pipeline.catalogs.record import INDEX_COLUMN, SCHEMA, Catalog, LoadError
from pipeline.catalogs.source import Format, find, open_source
from pipeline.catalogs.stage import Connection, Report, Step, Tally

_LOCK_CLASS = 0x6E6A6361
"""First half of our advisory locks' keys, "njca"; the second is the catalog's name."""

_LOCK_POLL_S = 0.5
_SWAP_ATTEMPTS = 60
_SWAP_PAUSE_S = 1.0

_LIST_OF_LOADED = f"""
CREATE TABLE IF NOT EXISTS {SCHEMA}.loaded (
    name text PRIMARY KEY,
    rows bigint NOT NULL,
    sha256 text NOT NULL,
    file_name text NOT NULL,
    bad_rows bigint NOT NULL,
    columns jsonb NOT NULL,
    loaded_at timestamptz NOT NULL DEFAULT clock_timestamp()
)"""

_FIND_SAME = f"""
SELECT rows FROM {SCHEMA}.loaded
WHERE name = %s AND sha256 = %s AND columns = %s::jsonb AND to_regclass(%s) IS NOT NULL
"""  # noqa: S608 a constant of ours

_FIND_ROWS = f"""
SELECT rows FROM {SCHEMA}.loaded WHERE name = %s AND to_regclass(%s) IS NOT NULL
"""  # noqa: S608 a constant of ours

_LEAST_SHARE_OF_OLD_ROWS = 0.1

_NOTE = f"""
INSERT INTO {SCHEMA}.loaded (name, rows, sha256, file_name, bad_rows, columns)
VALUES (%s, %s, %s, %s, %s, %s)
ON CONFLICT (name) DO UPDATE SET
    rows = excluded.rows, sha256 = excluded.sha256, file_name = excluded.file_name,
    bad_rows = excluded.bad_rows, columns = excluded.columns, loaded_at = excluded.loaded_at
"""  # noqa: S608 a constant of ours


@dataclass(frozen=True)
class Wish:
    """What the operator asked for.

    Attributes
    ----------
    path : Path
        File or directory.
    form : Format
        Of text files.
    chosen : mapping of str to str
        Columns paired by hand, ours to theirs.
    is_forced : bool
        Load even what is loaded already, or has far fewer rows than what is loaded.
    """

    path: Path
    form: Format = field(default_factory=Format)
    chosen: Mapping[str, str] = field(default_factory=dict)
    is_forced: bool = False


@dataclass(frozen=True)
class Loaded:
    """What a load did.

    Attributes
    ----------
    rows, bad_rows : int
        Rows in the table; rows left out for their position.
    bad : tuple of BadPosition
        The first of these.
    pairs : mapping of str to str
        Our columns to the file's.
    unused : tuple of str
        Columns of the file that nothing was taken from.
    was_there : bool
        The same file had been loaded before; nothing was done.
    """

    rows: int
    bad_rows: int = 0
    bad: tuple[BadPosition, ...] = ()
    pairs: Mapping[str, str] = field(default_factory=dict)
    unused: tuple[str, ...] = ()
    was_there: bool = False


@contextmanager
def own_connection() -> Iterator[Connection]:
    """Open a connection that commits by itself, for the length of one load."""
    with engine().connect().execution_options(isolation_level="AUTOCOMMIT") as held:
        driver = held.connection.driver_connection
        assert isinstance(driver, psycopg.Connection)  # noqa: S101 the only driver configured
        yield driver


def load(connection: Connection, catalog: Catalog, wish: Wish, report: Report) -> Loaded:
    """Load a catalog from disk; the table in use changes at the very end or not at all.

    Raises
    ------
    LoadError
        If the file cannot be read as this catalog; the message names the column or the row.
    """
    place = find(wish.path)
    source = open_source(place, wish.form)
    pairs = column_pairs.pair(catalog, source.columns, {**place.hints, **wish.chosen})
    signature = json.dumps({c.name: [c.type, pairs.get(c.name)] for c in catalog.columns})
    report(Step("reading for its checksum"))
    digest = place.sha256()
    with _lock(connection, catalog, report):
        _prepare(connection)
        same = (catalog.name, digest, signature, catalog.table)
        rows = None if wish.is_forced else _value(connection, _FIND_SAME, same)
        if rows is not None:
            return Loaded(rows, pairs=pairs, was_there=True)
        with _cleared(connection, catalog):
            tally = stage.fill(connection, catalog, source, pairs, report)
            _refuse_nothing(wish.path, tally)
            if not wish.is_forced:
                _refuse_loss(connection, catalog, wish.path, tally)
            stage.index(connection, catalog, report, tally)
            note = (tally.rows, digest, place.path.name, tally.bad_rows, signature)
            _swap(connection, catalog, note, report)
    unused = tuple(name for name in source.columns if name not in pairs.values())
    return Loaded(tally.rows, tally.bad_rows, tally.bad, pairs, unused)


@contextmanager
def _lock(connection: Connection, catalog: Catalog, report: Report) -> Iterator[None]:
    """Hold this catalog's lock; polled, because a waiting statement would hold a snapshot."""
    key = (_LOCK_CLASS, zlib.crc32(catalog.name.encode()) - (1 << 31))
    while not _value(connection, "SELECT pg_try_advisory_lock(%s, %s)", key):
        report(Step(f"another load of {catalog.name} is running; waiting"))
        time.sleep(_LOCK_POLL_S)
    try:
        yield
    finally:
        if not connection.closed:
            _value(connection, "SELECT pg_advisory_unlock(%s, %s)", key)


def _prepare(connection: Connection) -> None:
    """Make schema and list once; two first loads at the same time would both try."""
    with connection.transaction():
        connection.execute("SELECT pg_advisory_xact_lock(%s, %s)", (_LOCK_CLASS, 0))
        connection.execute("SET LOCAL client_min_messages = warning")
        connection.execute(f"CREATE SCHEMA IF NOT EXISTS {SCHEMA}")
        connection.execute(_LIST_OF_LOADED)


@contextmanager
def _cleared(connection: Connection, catalog: Catalog) -> Iterator[None]:
    """Leave nothing half done behind, neither a former load's nor this one's."""
    stage.clear(connection, catalog)
    try:
        yield
    finally:
        stage.clear(connection, catalog)


def _refuse_nothing(path: Path, tally: Tally) -> None:
    if not tally.rows:
        rows = "; ".join(f"row {bad.row}: ra {bad.ra}, dec {bad.dec}" for bad in tally.bad)
        listed = f" ({tally.bad_rows} bad: {rows})" if tally.bad_rows else ""
        raise LoadError(f"{path}: no row with a usable position{listed}")


def _refuse_loss(connection: Connection, catalog: Catalog, path: Path, tally: Tally) -> None:
    """Keep a survey's catalog from giving way to a test's by a wrong path."""
    old_rows = _value(connection, _FIND_ROWS, (catalog.name, catalog.table)) or 0
    if tally.rows < _LEAST_SHARE_OF_OLD_ROWS * old_rows:
        raise LoadError(
            f"{path} has {tally.rows:,} rows, and {catalog.table} holds {old_rows:,}, which stay; "
            "--force replaces them"
        )


def _swap(connection: Connection, catalog: Catalog, note: tuple[Any, ...], report: Report) -> None:
    """Put the new table in the old one's place.

    The lock waits briefly and again: while it waits, every new search of the catalog waits too.
    """
    for attempt in range(1, _SWAP_ATTEMPTS + 1):
        try:
            with connection.transaction():
                _replace(connection, catalog)
                connection.execute(_NOTE, (catalog.name, *note))
        except errors.LockNotAvailable:
            if attempt == _SWAP_ATTEMPTS:
                raise LoadError(f"{catalog.table} is in use; its old rows stay") from None
            report(Step("waiting for searches of the old table"))
            time.sleep(_SWAP_PAUSE_S)
        else:
            return


def _replace(connection: Connection, catalog: Catalog) -> None:
    connection.execute("SET LOCAL lock_timeout = '2s'")
    connection.execute("SET LOCAL client_min_messages = warning")
    old, new = sql.Identifier(SCHEMA, catalog.name), stage.passing_table(catalog, "staging")
    index = sql.Identifier(SCHEMA, stage.passing_index(catalog))
    connection.execute(sql.SQL("DROP TABLE IF EXISTS {}").format(old))
    for kind, name, becomes in (
        ("TABLE", new, catalog.name),
        ("INDEX", index, f"{catalog.name}_{INDEX_COLUMN}"),
    ):
        connection.execute(
            sql.SQL("ALTER {} {} RENAME TO {}").format(sql.SQL(kind), name, sql.Identifier(becomes))
        )


def _value(connection: Connection, statement: str, parameters: Sequence[Any]) -> Any:
    row = connection.execute(statement, parameters).fetchone()
    return None if row is None else row[0]
