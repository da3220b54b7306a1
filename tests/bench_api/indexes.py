"""Indexes of large tables are built faster over all rows than with each."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy.orm import Session

from broker.db import cursor

_LISTED = """
SELECT i.indrelid::regclass::text, c.conname, pg_get_constraintdef(c.oid),
       i.indexrelid::regclass::text, pg_get_indexdef(i.indexrelid)
FROM pg_index AS i
LEFT JOIN pg_constraint AS c ON c.conindid = i.indexrelid AND c.contype IN ('p', 'u')
WHERE i.indrelid = ANY(%s::regclass[])
ORDER BY i.indexrelid
"""


@contextmanager
def without(session: Session, *tables: str) -> Iterator[None]:
    """Drop the indexes of tables, and build them again in the same transaction."""
    with cursor(session) as cur:
        cur.execute(_LISTED, (list(tables),))
        listed = cur.fetchall()
        for table, constraint, _, index, _ in listed:
            if constraint:
                cur.execute(f'ALTER TABLE {table} DROP CONSTRAINT "{constraint}"')
            else:
                cur.execute(f"DROP INDEX {index}")
    yield
    with cursor(session) as cur:
        cur.execute("SET LOCAL maintenance_work_mem = '512MB'")
        for statement in map(_made_again, listed):
            cur.execute(statement)


def _made_again(row: tuple[Any, ...]) -> str:
    table, constraint, definition, _, index_definition = row
    if constraint:
        return f'ALTER TABLE {table} ADD CONSTRAINT "{constraint}" {definition}'
    return str(index_definition)
