"""Light curves: how bright a source is in the difference image, when, in which band, how surely."""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

NJY_ZERO_POINT_ABMAG = 31.4
HISTORY_DAYS = 30.0
DETECTION_SNR = 5.0
ALERT_SNR = 6.5
"""An alert's true signal; noise then rarely takes it below DETECTION_SNR."""

SYSTEMATIC_ERROR = 0.015
"""Share of the flux that calibration adds to the error."""

COLOUR_ABMAG = {"u": 0.9, "g": 0.15, "r": 0.0, "i": 0.05, "z": 0.1, "y": 0.15}
"""Magnitude in each band minus that in r, of everything that shines here."""

DEPTH_ABMAG = {
    "ztf": {"g": 20.6, "r": 20.4, "i": 19.9},
    "lsst": {"u": 23.2, "g": 24.3, "r": 24.0, "i": 23.6, "z": 22.9, "y": 22.0},
}
"""Five-sigma limits of difference images on a good night."""


class Curve(NamedTuple):
    """A light curve: shape, brightness, clock.

    Attributes
    ----------
    shape : str
        A key of SHAPES.
    abmag : float
        Peak (or half amplitude) in r.
    peak_jd_utc : float
        Time of the peak, or phase zero.
    timescale_d : float
        Rise, decay time or period [d].
    """

    shape: str
    abmag: float
    peak_jd_utc: float
    timescale_d: float

    def flux_njy(self, jd_utc: Floats, bands: Sequence[str]) -> Floats:
        """Return the noiseless difference flux [nJy]."""
        colour = np.array([COLOUR_ABMAG[band] for band in bands])
        peak = flux_njy(self.abmag + colour)
        return peak * SHAPES[self.shape](jd_utc - self.peak_jd_utc, self.timescale_d)


class Epoch(NamedTuple):
    """One visit to a source: what was measured, detection or not.

    Attributes
    ----------
    jd_utc : float
        Time.
    band : str
        Filter.
    flux_njy, flux_err_njy : float
        Difference flux and its error.
    limit_abmag : float
        Five-sigma limit.
    ra_deg, dec_deg : float
        Measured position.
    alert_id : int
        ZTF candid or LSST diaSourceId; 0 for no detection.
    """

    jd_utc: float
    band: str
    flux_njy: float
    flux_err_njy: float
    limit_abmag: float
    ra_deg: float
    dec_deg: float
    alert_id: int

    @property
    def is_detection(self) -> bool:
        """Whether the source was found."""
        return self.alert_id != 0

    @property
    def abmag(self) -> float:
        """Return the magnitude of the absolute flux."""
        return float(NJY_ZERO_POINT_ABMAG - 2.5 * np.log10(abs(self.flux_njy)))

    @property
    def abmag_err(self) -> float:
        """Return the error of the magnitude."""
        return 1.0857362 * self.flux_err_njy / abs(self.flux_njy)


def supernova(days: Floats, rise_d: float) -> Floats:
    """Return a parabola up to the peak, then two slopes down."""
    rising = np.clip(1 + days / rise_d, 0, 1) ** 2
    fading = 10 ** (-0.4 * (0.055 * np.clip(days, 0, 30) + 0.015 * np.clip(days - 30, 0, None)))
    return np.where(days < 0, rising, fading)


def flare(days: Floats, decay_d: float) -> Floats:
    """Return a rise within a day and an exponential decay."""
    return np.where(days < 0, np.clip(1 + days, 0, 1), np.exp(-np.clip(days, 0, None) / decay_d))


def variable(days: Floats, period_d: float) -> Floats:
    """Return a lopsided wave about zero: half the time the star is fainter than its template."""
    phase = 2 * np.pi * days / period_d
    return np.sin(phase) + 0.3 * np.sin(2 * phase)


def steady(days: Floats, _timescale_d: float) -> Floats:
    """Return a constant."""
    return np.ones_like(days)


def passing(days: Floats, duration_d: float) -> Floats:
    """Return light only around time zero: a moving source was not here before."""
    return (np.abs(days) < duration_d).astype(float)


SHAPES: dict[str, Callable[[Floats, float], Floats]] = {
    "supernova": supernova,
    "flare": flare,
    "variable": variable,
    "steady": steady,
    "passing": passing,
}


def flux_njy(abmag: Any) -> Floats:
    """Return the flux of an AB magnitude [nJy]."""
    return np.asarray(10 ** (-0.4 * (np.asarray(abmag) - NJY_ZERO_POINT_ABMAG)), float)


def earlier_visits(
    survey: str, first_jd_utc: float, rng: np.random.Generator
) -> tuple[Floats, list[str]]:
    """Return times and bands of the visits in the month before ``first_jd_utc``."""
    nights = np.arange(1, int(HISTORY_DAYS))
    seen = nights[rng.random(len(nights)) < (0.33 if survey == "ztf" else 0.2)]
    jd = np.repeat(first_jd_utc - seen[::-1].astype(float), 2)
    jd[1::2] += 0.025
    jd += rng.uniform(-0.06, 0.0, len(jd))  # never later than the first alert
    choice = ("g", "r") if survey == "ztf" else tuple("grizy")
    start = int(rng.integers(len(choice)))
    return np.sort(jd), [choice[(start + i) % len(choice)] for i in range(len(jd))]


def measure(
    curve: Curve,
    survey: str,
    jd_utc: Floats,
    bands: Sequence[str],
    is_alert: NDArray[np.bool_],
    rng: np.random.Generator,
) -> tuple[Floats, Floats, Floats]:
    """Return measured flux, its error [nJy] and the limit (AB) at each visit.

    The light of visits that raise an alert is lifted until it is found: the plan decides what is
    seen, the curve how it looks.
    """
    limit = np.array([DEPTH_ABMAG[survey][band] for band in bands])
    limit = limit + rng.normal(-0.1, 0.15, len(limit))
    sky = flux_njy(limit) / DETECTION_SNR
    true = curve.flux_njy(jd_utc, bands)
    floor = np.where(is_alert, ALERT_SNR * sky, 0.0)
    true = np.where(np.abs(true) < floor, np.where(true < 0, -floor, floor), true)
    error = np.hypot(sky, SYSTEMATIC_ERROR * true)
    scatter = np.clip(rng.standard_normal(len(true)), -1.2, 3.0) * np.sign(true + (true == 0))
    flux = true + error * np.where(is_alert, scatter, rng.standard_normal(len(true)))
    return flux, error, limit
