"""The staging table of a load: filled in order of the index column, then indexed."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import chain
from typing import Any

import psycopg
from psycopg import sql

from pipeline.catalogs.convert import SHOWN_BAD_POSITIONS, BadPosition, concat, convert
from pipeline.catalogs.packing import HEADER, TRAILER, pack
from pipeline.catalogs.record import INDEX_COLUMN, SCHEMA, SQL_TYPES, Catalog
from pipeline.catalogs.source import Source

SORTED_IN_MEMORY_BYTES = 256 << 20
"""A catalog above this size is sorted by Postgres on disk instead."""

_SORT_MEMORY = "512MB"

Connection = psycopg.Connection[Any]


@dataclass(frozen=True)
class Step:
    """How far a load is: ``done`` of ``total`` (0 is unknown), rows so far."""

    text: str
    done: int = 0
    total: int = 0
    rows: int = 0


Report = Callable[[Step], None]


@dataclass
class Tally:
    """Rows put into the staging table, and rows left out."""

    rows: int = 0
    bad_rows: int = 0
    bad: tuple[BadPosition, ...] = ()


def fill(
    connection: Connection,
    catalog: Catalog,
    source: Source,
    pairs: Mapping[str, str],
    report: Report,
) -> Tally:
    """Fill the staging table in order of the index column.

    One run of rows is sorted here and written once; more runs go to a table on the way, which
    Postgres sorts on disk.
    """
    tally = Tally()
    runs = _sorted_runs(_converted(catalog, source, pairs, tally, report))
    first, second = next(runs, None), next(runs, None)
    if second is None:
        if first is not None:
            report(Step("copying", rows=tally.rows))
            with _long_transaction(connection):
                _create(connection, catalog, "staging")
                _copy(connection, catalog, "staging", first, freeze=True)
        return tally
    _create(connection, catalog, "unsorted")
    for run in chain((first, second), runs):
        with _long_transaction(connection):
            _copy(connection, catalog, "unsorted", run)
    report(Step("sorting", rows=tally.rows))
    with _long_transaction(connection):
        _create(connection, catalog, "staging")
        connection.execute(
            sql.SQL("INSERT INTO {} SELECT * FROM {} ORDER BY {}").format(
                passing_table(catalog, "staging"),
                passing_table(catalog, "unsorted"),
                sql.Identifier(INDEX_COLUMN),
            )
        )
    connection.execute(sql.SQL("DROP TABLE {}").format(passing_table(catalog, "unsorted")))
    return tally


def _converted(
    catalog: Catalog, source: Source, pairs: Mapping[str, str], tally: Tally, report: Report
) -> Iterator[Any]:
    """Yield typed rows with usable positions, counting as they pass."""
    row = 1
    for batch, done in source.batches(list(pairs.values())):
        part = convert(catalog, batch, pairs, row)
        row += batch.num_rows
        tally.rows += part.table.num_rows
        tally.bad_rows += part.bad_rows
        tally.bad = (*tally.bad, *part.bad)[:SHOWN_BAD_POSITIONS]
        report(Step("reading", done, source.size, tally.rows))
        if part.table.num_rows:
            yield part.table


def _sorted_runs(tables: Iterator[Any]) -> Iterator[Any]:
    """Yield the rows in runs of bounded size, each in order of the index column."""
    held: list[Any] = []
    for table in tables:
        held.append(table)
        if sum(part.nbytes for part in held) >= SORTED_IN_MEMORY_BYTES:
            yield _sorted(held)
            held = []
    if held:
        yield _sorted(held)


def _sorted(tables: Sequence[Any]) -> Any:
    return concat(tables).sort_by(INDEX_COLUMN)


def _create(connection: Connection, catalog: Catalog, suffix: str) -> None:
    """Make an empty table; what is only a step on the way is not logged."""
    lines = [
        sql.SQL("{} {}{}").format(
            sql.Identifier(column.name),
            sql.SQL(SQL_TYPES[column.type]),
            sql.SQL(" NOT NULL" if column.name in {"ra", "dec"} or column.type == "bigint" else ""),
        )
        for column in catalog.columns
    ]
    lines.append(sql.SQL("{} bigint NOT NULL").format(sql.Identifier(INDEX_COLUMN)))
    unlogged = sql.SQL("UNLOGGED " if suffix == "unsorted" else "")
    connection.execute(
        sql.SQL("CREATE {}TABLE {} ({})").format(
            unlogged, passing_table(catalog, suffix), sql.SQL(", ").join(lines)
        )
    )


def _copy(
    connection: Connection, catalog: Catalog, suffix: str, table: Any, *, freeze: bool = False
) -> None:
    """COPY sorted rows; ``freeze`` where the table was made in the same transaction."""
    statement = sql.SQL("COPY {} FROM STDIN (FORMAT BINARY, FREEZE {})").format(
        passing_table(catalog, suffix), sql.Literal(freeze)
    )
    types = [*(column.type for column in catalog.columns), "bigint"]
    with connection.cursor() as cursor, cursor.copy(statement) as copy:
        copy.write(HEADER)
        for block in pack(table, types):
            copy.write(block)
        copy.write(TRAILER)


def index(connection: Connection, catalog: Catalog, report: Report, tally: Tally) -> None:
    """Index the staging table and let the planner know its rows."""
    report(Step("indexing", rows=tally.rows))
    with _long_transaction(connection):
        staging = passing_table(catalog, "staging")
        name = sql.Identifier(passing_index(catalog))
        connection.execute(
            sql.SQL("CREATE INDEX {} ON {} ({}) WITH (fillfactor = 100)").format(
                name, staging, sql.Identifier(INDEX_COLUMN)
            )
        )
        connection.execute(sql.SQL("ALTER TABLE {} CLUSTER ON {}").format(staging, name))
        connection.execute(sql.SQL("ANALYZE {}").format(staging))


def clear(connection: Connection, catalog: Catalog) -> None:
    """Drop what a load, or one that crashed before it, left half done."""
    if not connection.closed:
        for table in (passing_table(catalog, "staging"), passing_table(catalog, "unsorted")):
            connection.execute(sql.SQL("DROP TABLE IF EXISTS {}").format(table))


def passing_table(catalog: Catalog, suffix: str) -> sql.Identifier:
    """Return the name of a table that only a running load has."""
    return sql.Identifier(SCHEMA, f"{catalog.name}__{suffix}")


def passing_index(catalog: Catalog) -> str:
    """Return the name of the staging table's index."""
    return f"{catalog.name}__staging_{INDEX_COLUMN}"


@contextmanager
def _long_transaction(connection: Connection) -> Iterator[None]:
    with connection.transaction():
        connection.execute("SET LOCAL statement_timeout = 0")
        connection.execute(f"SET LOCAL work_mem = '{_SORT_MEMORY}'")
        connection.execute(f"SET LOCAL maintenance_work_mem = '{_SORT_MEMORY}'")
        yield
