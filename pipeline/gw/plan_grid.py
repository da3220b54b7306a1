"""Candidate pointings of a tiling: a telescope's grid, cut down to what the map and night allow."""

from dataclasses import dataclass
from pathlib import Path

import hpgeom
import numpy as np

from pipeline.angles import ARCSEC_PER_DEG
from pipeline.gw import plan_coverage
from pipeline.gw.plan_job import PlanError, Pointing
from pipeline.gw.sky_index import SkyIndex
from pipeline.sky import HPX_ORDER, Bools, Floats, Ints, hpx29, separation_arcsec

BAND_STEP = 0.97
"""Of the field's side: neighbouring tiles of our own bands overlap by three per cent."""
MOST_BAND_TILES = 30_000
"""Of our own bands: more take longer to judge than a plan may, and the best two hundred are among
the densest anyway."""
_CELL_STEPS = 0.6
"""Greatest width, in steps, of the cells that find our own bands' tiles."""
MAX_CELL_ORDER = 9
_ORDER_0_SIDE_DEG = 58.6
_OBSERVED_WITHIN_FOV = 0.05
"""Of the field's side: a centre this near an observed one is the same tile."""


@dataclass(frozen=True, eq=False)
class Tiles:
    """Pointings: their numbers, centres [deg, ICRS], and probability inside the field."""

    tile_id: Ints
    ra_deg: Floats
    dec_deg: Floats
    probability: Floats

    def __len__(self) -> int:
        return len(self.tile_id)

    def only(self, kept: Bools | Ints) -> "Tiles":
        """Return those that a mask or an order of positions names."""
        return Tiles(
            self.tile_id[kept], self.ra_deg[kept], self.dec_deg[kept], self.probability[kept]
        )

    def best(self, count: int) -> "Tiles":
        """Return the ``count`` most probable ones, the best first."""
        return self.only(np.argsort(-self.probability, kind="stable")[:count])


def read_grid(path: Path) -> Tiles:
    """Return the tiles of a file of lines ``number RA Dec`` [deg].

    Raises
    ------
    PlanError
        If it cannot be read.
    """
    try:
        rows = np.loadtxt(path, ndmin=2)
        number, ra, dec = rows.T
    except (OSError, ValueError) as error:
        raise PlanError(f"grid {path.name} cannot be read: {error}") from None
    return Tiles(number.astype(np.int64), ra, dec, np.zeros(len(number)))


def bands(fov_deg: float, index: SkyIndex, level: float) -> Tiles:
    """Return tiles in bands of declination that hold a region; numbered as on the whole sky.

    The whole sky has fifty million tiles of the smallest fields, so only those near the region are
    made: those whose share of the sky holds the centre of a fine cell in or beside the region.

    Parameters
    ----------
    fov_deg : float
        Side of the field.
    index : SkyIndex
        Of the map.
    level : float
        Credible level of the region.
    """
    step_deg = BAND_STEP * fov_deg
    count = int(np.ceil(180 / step_deg))
    height_deg = 180 / count
    decs = -90 + (np.arange(count) + 0.5) * height_deg
    # The edge nearer the equator is the longer one: it must be covered.
    edge = np.maximum(np.abs(decs) - height_deg / 2, 0)
    per_band = np.ceil(360 * np.cos(np.radians(edge)) / step_deg).astype(np.int64)
    order = max(int(np.ceil(np.log2(_ORDER_0_SIDE_DEG / (_CELL_STEPS * step_deg)))), 0)
    ra, dec = hpgeom.pixel_to_angle(1 << order, index.cells_around(level, order), nest=True)
    band = np.clip(((dec + 90) / height_deg).astype(np.int64), 0, count - 1)
    place = np.rint(ra * per_band[band] / 360).astype(np.int64) % per_band[band]
    first = np.cumsum(per_band) - per_band
    tile_id, at = np.unique(first[band] + place, return_index=True)
    band, place = band[at], place[at]
    return Tiles(tile_id, place * 360 / per_band[band], decs[band], np.zeros(len(tile_id)))


def level_for_bands(fov_deg: float, index: SkyIndex, level: float) -> float:
    """Return the credible level down to which a region can be cut into fields of a size.

    Parameters
    ----------
    fov_deg : float
        Side of the field.
    index : SkyIndex
        Of the map.
    level : float
        That is wanted; a region of more than ``MOST_BAND_TILES`` fields is made smaller.
    """
    return min(level, index.level_of_area(MOST_BAND_TILES * (BAND_STEP * fov_deg) ** 2))


def near_region(tiles: Tiles, fov_deg: float, index: SkyIndex, level: float) -> Tiles:
    """Return the tiles that meet a region, with their probabilities.

    First by the centres alone, which a list of a million tiles needs.

    Parameters
    ----------
    tiles : Tiles
        Of a whole grid.
    fov_deg : float
        Side of the field.
    index : SkyIndex
        Of the map.
    level : float
        Credible level of the region.
    """
    # A cell's width exceeds half a diagonal, so a tile that meets the region has its centre in a
    # cell that does, or in a neighbour of one.
    order = int(np.clip(np.log2(_ORDER_0_SIDE_DEG / (1.6 * fov_deg)), 0, MAX_CELL_ORDER))
    cells = index.cells_around(level, order)
    centre = hpx29(tiles.ra_deg, tiles.dec_deg) >> (2 * (HPX_ORDER - order))
    close = tiles.only(np.isin(centre, cells))
    probability, meets = plan_coverage.touch(close.ra_deg, close.dec_deg, fov_deg, index, level)
    return Tiles(close.tile_id, close.ra_deg, close.dec_deg, probability).only(meets)


def without_observed(tiles: Tiles, observed: tuple[Pointing, ...], fov_deg: float) -> Tiles:
    """Return the tiles that nobody has taken or observed."""
    kept = np.ones(len(tiles), bool)
    limit_arcsec = _OBSERVED_WITHIN_FOV * fov_deg * ARCSEC_PER_DEG
    for done in observed:
        apart = separation_arcsec(tiles.ra_deg, tiles.dec_deg, done.ra_deg, done.dec_deg)
        kept &= apart > limit_arcsec
    return tiles.only(kept)
