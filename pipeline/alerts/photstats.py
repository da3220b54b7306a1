"""Photometric features of light curves, for all alerts of a batch at once.

The points of all alerts lie in flat arrays sorted by (alert, band, time); alerts, bands and fits
are segments of these arrays, reduced with ``ufunc.reduceat``: no loop over alerts or points.
"""

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from pipeline.alerts.batch import BANDS, DETECTION, FORCED, SERIES, LightCurves
from pipeline.photometry import abmag, abmag_error

MIN_SPAN_D = 0.01
"""Points within a quarter of an hour tell neither motion nor evolution."""

MIN_FORCED_SNR = 3.0
MIN_SXX_D2 = 1e-10
"""Weighted spread of the times below which a slope is not defined."""

RATE = np.dtype(
    [
        ("is_given", "?"),
        ("rate", "<f4"),
        ("rate_error", "<f4"),
        ("red_chi2", "<f4"),
        ("nb_data", "<i8"),
        ("dt", "<f4"),
    ]
)
"""BandRateProperties: slope [mag/d], its error, reduced χ² (NaN for 2 points), points, span [d]."""

BAND_STATS = np.dtype(
    [
        ("is_given", "?"),
        ("peak_jd", "<f8"),
        ("peak_mag", "<f4"),
        ("peak_mag_err", "<f4"),
        ("dt", "<f4"),
        ("rising", RATE),
        ("fading", RATE),
    ]
)
"""BandProperties of the wire, with ``is_given`` false for null."""

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass(frozen=True)
class PhotStats:
    """Features of each alert's light curve.

    Attributes
    ----------
    stationary : bool[n]
        Seen twice, more than MIN_SPAN_D apart, at one place.
    bands : BAND_STATS[n, 9]
        Peak and rates, by alert and index in BANDS.
    """

    stationary: NDArray[np.bool_]
    bands: NDArray[Any]

    def as_records(self) -> list[dict[str, Any]]:
        """Return one ``PerBandProperties`` record per alert, as Avro and JSON spell it."""
        return [
            {band: _record(stats) for band, stats in zip(BANDS, row, strict=True)}
            for row in self.bands
        ]


StatsPair = tuple[PhotStats, PhotStats]
"""Of the own light curves, and of them with the matched objects'."""


class _Points(NamedTuple):
    """Magnitudes of many light curves; ``group`` is alert × 9 + band."""

    group: Ints
    jd: Floats
    mag: Floats
    mag_err: Floats

    def take(self, index: Ints | NDArray[np.bool_]) -> "_Points":
        return _Points(self.group[index], self.jd[index], self.mag[index], self.mag_err[index])


def photstats(
    jd_utc: Floats,
    own: LightCurves,
    own_at: Ints,
    other: LightCurves | None,
    other_at: Ints,
) -> PhotStats:
    """Compute the features of each alert's light curve, up to the alert's own time.

    Points are detections, and forced photometry above 3σ either way, with a time not after the
    alert's. A negative flux counts with its absolute value, as in the packets' magnitudes. Of
    points with one time and band the first counts: own before matched, detection before forced.

    Parameters
    ----------
    jd_utc : float64[n]
        Times of the alerts.
    own : LightCurves
        Light curves of the alerts' survey.
    own_at : int64[n]
        Each alert's light curve in ``own``, −1 none.
    other : LightCurves or None
        Light curves of the other survey, for multi-survey features.
    other_at : int64[n]
        The matched object's light curve in ``other``, −1 none.

    Returns
    -------
    PhotStats
        Times in days, magnitudes AB, rates in mag per day.
    """
    parts = _gather(jd_utc, own, own_at)
    if other is not None:
        parts += _gather(jd_utc, other, other_at)
    points = _prepare(_Points(*(np.concatenate(part) for part in zip(*parts, strict=True))))
    bands = np.zeros((len(jd_utc), len(BANDS)), BAND_STATS)
    stationary = np.zeros(len(jd_utc), np.bool_)
    if len(points.group):
        _set_stationary(points, stationary)
        _set_bands(points, bands.reshape(-1))
    return PhotStats(stationary, bands)


def _gather(jd_utc: Floats, curves: LightCurves, at: Ints) -> list[_Points]:
    """Return the points that count, of each series that holds fluxes."""
    found = []
    for series in (SERIES.index(DETECTION), SERIES.index(FORCED)):
        alert, rows = _points_of(curves, series, at)
        jd, flux, flux_err = rows["jd_utc"], rows["flux"], rows["flux_err"]
        keep = (jd <= jd_utc[alert]) & (flux != 0) & np.isfinite(flux) & np.isfinite(flux_err)
        if SERIES[series] is FORCED:
            keep &= (rows["has_flux"] != 0) & (flux_err > 0)
            keep &= np.abs(flux) > MIN_FORCED_SNR * flux_err
        alert, rows, flux, flux_err = alert[keep], rows[keep], flux[keep], flux_err[keep]
        group = alert * len(BANDS) + rows["band"] // 2  # the wire doubles the index
        mag, mag_err = abmag(flux, curves.survey), abmag_error(flux, flux_err)
        found.append(_Points(group, jd[keep], mag, mag_err))
    return found


