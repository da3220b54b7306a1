"""Sky maps whose integrals are known in closed form."""

import hpgeom
import numpy as np

from pipeline.gw.sky_index import SkyIndex
from pipeline.gw.skymap import SkyMap


def uniform(order: int = 3) -> SkyIndex:
    """The whole sky, equally probable."""
    cells = np.arange(12 * 4**order)
    return _index(order, cells, np.full(len(cells), 1 / len(cells)))


def spot(ra_deg: float, dec_deg: float, radius_deg: float, order: int) -> SkyIndex:
    """A disc of equally probable pixels, and nothing outside."""
    cells = hpgeom.query_circle(1 << order, ra_deg, dec_deg, radius_deg, nest=True)
    return _index(order, np.sort(cells), np.full(len(cells), 1 / len(cells)))


def _index(order, cells, probability):
    orders = np.full(len(cells), order)
    return SkyIndex.of(SkyMap(orders, cells.astype(np.int64), probability, None, None, None))
