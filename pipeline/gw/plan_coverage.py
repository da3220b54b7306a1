"""What footprints really hold: a square field sampled in its tangent plane on the map's pixels.

No approximation by HEALPix cells: those of order 12 make a field of 0.45° nine per cent too large.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from pipeline.gw.sky_index import SkyIndex
from pipeline.sky import Bools, Floats

SAMPLES_PER_SIDE = 512
DEG2_PER_SR = float(np.degrees(1.0) ** 2)
REGION_LEVEL = 0.9
_MANY_SAMPLES = 4_000_000
"""Samples of all candidates together: half a second."""
_PER_SIDE_OF_MANY = (5, 64)


@dataclass(frozen=True)
class Footprint:
    """A square field on the sky, its sides along right ascension and declination at its centre.

    Attributes
    ----------
    axes : float64[3, 3]
        Unit vectors of the centre, of east and of north there.
    half : float
        Half of its side in the tangent plane, tan(FOV / 2).
    """

    axes: Floats
    half: float

    @classmethod
    def at(cls, ra_deg: float, dec_deg: float, fov_deg: float) -> "Footprint":
        """Return the field of side ``fov_deg`` around a centre [deg, ICRS]."""
        ra, dec = np.radians(ra_deg), np.radians(dec_deg)
        centre = [np.cos(dec) * np.cos(ra), np.cos(dec) * np.sin(ra), np.sin(dec)]
        east = [-np.sin(ra), np.cos(ra), 0.0]
        north = [-np.sin(dec) * np.cos(ra), -np.sin(dec) * np.sin(ra), np.cos(dec)]
        return cls(np.array([centre, east, north]), float(np.tan(np.radians(fov_deg) / 2)))

    def contains(self, vectors: Floats) -> Bools:
        """Tell which of the unit vectors ``float64[n, 3]`` lie inside."""
        along, east, north = self.axes @ vectors.T
        reach = self.half * along
        is_inside: Bools = (along > 0) & (np.abs(east) <= reach) & (np.abs(north) <= reach)
        return is_inside

    def samples(self, per_side: int = SAMPLES_PER_SIDE) -> tuple[Floats, Floats]:
        """Return points inside that stand for equal cells of the tangent plane.

        Returns
        -------
        vectors : float64[per_side², 3]
            Unit vectors of the cells' centres.
        solid_angles : float64[per_side²]
            Of the cells [sr].
        """
        edge = (np.arange(per_side) + 0.5) * (2 / per_side) - 1
        x, y = (a.ravel() * self.half for a in np.meshgrid(edge, edge))
        length = np.sqrt(1 + x**2 + y**2)
        plane = np.column_stack([np.ones_like(x), x, y]) @ self.axes
        cell = (2 * self.half / per_side) ** 2
        # A cell of the plane at distance r is seen from a distance of √(1 + r²), at that slant.
        return plane / length[:, None], cell / length**3


@dataclass(frozen=True)
class Coverage:
    """What a sequence of footprints holds, overlaps counted once.

    Attributes
    ----------
    probability : float64[n]
        Inside each footprint alone.
    cumulative_probability : float64[n]
        Inside the union of the first, of the first two, …
    area_deg2 : float
        Of the whole union.
    region_area_deg2 : float
        Of the part of the union inside the 90 % region.
    tile_area_deg2 : float
        Sum of the footprints' areas.
    """

    probability: Floats
    cumulative_probability: Floats
    area_deg2: float
    region_area_deg2: float
    tile_area_deg2: float


def coverage(footprints: Sequence[Footprint], index: SkyIndex) -> Coverage:
    """Return what footprints hold of a map.

    Parameters
    ----------
    footprints : sequence of Footprint
        In the order of observation.
    index : SkyIndex
        Of the map.

    Returns
    -------
    Coverage
        Probabilities within 1e-3 of the exact integral over the map's pixels.
    """
    alone, union = np.zeros(len(footprints)), np.zeros(len(footprints))
    area = region = total = 0.0
    for i, footprint in enumerate(footprints):
        vectors, solid_angles = footprint.samples()
        density, level = index.density_and_level(*to_degrees(vectors))
        is_new = _outside(vectors, footprint, footprints[:i])
        alone[i] = np.sum(density * solid_angles)
        union[i] = np.sum((density * solid_angles)[is_new])
        total += float(solid_angles.sum())
        area += float(solid_angles[is_new].sum())
        region += float(solid_angles[is_new & (level <= REGION_LEVEL)].sum())
    return Coverage(
        alone, np.cumsum(union), area * DEG2_PER_SR, region * DEG2_PER_SR, total * DEG2_PER_SR
    )


def touch(
    ra_deg: Floats, dec_deg: Floats, fov_deg: float, index: SkyIndex, level: float
) -> tuple[Floats, Bools]:
    """Return the probability of many fields from few samples each, and whether they meet a region.

    Parameters
    ----------
    ra_deg, dec_deg : float64[n]
        Centres [deg, ICRS].
    fov_deg : float
        Side of each field.
    index : SkyIndex
        Of the map.
    level : float
        Of the region, 0 to 1.

    Returns
    -------
    probability : float64[n]
        Good for choosing among many; ``coverage`` tells the exact one.
    meets : bool[n]
        Whether a sample lies inside the region.
    """
    probability, meets = np.zeros(len(ra_deg)), np.zeros(len(ra_deg), bool)
    per_side = int(np.clip(np.sqrt(_MANY_SAMPLES / max(len(ra_deg), 1)), *_PER_SIDE_OF_MANY))
    chunk = _MANY_SAMPLES // (4 * per_side**2)
    for first in range(0, len(ra_deg), chunk):
        part = slice(first, first + chunk)
        fields = [
            Footprint.at(*centre, fov_deg)
            for centre in zip(ra_deg[part].tolist(), dec_deg[part].tolist(), strict=True)
        ]
        vectors, solid_angles = zip(*(field.samples(per_side) for field in fields), strict=True)
        density, levels = index.density_and_level(*to_degrees(np.concatenate(vectors)))
        shape = (len(fields), per_side**2)
        probability[part] = np.sum((density * np.concatenate(solid_angles)).reshape(shape), axis=1)
        meets[part] = (levels.reshape(shape) <= level).any(axis=1)
    return probability, meets


def to_degrees(vectors: Floats) -> tuple[Floats, Floats]:
    """Return right ascension and declination [deg, ICRS] of unit vectors ``float64[n, 3]``."""
    ra = np.degrees(np.arctan2(vectors[:, 1], vectors[:, 0])) % 360
    return ra, np.degrees(np.arcsin(np.clip(vectors[:, 2], -1, 1)))


def _outside(vectors: Floats, footprint: Footprint, earlier: Sequence[Footprint]) -> Bools:
    is_new = np.ones(len(vectors), bool)
    for other in earlier:
        reach = np.arctan(np.sqrt(2.0) * footprint.half) + np.arctan(np.sqrt(2.0) * other.half)
        if footprint.axes[0] @ other.axes[0] > np.cos(reach):
            is_new &= ~other.contains(vectors)
    return is_new
