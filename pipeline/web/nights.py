"""What became of the public alerts of each survey's last night; kept for some minutes."""

from collections import Counter
from dataclasses import dataclass, field
from datetime import date
from functools import cache

from sqlalchemy import text

from broker.db import transaction
from broker.kept import Kept
from pipeline.alerts.query import public

KEEP_S = 300.0
PATIENCE_S = 1.0
STATEMENT_S = 20
LOOKED_BACK_D = 7.0
"""A survey that has been silent for longer has no last night."""

_LAST = text(f"""
    SELECT a.night, a.gate_reason, count(*) AS n
    FROM alerts AS a
    WHERE a.survey = :survey AND {public()}
        AND a.jd_utc > (
            SELECT max(a.jd_utc) - 1 FROM alerts AS a
            WHERE a.survey = :survey AND {public()}
                AND a.jd_utc BETWEEN extract(julian FROM now() AT TIME ZONE 'UTC') - 0.5 - :back_d
                AND extract(julian FROM now() AT TIME ZONE 'UTC') + 0.5
        )
    GROUP BY 1, 2
""")  # noqa: S608 a condition of ours
"""Postgres' Julian day begins at midnight, half a day after the astronomers'."""


@dataclass(frozen=True)
class Night:
    """The public alerts of one survey's last night.

    Attributes
    ----------
    date : date
        On which it began, at the observatory.
    gated : mapping
        Alerts by the gate that stopped them.
    passed : int
        Alerts that none did.
    """

    date: date
    gated: Counter[str] = field(default_factory=Counter)
    passed: int = 0


def last(survey: str) -> Night | None:
    """Return a survey's last night; None where there was none lately, or nothing is known."""
    seen = _kept(survey).get()
    return seen.value if seen else None


@cache
def _kept(survey: str) -> Kept[Night | None]:
    return Kept(f"night of {survey}", lambda: _look(survey), keep_s=KEEP_S, patience_s=PATIENCE_S)


def _look(survey: str) -> Night | None:
    with transaction(statement_timeout_s=STATEMENT_S) as session:
        rows = session.execute(_LAST, {"survey": survey, "back_d": LOOKED_BACK_D}).all()
    if not rows:
        return None
    newest = max(row.night for row in rows)
    counts = {row.gate_reason: row.n for row in rows if row.night == newest}
    passed = counts.pop(None, 0)
    return Night(newest, Counter(counts), passed)
