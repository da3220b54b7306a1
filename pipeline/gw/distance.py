"""How far a sky map says that its source is."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Distance:
    """A distance and its standard deviation [Mpc]."""

    mean_mpc: float
    std_mpc: float


def header_distance(header: Mapping[str, Any]) -> Distance | None:
    """Return the distance that a map's header names; None where it names none that can be."""
    mean, std = _finite(header.get("DISTMEAN")), _finite(header.get("DISTSTD"))
    if mean is None or std is None or mean <= 0 or std < 0:
        return None
    return Distance(mean, std)


def marginal_distance(
    probability: Floats, mu: Floats | None, sigma: Floats | None
) -> Distance | None:
    """Return the mean distance over the whole map, from the parameters of its pixels.

    Parameters
    ----------
    probability : float64[n]
        Of each pixel.
    mu, sigma : float64[n] or None
        ``DISTMU`` and ``DISTSIGMA`` [Mpc]; pixels without finite ones are left out.

    Returns
    -------
    Distance or None
        None without the columns, or if no pixel can be used.

    Notes
    -----
    A pixel's density of distance is r² times a normal distribution of (mu, sigma) cut at 0; its
    moments in closed form follow from z = mu / sigma and the hazard φ(z) / Φ(z)
    (arXiv:1605.04242, section 2).
    """
    if mu is None or sigma is None:
        return None
    with np.errstate(all="ignore"):
        z = mu / sigma
        hazard = np.exp(-(z**2) / 2) / math.sqrt(2 * math.pi) / normal_cdf(z)
        second = z**2 + 1 + z * hazard
        mean = sigma * (z**3 + 3 * z + (z**2 + 2) * hazard) / second
        square = sigma**2 * (z**4 + 6 * z**2 + 3 + (z**3 + 5 * z) * hazard) / second
    is_usable = np.isfinite(mean) & np.isfinite(square) & (mean > 0)
    weight = probability[is_usable]
    if not weight.sum():
        return None
    mean_mpc = float(np.average(mean[is_usable], weights=weight))
    square_mpc2 = float(np.average(square[is_usable], weights=weight))
    return Distance(mean_mpc, math.sqrt(max(square_mpc2 - mean_mpc**2, 0.0)))


def normal_cdf(z: Floats) -> Floats:
    """Return the cumulative standard normal distribution of each value."""
    erfc = np.frompyfunc(math.erfc, 1, 1)
    return np.asarray(erfc(-z / math.sqrt(2)), np.float64) / 2


def _finite(value: Any) -> float | None:
    is_number = isinstance(value, int | float) and math.isfinite(value)
    return float(value) if is_number else None
