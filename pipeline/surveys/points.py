"""Photometry of a batch in the packed form of the wire; unusable points are left out."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.alerts.batch import DETECTION, FORCED, LIMIT, Points
from pipeline.surveys.packets import is_declination, is_right_ascension
from pipeline.times import FIRST_JD_UTC, LAST_JD_UTC

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

HAS_FLUX = 2
"""Branch byte of a flux that is there (zigzag of union branch 1)."""


NO_LIMITS = Points(np.empty(0, np.int64), np.empty(0, LIMIT))
"""For a survey whose packets hold no non-detections."""
NO_EXTENDEDNESS = Points(np.empty(0, np.int64), np.empty(0, np.float64))
"""For a survey that does not measure it."""


def detections(
    parent: Integers,
    jd_utc: Floats,
    flux: Floats,
    flux_err: Floats,
    band: Integers,
    ra_deg: Floats,
    dec_deg: Floats,
) -> Points:
    """Pack detections.

    Parameters
    ----------
    parent : int64[n]
        Position of the alert in the batch.
    jd_utc : float64[n]
        Time (JD, UTC).
    flux, flux_err : float64[n]
        In the survey's wire unit; a point needs a finite non-zero flux and a positive error.
    band : int64[n]
        Index in BANDS, −1 unknown.
    ra_deg, dec_deg : float64[n]
        Position (ICRS).
    """
    with np.errstate(invalid="ignore"):
        keep = _is_measured(jd_utc, flux_err, band) & np.isfinite(flux) & (flux != 0)
        keep &= is_right_ascension(ra_deg) & is_declination(dec_deg)
    rows = _packed(DETECTION, keep, jd_utc, flux_err, band)
    rows["flux"] = flux[keep]
    rows["ra_deg"], rows["dec_deg"] = ra_deg[keep], dec_deg[keep]
    return Points(parent[keep], rows)


def limits(parent: Integers, jd_utc: Floats, flux_err: Floats, band: Integers) -> Points:
    """Pack non-detections; ``flux_err`` is 1σ in the survey's wire unit."""
    keep = _is_measured(jd_utc, flux_err, band)
    return Points(parent[keep], _packed(LIMIT, keep, jd_utc, flux_err, band))


def forced(
    parent: Integers, jd_utc: Floats, flux: Floats, flux_err: Floats, band: Integers
) -> Points:
    """Pack forced photometry; a flux of NaN is null, an unusable error drops the point."""
    keep = _is_measured(jd_utc, flux_err, band)
    rows = _packed(FORCED, keep, jd_utc, flux_err, band)
    has_flux = np.isfinite(flux[keep])
    rows["has_flux"] = np.where(has_flux, HAS_FLUX, 0)
    rows["flux"] = np.where(has_flux, flux[keep], 0.0)
    return Points(parent[keep], rows)


def measured(parent: Integers, values: Floats) -> Points:
    """Return plain values as points; NaN is no value."""
    keep = ~np.isnan(values)
    return Points(parent[keep], values[keep])


def join(*parts: Points) -> Points:
    """Return the points of all parts, which are of one series."""
    return Points(
        np.concatenate([part.parent for part in parts]),
        np.concatenate([part.rows for part in parts]),
    )


def _is_measured(jd_utc: Floats, flux_err: Floats, band: Integers) -> NDArray[np.bool_]:
    with np.errstate(invalid="ignore"):
        has_time = (jd_utc >= FIRST_JD_UTC) & (jd_utc < LAST_JD_UTC)
        return np.asarray(has_time & np.isfinite(flux_err) & (flux_err > 0) & (band >= 0), bool)


def _packed(
    dtype: np.dtype[Any],
    keep: NDArray[np.bool_],
    jd_utc: Floats,
    flux_err: Floats,
    band: Integers,
) -> NDArray[Any]:
    rows = np.zeros(int(keep.sum()), dtype)
    rows["jd_utc"], rows["flux_err"] = jd_utc[keep], flux_err[keep]
    rows["band"] = 2 * band[keep]
    return rows