def _points_of(curves: LightCurves, series: int, at: Ints) -> tuple[Ints, NDArray[Any]]:
    """Return all points of one series, and the alert that each belongs to."""
    alert = np.flatnonzero(at >= 0)
    starts = curves.starts[series]
    first, count = starts[at[alert]], starts[at[alert] + 1] - starts[at[alert]]
    shift = np.repeat(first - (np.cumsum(count) - count), count)
    return np.repeat(alert, count), curves.rows[series][np.arange(len(shift)) + shift]


def _prepare(points: _Points) -> _Points:
    """Sort by alert, band and time, and keep the first of equal ones."""
    points = points.take(np.lexsort((points.jd, points.group)))  # stable
    is_first = np.ones(len(points.group), np.bool_)
    is_first[1:] = (np.diff(points.group) != 0) | (np.diff(points.jd) != 0)
    return points.take(is_first)


def _set_stationary(points: _Points, stationary: NDArray[np.bool_]) -> None:
    alert = points.group // len(BANDS)
    starts = _starts(alert)
    span_d = np.maximum.reduceat(points.jd, starts) - np.minimum.reduceat(points.jd, starts)
    stationary[alert[starts]] = span_d > MIN_SPAN_D


def _set_bands(points: _Points, bands: NDArray[Any]) -> None:
    starts = _starts(points.group)
    ends = np.append(starts[1:], len(points.group))
    peak = _first_least(points.mag, starts)
    found = np.zeros(len(starts), BAND_STATS)
    found["is_given"] = True
    found["peak_jd"] = points.jd[peak]
    found["peak_mag"] = points.mag[peak]
    found["peak_mag_err"] = points.mag_err[peak]
    found["dt"] = points.jd[ends - 1] - points.jd[starts]
    found["rising"] = _fit(points, starts, peak + 1)
    found["fading"] = _fit(points, peak, ends)
    bands[points.group[starts]] = found


def _fit(points: _Points, first: Ints, end: Ints) -> NDArray[Any]:
    """Fit a straight line to each segment [first, end); the peak is one of its two ends."""
    count = end - first
    found = np.zeros(len(first), RATE)
    starts = np.cumsum(count) - count
    index = np.arange(count.sum()) + np.repeat(first - starts, count)
    jd, mag, mag_err = points.jd[index], points.mag[index], points.mag_err[index]
    least, most = _first_least(mag, starts), _first_least(-mag, starts)
    span_d = jd[starts + count - 1] - jd[starts]
    has_error = np.minimum.reduceat((mag_err > 0) & np.isfinite(mag_err), starts)
    is_evolving = mag[least] + mag_err[least] < mag[most] - mag_err[most]
    rate, sxx, chi2 = _line(jd - np.repeat(jd[starts], count), mag, mag_err, starts, count)
    found["is_given"] = (
        (count >= 2) & (span_d > MIN_SPAN_D) & has_error & is_evolving & (sxx >= MIN_SXX_D2)  # noqa: PLR2004 a line
    )
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        found["rate"], found["rate_error"] = rate, sxx**-0.5
        found["red_chi2"] = np.where(count > 2, chi2 / (count - 2.0), np.nan)  # noqa: PLR2004 free points
    found["nb_data"], found["dt"] = count, span_d
    return found


def _line(
    t_d: Floats, mag: Floats, mag_err: Floats, starts: Ints, count: Ints
) -> tuple[Floats, Floats, Floats]:
    """Return slope, weighted Sxx and χ² of a line through each segment, weighted by 1/σ²."""
    add = np.add.reduceat
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        weight = mag_err**-2.0
        total = add(weight, starts)
        x = t_d - np.repeat(add(weight * t_d, starts) / total, count)
        y = mag - np.repeat(add(weight * mag, starts) / total, count)
        sxx = add(weight * x * x, starts)
        slope = add(weight * x * y, starts) / sxx
        chi2 = add(weight * (y - np.repeat(slope, count) * x) ** 2, starts)
    return slope, sxx, chi2


def _first_least(values: Floats, starts: Ints) -> Ints:
    """Return the position of the first least value of each segment."""
    count = np.diff(np.append(starts, len(values)))
    is_least = values == np.repeat(np.minimum.reduceat(values, starts), count)
    position = np.where(is_least, np.arange(len(values)), len(values))
    return np.asarray(np.minimum.reduceat(position, starts), np.int64)


def _starts(group: Ints) -> Ints:
    return np.flatnonzero(np.diff(group, prepend=-1))


def _record(stats: np.void) -> dict[str, Any] | None:
    """Return one structured element as a record, nested rates included; None where not given."""
    if not stats["is_given"]:
        return None
    names = [name for name in stats.dtype.names or () if name != "is_given"]
    return {
        name: _record(stats[name]) if isinstance(stats[name], np.void) else stats[name].item()
        for name in names
    }
