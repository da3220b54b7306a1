"""The partitions of ``alerts``: by range of (survey, candid), made before the first alert comes.

The alert ids of both surveys grow with time by as much every day, so that a partition holds the
alerts of some days. What fits none goes to ``partitions.alerts_rest``, and ``/health`` warns of it;
when its partition is made after all, it moves there.

What must hold for all of ``alerts`` (one row for each id of a survey) is a unique key of the table.
Coordinates are unique in each partition, and ``store.insert_alerts`` looks for them in all.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

import psycopg

from broker.config import config
from pipeline.surveys import SURVEYS
from pipeline.surveys.record import Survey

MOST_MOVED = 200_000
"""Alerts that a partition made late takes over while ingest waits: some seconds' work."""
Cursor = psycopg.Cursor[tuple[Any, ...]]
_BOUND = re.compile(r"FROM \('(\w+)', '(-?\d+)'\) TO \('\w+', '(-?\d+)'\)")
_LEAVES = """
    SELECT c.relname, pg_get_expr(c.relpartbound, c.oid)
    FROM pg_inherits AS i JOIN pg_class AS c ON c.oid = i.inhrelid
    WHERE i.inhparent = to_regclass('public.alerts')
"""
_IS_PARTED = "SELECT relkind = 'p' FROM pg_class WHERE oid = to_regclass('public.alerts')"


@dataclass(frozen=True, order=True)
class Partition:
    """Alerts of one survey with ids from ``first`` up to, not including, ``end``."""

    survey: str
    first: int
    end: int
    name: str


def is_parted(cur: Cursor) -> bool:
    """Return whether ``alerts`` has partitions; a large table of before has none yet."""
    return cur.execute(_IS_PARTED).fetchone() == (True,)


def existing(cur: Cursor) -> list[Partition]:
    """Return the partitions but the one for the rest, in order."""
    found = []
    for name, bound in cur.execute(_LEAVES).fetchall():
        if match := _BOUND.search(bound):
            found.append(Partition(match[1], int(match[2]), int(match[3]), name))
    return sorted(found)


def wanted(
    survey: Survey, present: Sequence[Partition], today: date, days: int, oldest: int | None = None
) -> list[Partition]:
    """Return the partitions that a survey lacks, up to one whole partition ahead.

    Parameters
    ----------
    survey : Survey
        Whose ids they part.
    present : sequence of Partition
        Of any survey; a new one begins where the last of its survey ends.
    today : date
        UTC.
    days : int
        Length of each [d]. Another length than before holds for new partitions only.
    oldest : int, optional
        Lowest id that there is; without it and without partitions, what came before today's lies in
        one partition.
    """
    now = (today - survey.ids_zero).days
    ends = [each.end for each in present if each.survey == survey.name]
    found: list[Partition] = []
    if ends:
        day = -(-max(ends) // survey.ids_per_day)
    else:
        begin = now if oldest is None else min(max(oldest, 0) // survey.ids_per_day, now)
        day = begin - begin % days
        if day:
            found.append(_partition(survey, 0, day, "before"))
    while day <= now + days:
        named = f"{survey.ids_zero + timedelta(days=day):%Y%m%d}"
        found.append(_partition(survey, day, day + days, named))
        day += days
    return found


def _partition(survey: Survey, first_day: int, end_day: int, named: str) -> Partition:
    per_day = survey.ids_per_day
    name = f"alerts_{survey.name}_{named}"
    return Partition(survey.name, first_day * per_day, end_day * per_day, name)


def make(
    cur: Cursor, partition: Partition, most_moved: int = MOST_MOVED, parent: str = "public.alerts"
) -> int:
    """Make one partition and move there what had none; return how many alerts that were.

    Raises
    ------
    psycopg.errors.RaiseException
        If more than ``most_moved`` would have to move.
    psycopg.errors.LockNotAvailable
        If the table was in use for ``lock_timeout``; nothing was done.
    """
    row = cur.execute(
        "SELECT partitions.add_alerts(%s, %s, %s, %s, %s, %s)",
        (parent, partition.name, partition.survey, partition.first, partition.end, most_moved),
    ).fetchone()
    return int(row[0]) if row else 0


def missing(cur: Cursor, oldest: Mapping[str, int] | None = None) -> list[Partition]:
    """Return the partitions that all surveys lack today; ``oldest``: lowest id by survey."""
    present, today = existing(cur), datetime.now(UTC).date()
    days, known = config().alerts.partition_days, oldest or {}
    return [
        each
        for survey in SURVEYS
        for each in wanted(survey, present, today, days, known.get(survey.name))
    ]


def part(cur: Cursor) -> int:
    """Part a table that is whole; return how many alerts were copied.

    Everything in the caller's transaction, so that a failure leaves the table as it was. Writers
    wait from the beginning, readers only while the tables are exchanged at the end.
    """
    cur.execute("LOCK TABLE alerts IN EXCLUSIVE MODE")
    oldest = {name: low for name, low in _lowest(cur) if low is not None}
    cur.execute("SELECT partitions.begin_alerts()")
    for partition in missing(cur, oldest):
        make(cur, partition, parent="partitions.alerts")
    row = cur.execute("SELECT partitions.copy_alerts()").fetchone()
    return int(row[0]) if row else 0


def _lowest(cur: Cursor) -> Iterable[tuple[str, int | None]]:
    for survey in SURVEYS:
        row = cur.execute(
            "SELECT min(candid) FROM alerts WHERE survey = %s AND candid >= 0", (survey.name,)
        ).fetchone()
        yield survey.name, row[0] if row else None


def after_migration(dsn: str) -> None:
    """Make what is missing before the first alert of a new database comes."""
    with psycopg.connect(dsn) as connection, connection.cursor() as cur:
        cur.execute("SET LOCAL lock_timeout = '4s'")
        for partition in missing(cur) if is_parted(cur) else ():
            make(cur, partition)
