"""Fluxes and AB magnitudes: the one place that converts between them.

Points are stored and sent in each survey's wire flux: nJy for LSST, and for ZTF, as published
clients expect, 10⁶ × nJy. ``FLUX_ZERO_POINT_ABMAG`` tells the two apart.
"""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pipeline.alerts.batch import FLUX_ZERO_POINT_ABMAG

POGSON_MAG = 1.0857362
"""Magnitudes per unit of relative flux error, 2.5 / ln 10, with the digits that surveys use."""

NJY_ZERO_POINT_ABMAG = 31.4
"""AB magnitude of 1 nJy."""

LIMIT_SNR = 5.0
"""Signal to noise at which packets quote their limiting magnitude."""

Floats = NDArray[np.float64]


def abmag(wire_flux: ArrayLike, survey: str) -> Floats:
    """Return the magnitude of ``|wire_flux|``.

    A difference flux below zero (a source that faded) has the magnitude of its absolute value, as
    in the surveys' own packets; its sign is told apart by ``isdiffpos``.

    Parameters
    ----------
    wire_flux : array of float
        Flux in the survey's wire unit; zero gives +∞, NaN gives NaN.
    survey : str
        ``ztf`` or ``lsst``.

    Returns
    -------
    float64 array
        AB magnitude.
    """
    return _abmag(wire_flux, FLUX_ZERO_POINT_ABMAG[survey])


def abmag_error(wire_flux: ArrayLike, wire_flux_err: ArrayLike) -> Floats:
    """Return the 1σ error [mag] of the magnitude of ``|wire_flux|``, to first order.

    Parameters
    ----------
    wire_flux, wire_flux_err : array of float
        Flux and its 1σ error, in one unit.

    Returns
    -------
    float64 array
        Error [mag]; infinite or NaN where the flux is zero.
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        error = POGSON_MAG * np.asarray(wire_flux_err, np.float64) / _magnitude_of(wire_flux)
    return np.asarray(error, np.float64)


def limiting_abmag(wire_flux_err: ArrayLike, survey: str) -> Floats:
    """Return the 5σ limiting AB magnitude of a 1σ error in the survey's wire unit."""
    return _abmag(LIMIT_SNR * np.asarray(wire_flux_err, np.float64), FLUX_ZERO_POINT_ABMAG[survey])


def wire_flux(magnitude_abmag: ArrayLike, survey: str) -> Floats:
    """Return the positive wire flux of an AB magnitude.

    Parameters
    ----------
    magnitude_abmag : array of float
        AB magnitude.
    survey : str
        ``ztf`` or ``lsst``.

    Returns
    -------
    float64 array
        Flux in the survey's wire unit.
    """
    zero_point_abmag = FLUX_ZERO_POINT_ABMAG[survey]
    exponent = -0.4 * (np.asarray(magnitude_abmag, np.float64) - zero_point_abmag)
    return np.asarray(np.power(10.0, exponent), np.float64)


def wire_flux_error(flux: ArrayLike, error_abmag: ArrayLike) -> Floats:
    """Return the 1σ error of a flux, in its unit, from the error [mag] of its magnitude."""
    error = np.asarray(error_abmag, np.float64) / POGSON_MAG * _magnitude_of(flux)
    return np.asarray(error, np.float64)


def wire_limit_error(limiting_magnitude_abmag: ArrayLike, survey: str) -> Floats:
    """Return the 1σ error in the survey's wire unit of a 5σ limiting AB magnitude."""
    return np.asarray(wire_flux(limiting_magnitude_abmag, survey) / LIMIT_SNR, np.float64)


def njy(flux: ArrayLike, survey: str) -> Floats:
    """Return a wire flux in nJy, for everything that shows fluxes to people."""
    ratio = 10.0 ** (0.4 * (NJY_ZERO_POINT_ABMAG - FLUX_ZERO_POINT_ABMAG[survey]))
    return np.asarray(np.asarray(flux, np.float64) * ratio, np.float64)


def _abmag(flux: ArrayLike, zero_point_abmag: float) -> Floats:
    with np.errstate(divide="ignore"):
        return np.asarray(zero_point_abmag - 2.5 * np.log10(_magnitude_of(flux)), np.float64)


def _magnitude_of(flux: ArrayLike) -> Floats:
    return np.asarray(np.abs(np.asarray(flux, np.float64)), np.float64)
