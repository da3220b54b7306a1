"""Alerts of a few days inside a region of the sky."""

from typing import NamedTuple

from sqlalchemy.orm import Session

from broker.db import cursor
from pipeline.alerts.cones import PgArray, accept_arrays
from pipeline.alerts.query import Filters
from pipeline.alerts.skymaps import Region

MAX_SKYMAP_ALERTS = 10_000
MAX_SKYMAP_WINDOW_D = 7.0


class Inside(NamedTuple):
    """Ids of alerts (``alerts.id``) in order of candid, and whether there were more."""

    ids: list[int]
    has_more: bool


def inside(session: Session, survey: str, region: Region, filters: Filters, limit: int) -> Inside:
    """Return the visible alerts inside a region.

    The time comes first, through its index; the server then looks for each alert's cell among the
    region's sorted edges: an odd number of edges passed is inside.
    """
    if not len(region.edges):
        return Inside([], has_more=False)
    condition, values = filters.sql(survey)
    with cursor(session) as cur:
        accept_arrays(cur)
        cur.execute(
            f"SELECT a.id FROM alerts AS a WHERE {condition}"  # noqa: S608 conditions of ours
            " AND width_bucket(a.hpx29, %(edges)s::bigint[]) %% 2 = 1"
            " ORDER BY a.candid LIMIT %(limit)s",
            values | {"edges": PgArray(region.edges), "limit": limit + 1},
            binary=True,
        )
        ids = [row[0] for row in cur]
    return Inside(ids[:limit], has_more=len(ids) > limit)
