"""Counts for everybody: alerts by night, sizes of tables."""

from datetime import date
from typing import Any

from sqlalchemy.orm import Session

from broker.db import cursor
from pipeline.alerts.query import public
from pipeline.surveys.record import Survey

SHOWN_TABLES = ("alerts", "objects", "light_curves")
_SHOWN = {"alerts": public(), "objects": "a.is_public"}
_HOURS_PER_DAY = 24
_UNIX_EPOCH_ORDINAL = 719163
_UNIX_EPOCH_JD_UTC = 2440587.5
_SPARE_D = 0.01


def nightly(session: Session, survey: Survey, start: date, end: date) -> dict[date, int]:
    """Return how many public alerts each night has, both ends included; empty nights are left out.

    A night runs from local noon to noon and bears the date on which it begins.
    """
    with cursor(session) as cur:
        cur.execute(
            "SELECT a.night, count(*) FROM alerts AS a"  # noqa: S608 a condition of ours
            " WHERE a.survey = %s AND a.jd_utc >= %s AND a.jd_utc < %s"
            f" AND a.night BETWEEN %s AND %s AND {public()} GROUP BY a.night ORDER BY a.night",
            (survey.name, *_bounds_jd_utc(survey, start, end), start, end),
            binary=True,
        )
        return dict(cur.fetchall())


_EMPTY = """
    SELECT c.relname FROM pg_inherits AS i JOIN pg_class AS c ON c.oid = i.inhrelid
    WHERE i.inhparent = to_regclass(%s) AND c.reltuples = 0
"""


def collections(session: Session) -> list[dict[str, Any]]:
    """Return name, estimated rows and size [bytes] of the tables that answers come from.

    Rows that may not be shown are not counted.
    """
    shown = {name: _estimate(session, name, condition) for name, condition in _SHOWN.items()}
    with cursor(session) as cur:
        cur.execute(
            "SELECT n.nspname, c.relname, greatest(c.reltuples, 0)::bigint,"
            " pg_total_relation_size(c.oid)"
            " + coalesce((SELECT sum(pg_total_relation_size(i.inhrelid))"
            " FROM pg_inherits AS i WHERE i.inhparent = c.oid), 0)::bigint"
            " FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace"
            " WHERE c.relkind IN ('r', 'p') AND (n.nspname = 'public' AND c.relname = ANY(%s)"
            " OR n.nspname = 'catalogs' AND c.relname <> 'loaded') ORDER BY 1 DESC, 2",
            (list(SHOWN_TABLES),),
            binary=True,
        )
        return [
            {
                "name": name if schema == "public" else f"{schema}.{name}",
                "count": shown.get(name, count) if schema == "public" else count,
                "size_bytes": size_bytes,
            }
            for schema, name, count, size_bytes in cur
        ]


def _estimate(session: Session, table: str, condition: str) -> int:
    """Return how many rows the planner expects: to count millions would take minutes."""
    with cursor(session) as cur:
        cur.execute(f"EXPLAIN (FORMAT JSON) SELECT FROM {table} AS a WHERE {condition}")
        ((plan,),) = cur.fetchall()
        cur.execute(_EMPTY, (table,))
        empty = {name for (name,) in cur}
    found = plan[0]["Plan"]
    scans = found["Plans"] if found["Node Type"] == "Append" else [found]
    # The planner expects a row at least of every partition, also of one that is not used yet.
    return sum(int(s["Plan Rows"]) for s in scans if s.get("Relation Name") not in empty)


def _bounds_jd_utc(survey: Survey, start: date, end: date) -> tuple[float, float]:
    """Return when the first night begins and the last one ends, for the index to look between.

    A little more: the night's own column decides.
    """
    noon_utc_d = 0.5 - survey.night_utc_offset_h / _HOURS_PER_DAY
    epoch_d = _UNIX_EPOCH_JD_UTC - _UNIX_EPOCH_ORDINAL + noon_utc_d
    return epoch_d + start.toordinal() - _SPARE_D, epoch_d + end.toordinal() + 1 + _SPARE_D
