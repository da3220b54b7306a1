"""Galaxies that may host an event: those of a loaded catalog, weighted by map, distance, light."""

import math
from typing import NamedTuple

import numpy as np
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from broker.db import cursor
from pipeline.alerts.crossmatch import PLANNER_BACK, PLANNER_OFF
from pipeline.catalogs.known import GALAXIES
from pipeline.catalogs.record import CatalogMissing
from pipeline.gw.distance import normal_cdf
from pipeline.gw.plan_job import Galaxy
from pipeline.gw.sky_index import SkyIndex
from pipeline.sky import Floats, Ints

SIGMAS = 4.0
"""Galaxies farther than the map's distance by so many standard deviations are not read."""
NOT_LOADED = f"no galaxies are loaded; run: manage.py load_catalog {GALAXIES.name} FILE"
_STATEMENT = f"""
    SELECT c.ra, c.dec, c.distance_mpc, c.mag_b, c.stellar_mass
    FROM unnest(%(first)s::bigint[], %(last)s::bigint[]) AS r(first, last)
    JOIN {GALAXIES.table} AS c ON c.hpx29 >= r.first AND c.hpx29 < r.last
    WHERE c.distance_mpc > 0 AND c.distance_mpc <= %(farthest)s
"""  # noqa: S608 a table of ours


class Rows(NamedTuple):
    """Galaxies as the catalog has them: position [deg], distance [Mpc], B [mag], mass [Msun]."""

    ra_deg: Floats
    dec_deg: Floats
    distance_mpc: Floats
    b_mag: Floats
    stellar_mass: Floats


def read(session: Session, index: SkyIndex, level: float, farthest_mpc: float) -> Rows:
    """Return the galaxies inside a region of a map.

    Parameters
    ----------
    session : Session
        Of an open transaction.
    index : SkyIndex
        Of the map.
    level : float
        Credible level of the region.
    farthest_mpc : float
        Greatest distance.

    Raises
    ------
    CatalogMissing
        If no galaxies are loaded; the message names the command.
    """
    first, last = _ranges(index, level)
    if not is_loaded(session):
        raise CatalogMissing(NOT_LOADED)
    with cursor(session) as cur:
        cur.execute(PLANNER_OFF)
        bound = {"first": first.tolist(), "last": last.tolist(), "farthest": farthest_mpc}
        found = cur.execute(_STATEMENT, bound).fetchall()
        cur.execute(PLANNER_BACK)
    return Rows(*np.array(found, np.float64).reshape(-1, len(Rows._fields)).T)


def is_loaded(session: Session) -> bool:
    """Tell whether there is a catalog of galaxies."""
    return session.scalar(select(func.to_regclass(GALAXIES.table))) is not None


def best(rows: Rows, index: SkyIndex, count: int) -> tuple[Galaxy, ...]:
    """Return the most probable hosts, the best first; their weights sum to 1.

    Parameters
    ----------
    rows : Rows
        Inside the region.
    index : SkyIndex
        Of a map with distances.
    count : int
        At most so many.

    Notes
    -----
    Weight: probability per volume (arXiv:1603.07333, equation 5) times luminosity in B, or stellar
    mass where no magnitude is known at all.
    """
    weight = _per_volume(rows, index) * _brightness(rows)
    weight[~np.isfinite(weight)] = 0.0
    ranked = np.argsort(-weight, kind="stable")[:count]
    ranked = ranked[weight[ranked] > 0]
    share = weight[ranked] / weight[ranked].sum() if len(ranked) else weight[ranked]
    return tuple(
        Galaxy(ra_deg=ra, dec_deg=dec, distance_mpc=distance, weight=part)
        for ra, dec, distance, part in zip(
            rows.ra_deg[ranked].tolist(),
            rows.dec_deg[ranked].tolist(),
            rows.distance_mpc[ranked].tolist(),
            share.tolist(),
            strict=True,
        )
    )


def _per_volume(rows: Rows, index: SkyIndex) -> Floats:
    pixel = index.rows(rows.ra_deg, rows.dec_deg)
    mu, sigma = index.distmu_mpc[pixel], index.distsigma_mpc[pixel]
    with np.errstate(all="ignore"):
        z = mu / sigma
        # What makes the distribution of distance, r² times a normal one, sum to 1 (DISTNORM).
        total = (mu**2 + sigma**2) * normal_cdf(z) + mu * sigma * _normal(z)
        found = index.density_per_sr[pixel] / total
        found *= _normal((rows.distance_mpc - mu) / sigma) / sigma
    return np.where(pixel >= 0, found, 0.0)


def _brightness(rows: Rows) -> Floats:
    """Return luminosity, or mass, or 1 where neither is known of any galaxy; NaN where unknown."""
    if np.isfinite(rows.b_mag).any():
        return rows.distance_mpc**2 * 10 ** (-0.4 * rows.b_mag)
    if np.isfinite(rows.stellar_mass).any():
        return rows.stellar_mass
    return np.ones(len(rows.ra_deg))


def _normal(z: Floats) -> Floats:
    return np.asarray(np.exp(-(z**2) / 2) / math.sqrt(2 * math.pi), np.float64)


def _ranges(index: SkyIndex, level: float) -> tuple[Ints, Ints]:
    """Return the region as ranges of cells; neighbouring pixels are one range."""
    inside = index.level <= level
    first, last = index.first[inside], index.last[inside]
    if not len(first):
        return first, last
    is_gap = first[1:] > last[:-1]
    return first[np.r_[True, is_gap]], last[np.r_[is_gap, True]]
