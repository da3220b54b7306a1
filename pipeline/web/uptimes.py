"""Uptimes of telescopes for pages and REST: a day of status messages, added up once a minute."""

from functools import cache

from broker.kept import Kept
from pipeline.alerts.query import reading
from pipeline.telescope import query

KEEP_S, PATIENCE_S = 60.0, 2.0


def uptimes() -> query.Uptimes | None:
    """Return the uptimes of a moment ago; None while there are none yet."""
    seen = _kept().get()
    return seen.value if seen else None


@cache
def _kept() -> Kept[query.Uptimes]:
    return Kept("telescope_uptimes", _look, keep_s=KEEP_S, patience_s=PATIENCE_S)


def _look() -> query.Uptimes:
    with reading() as session:
        return query.uptimes(session)
