"""Candidate pointings of a tiling: a telescope's grid, cut down to what the map and night allow."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from pipeline.angles import ARCSEC_PER_DEG
from pipeline.gw import plan_coverage
from pipeline.gw.plan_job import PlanError, Pointing
from pipeline.gw.plan_sky import SkyIndex
from pipeline.sky import HPX_ORDER, Bools, Floats, Ints, hpx29, separation_arcsec

BAND_STEP = 0.97
"""Of the field's side: neighbouring tiles of our own bands overlap by three per cent."""
MAX_GRID_TILES = 8_000_000
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


def bands(fov_deg: float) -> Tiles:
    """Return the whole sky in bands of declination, numbered from the south pole.

    Parameters
    ----------
    fov_deg : float
        Side of the field.

    Raises
    ------
    PlanError
        If the field is too small to cut the whole sky into such tiles.
    """
    step_deg = BAND_STEP * fov_deg
    if 4 * np.pi * np.degrees(1.0) ** 2 / step_deg**2 > MAX_GRID_TILES:
        raise PlanError(f"a field of {fov_deg} deg is too small for tiling; use galaxies")
    count = int(np.ceil(180 / step_deg))
    decs = -90 + (np.arange(count) + 0.5) * (180 / count)
    # The edge nearer the equator is the longer one: it must be covered.
    edge = np.maximum(np.abs(decs) - 90 / count, 0)
    per_band = np.ceil(360 * np.cos(np.radians(edge)) / step_deg).astype(int)
    ra = np.concatenate([np.arange(n) * (360 / n) for n in per_band.tolist()])
    dec = np.repeat(decs, per_band)
    return Tiles(np.arange(len(ra)), ra, dec, np.zeros(len(ra)))


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
