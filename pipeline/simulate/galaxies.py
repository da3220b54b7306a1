"""Galaxies around a simulated event, as a file for ``load_catalog galaxies``."""

import numpy as np

from pipeline.angles import ARCSEC_PER_DEG
from pipeline.simulate.catalogs import Columns
from pipeline.simulate.placing import offset_deg

_ABSOLUTE_B_MAG = (-22.0, -17.0)
"""From the brightest galaxies to the Small Magellanic Cloud."""
_SPREAD = 0.3
"""Of the distances, as a share of the mean."""


def galaxy_rows(
    seed: int, centre_deg: tuple[float, float], radius_deg: float, distance_mpc: float, count: int
) -> Columns:
    """Return galaxies spread evenly over a disc: ``ra, dec, distance_mpc, mag_b``.

    Parameters
    ----------
    seed : int
        The same seed gives the same galaxies.
    centre_deg : tuple of float
        Right ascension and declination of the disc's centre, ICRS.
    radius_deg : float
        Of the disc; a few degrees.
    distance_mpc : float
        Mean of the distances.
    count : int
        How many.

    Returns
    -------
    dict of arrays
        Distances are drawn from a normal distribution of 30 per cent, magnitudes follow from
        absolute ones of −22 to −17 mag.
    """
    rng = np.random.default_rng([seed, 10])
    radius_arcsec = radius_deg * ARCSEC_PER_DEG * np.sqrt(rng.uniform(0, 1, count))
    angle = rng.uniform(0, 2 * np.pi, count)
    places = [
        offset_deg(*centre_deg, float(east), float(north))
        for east, north in zip(
            radius_arcsec * np.sin(angle), radius_arcsec * np.cos(angle), strict=True
        )
    ]
    place = np.array(places).reshape(-1, 2)
    distance = np.clip(rng.normal(1.0, _SPREAD, count), 0.1, None) * distance_mpc
    modulus_mag = 5 * np.log10(distance) + 25
    return {
        "ra": place[:, 0],
        "dec": place[:, 1],
        "distance_mpc": distance,
        "mag_b": rng.uniform(*_ABSOLUTE_B_MAG, count) + modulus_mag,
    }
