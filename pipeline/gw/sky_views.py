"""Where a picture of the sky looks, and what a map says at each of its pixels."""

import hpgeom
import numpy as np
from astropy.wcs import WCS
from numpy.typing import NDArray

from pipeline.angles import ARCSEC_PER_DEG
from pipeline.gw.sky_index import SkyIndex
from pipeline.gw.skymap import REGION_LEVEL, SkyMap
from pipeline.sky import separation_arcsec

ZOOM_DEG = (4.0, 80.0)
"""Smallest and largest height of the near view [deg]; a plane shows no more of a sphere."""
_ROOM = 2.3
"""Height of the near view, in reaches of what it shows: some sky remains around it."""


def near_view(sky_map: SkyMap) -> tuple[tuple[float, float], float]:
    """Return centre and height of the near view [deg]: the part of the 90 % region at the peak."""
    ra, dec = sky_map.centres(REGION_LEVEL)
    near = separation_arcsec(*sky_map.peak, ra, dec) < ZOOM_DEG[1] / 2 * ARCSEC_PER_DEG
    if not near.any():
        return sky_map.peak, ZOOM_DEG[0]
    vectors = np.asarray(hpgeom.angle_to_vector(ra[near], dec[near]), np.float64)
    mean = np.average(vectors, axis=0, weights=0.25 ** sky_map.order[: len(ra)][near])
    (lon,), (lat,) = hpgeom.vector_to_angle(mean)
    reach_deg = separation_arcsec(lon, lat, ra[near], dec[near]).max() / ARCSEC_PER_DEG
    return (float(lon), float(lat)), float(np.clip(_ROOM * reach_deg, *ZOOM_DEG))


def raster(
    projection: str, centre_deg: tuple[float, float], size: tuple[int, int], scale_deg: float
) -> WCS:
    """Return a projection of the sky on a raster; east is left, as seen from below."""
    wcs = WCS(naxis=2)
    wcs.wcs.ctype = [f"RA---{projection}", f"DEC--{projection}"]
    wcs.wcs.crval = centre_deg
    wcs.wcs.crpix = [(size[0] + 1) / 2, (size[1] + 1) / 2]
    wcs.wcs.cdelt = [-scale_deg, scale_deg]
    return wcs


def levels_on(wcs: WCS, size: tuple[int, int], index: SkyIndex) -> NDArray[np.float64]:
    """Return the credible level at each pixel, NaN outside of the sky."""
    x, y = np.meshgrid(np.arange(size[0]), np.arange(size[1]))
    ra, dec = wcs.wcs_pix2world(x.ravel(), y.ravel(), 0)
    is_sky = np.isfinite(ra) & np.isfinite(dec)
    levels = np.full(ra.shape, np.nan)
    levels[is_sky] = index.levels(ra[is_sky], dec[is_sky])
    return levels.reshape(x.shape)
