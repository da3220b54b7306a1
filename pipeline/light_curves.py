"""A stored light curve in the units that people read."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline import photometry
from pipeline.alerts.batch import BANDS, SERIES

DETECTION, LIMIT, FORCED = range(3)
"""Values of ``light_curves.series``."""

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Photometry:
    """Points of one series of one object, sorted by time.

    Attributes
    ----------
    series : int
        DETECTION, LIMIT or FORCED.
    jd_utc : float64[n]
        Time.
    band : list of str
        ``?`` where the band is unknown.
    flux_njy, flux_err_njy : float64[n]
        Difference flux, below zero for a source that faded; NaN where there is none.
    abmag, abmag_err : float64[n]
        Of the flux without its sign; of a limit, the 5σ limit, without error (NaN).
    """

    series: int
    jd_utc: Floats
    band: list[str]
    flux_njy: Floats
    flux_err_njy: Floats
    abmag: Floats
    abmag_err: Floats

    def __len__(self) -> int:
        return len(self.jd_utc)


def unpack(survey: str, series: int, packed: bytes) -> Photometry:
    """Return the points of one row of ``light_curves``.

    Parameters
    ----------
    survey : str
        Whose flux convention the points follow.
    series : int
        DETECTION, LIMIT or FORCED.
    packed : bytes
        As stored; a length that is no whole number of points raises ValueError.
    """
    rows = np.frombuffer(packed, SERIES[series])
    error = np.asarray(rows["flux_err"], np.float64)
    flux = _flux(series, rows)
    is_limit = series == LIMIT
    return Photometry(
        series=series,
        jd_utc=np.asarray(rows["jd_utc"], np.float64),
        band=[_band(code) for code in rows["band"].tolist()],
        flux_njy=photometry.njy(flux, survey),
        flux_err_njy=photometry.njy(error, survey),
        abmag=photometry.limiting_abmag(error, survey)
        if is_limit
        else photometry.abmag(flux, survey),
        abmag_err=photometry.abmag_error(flux, error),
    )


def _flux(series: int, rows: NDArray[Any]) -> Floats:
    if series == LIMIT:
        return np.full(len(rows), np.nan)
    flux = np.asarray(rows["flux"], np.float64)
    return np.where(rows["has_flux"] == 0, np.nan, flux) if series == FORCED else flux


def _band(code: int) -> str:
    index = code // 2  # the enum's index as a zigzag varint
    return BANDS[index] if index < len(BANDS) else "?"
