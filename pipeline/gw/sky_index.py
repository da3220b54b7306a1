"""A sky map asked at many points at once: density, credible level, distance.

It sorts the whole map: whoever asks more than once keeps it.
"""

from dataclasses import dataclass

import hpgeom
import numpy as np
from numpy.typing import ArrayLike

from pipeline.gw.skymap import SPHERE_DEG2, SkyMap
from pipeline.sky import HPX_ORDER, Floats, Ints, hpx29

_SPHERE_SR = 4 * np.pi
_PIXELS_OF_ORDER_0 = 12


@dataclass(frozen=True, eq=False)
class SkyIndex:
    """A map's pixels along the nested index of order 29.

    Attributes
    ----------
    first, last : int64[n]
        First cell and last cell + 1 of each pixel, ascending.
    order : int64[n]
        HEALPix order of each pixel.
    density_per_sr : float64[n]
        Probability density.
    level : float64[n]
        Credible level, 0 to 1.
    distmu_mpc, distsigma_mpc : float64[n]
        Parameters of the distance; NaN in a map without.
    """

    first: Ints
    last: Ints
    order: Ints
    density_per_sr: Floats
    level: Floats
    distmu_mpc: Floats
    distsigma_mpc: Floats

    @classmethod
    def of(cls, sky_map: SkyMap) -> "SkyIndex":
        """Return the index of a map."""
        shift = 2 * (HPX_ORDER - sky_map.order)
        first = sky_map.cell << shift
        along = np.argsort(first)
        area_sr = _SPHERE_SR / (_PIXELS_OF_ORDER_0 * 4.0**sky_map.order)
        unknown = np.full(len(first), np.nan)
        mu = unknown if sky_map.distmu_mpc is None else sky_map.distmu_mpc
        sigma = unknown if sky_map.distsigma_mpc is None else sky_map.distsigma_mpc
        return cls(
            first[along],
            (first + (np.int64(1) << shift))[along],
            sky_map.order[along],
            (sky_map.probability / area_sr)[along],
            np.cumsum(sky_map.probability)[along],
            mu[along],
            sigma[along],
        )

    def rows(self, ra_deg: ArrayLike, dec_deg: ArrayLike) -> Ints:
        """Return the pixel of each position [deg, ICRS]; -1 outside the map."""
        cells = hpx29(ra_deg, dec_deg)
        at = np.searchsorted(self.first, cells, side="right") - 1
        return np.where((at >= 0) & (cells < self.last[at]), at, -1)

    def density_and_level(self, ra_deg: Floats, dec_deg: Floats) -> tuple[Floats, Floats]:
        """Return probability density [1/sr] and credible level of each position [deg, ICRS]."""
        rows = self.rows(ra_deg, dec_deg)
        density = np.where(rows >= 0, self.density_per_sr[rows], 0.0)
        return density, np.where(rows >= 0, self.level[rows], 1.0)

    def levels(self, ra_deg: ArrayLike, dec_deg: ArrayLike) -> Floats:
        """Return the credible level of each position [deg, ICRS]; 1 outside the map's pixels."""
        rows = self.rows(ra_deg, dec_deg)
        return np.where(rows >= 0, self.level[rows], 1.0)

    def level_of_area(self, area_deg2: float) -> float:
        """Return the credible level whose region has at most an area [deg²]."""
        pixel_deg2 = SPHERE_DEG2 / (_PIXELS_OF_ORDER_0 * 4.0**self.order)
        along = np.argsort(self.level)
        count = int(np.searchsorted(np.cumsum(pixel_deg2[along]), area_deg2, side="right"))
        return float(self.level[along[count - 1]]) if count else 0.0

    def cells_around(self, level: float, order: int) -> Ints:
        """Return the cells of an order that meet a region, and their neighbours.

        Parameters
        ----------
        level : float
            Credible level of the region.
        order : int
            HEALPix order of the cells.

        Returns
        -------
        int64 array
            Nested indices, ascending, each once.
        """
        inside = self.level <= level
        shift = 2 * (HPX_ORDER - order)
        starts, stops = self.first[inside] >> shift, ((self.last[inside] - 1) >> shift) + 1
        ranges = np.column_stack([starts, stops])
        cells = np.unique(hpgeom.pixel_ranges_to_pixels(ranges))
        around = hpgeom.neighbors(1 << order, cells, nest=True).ravel()
        return np.unique(np.concatenate([cells, around[around >= 0]]))
