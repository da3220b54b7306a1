"""What keeps an alert off the public topics: an ordered list of gates for each survey.

An alert that a gate stops is still stored and counted, by the first gate that stops it. What is
thrown away here is quality; whether an alert is public at all is decided here too, and nowhere
else.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from broker.sections.streams import GateSettings
from pipeline.alerts.batch import Batch, Column
from pipeline.alerts.schemas import required_floats

NON_PUBLIC = "non_public"
"""The gate whose alerts nobody may even count: of ZTF's private programs."""

ROCK_DISTANCE_ARCSEC = 12.0
"""A ZTF alert this near to a known asteroid's predicted position is that asteroid."""

NAN_ALLOWED = frozenset({"magap", "sigmagap"})
"""Required LSST floats that an alert without aperture flux has none of: NaN on the wire."""

CLIENT_COUNTS = {"ztf": ("programid", "ndethist", "ncovhist", "nmtchps"), "lsst": ("detector",)}
"""Whole numbers that the published client refuses below 0."""

_THRESHOLD = {"min_drb": "min_score", "min_reliability": "min_score"}

Mask = NDArray[np.bool_]


class Thresholds(NamedTuple):
    """The gates' settings after preset and overrides are merged."""

    exclude_rock: bool
    exclude_pixel_flags: bool
    min_score: float


@dataclass(frozen=True)
class Gate:
    """One reason not to publish.

    Attributes
    ----------
    name : str
        As stored with the alert and counted in the ledger.
    text : str
        What it stops, for people; ``{min_score}`` is filled with the threshold in force.
    stops : callable
        Batch and thresholds to a mask, true where the alert is stopped.
    is_on : callable
        Whether the settings let it stop anything.
    """

    name: str
    text: str
    stops: Callable[[Batch, Thresholds], Mask]
    is_on: Callable[[Thresholds], bool] = lambda _: True


class Explanation(NamedTuple):
    """One gate as a page shows it."""

    name: str
    text: str
    is_on: bool


def gate_reasons(batch: Batch, settings: GateSettings) -> NDArray[np.object_]:
    """Return for each alert the name of the first gate that stops it.

    Parameters
    ----------
    batch : Batch
        Decoded alerts.
    settings : GateSettings
        Preset and overrides.

    Returns
    -------
    object array
        Names, None where every gate is open.
    """
    thresholds = resolve(batch.survey, settings)
    reasons = np.full(len(batch), None, object)
    for gate in reversed(GATES[batch.survey]):
        if gate.is_on(thresholds):
            reasons[gate.stops(batch, thresholds)] = gate.name
    return reasons


def explain(survey: str, settings: GateSettings) -> list[Explanation]:
    """Return a survey's gates in their order, worded with the thresholds in force."""
    thresholds = resolve(survey, settings)
    return [
        Explanation(
            gate.name, gate.text.format(min_score=thresholds.min_score), gate.is_on(thresholds)
        )
        for gate in GATES[survey]
    ]


def resolve(survey: str, settings: GateSettings) -> Thresholds:
    """Merge preset and overrides: a setting that is given beats the preset's value."""
    section = settings.ztf if survey == "ztf" else settings.lsst
    given = {
        _THRESHOLD.get(name, name): value
        for name, value in section.model_dump().items()
        if value is not None
    }
    return PRESETS[settings.preset][survey]._replace(**given)


def ztf_rock(batch: Batch) -> Mask:
    """Tell which ZTF alerts lie on a known asteroid."""
    distance_arcsec = batch.candidate["ssdistnr"].filled(np.inf)
    magnitude = batch.candidate["ssmagnr"].filled(-1.0)
    is_near = (distance_arcsec >= 0) & (distance_arcsec < ROCK_DISTANCE_ARCSEC)
    return np.asarray(is_near & (magnitude >= 0), np.bool_)


def lsst_rock(batch: Batch) -> Mask:
    """Tell which LSST alerts belong to a solar-system object; id 0 is none."""
    column = batch.candidate["ssObjectId"]
    return np.asarray(column.valid & (column.values != 0), np.bool_)


def has_client_fields(batch: Batch) -> Mask:
    """Tell which alerts have a usable value in every field that the published client requires.

    One row without would end the client's whole call, so that REST leaves such alerts out. Beyond
    the gates: ZTF's counts are not negative and its band is known, LSST's ``snr`` is given.
    """
    is_complete = ~_lacks_field(batch)
    for name in CLIENT_COUNTS[batch.survey]:
        is_complete &= batch.candidate[name].values >= 0
    if batch.survey == "ztf":
        is_complete &= batch.band >= 0
    else:
        is_complete &= batch.candidate["snr"].valid
    return is_complete


def _has_low_score(batch: Batch, thresholds: Thresholds) -> Mask:
    # Packets carry float32: 0.7 there must not be below a threshold of 0.7 here.
    score = np.nan_to_num(batch.score, nan=0.0).astype(np.float32)
    return np.asarray(score < np.float32(thresholds.min_score), np.bool_)


def _has_no_flux(batch: Batch, _: Thresholds) -> Mask:
    flux, error = (_finite_or_zero(batch.candidate[name]) for name in ("psfFlux", "psfFluxErr"))
    return np.asarray((flux == 0) | (error <= 0), np.bool_)


def _has_no_detection(batch: Batch, _: Thresholds) -> Mask:
    return np.asarray(np.bincount(batch.detections.parent, minlength=len(batch)) == 0, np.bool_)


def _lacks_required_field(batch: Batch, _: Thresholds) -> Mask:
    return _lacks_field(batch)


def _lacks_field(batch: Batch) -> Mask:
    lacks = np.zeros(len(batch), np.bool_)
    for name in _finite_fields(batch.survey):
        lacks |= ~np.isfinite(batch.candidate[name].values.astype(np.float64))
    return lacks


@cache
def _finite_fields(survey: str) -> tuple[str, ...]:
    return tuple(name for name in required_floats(survey) if name not in NAN_ALLOWED)


def _finite_or_zero(column: Column) -> NDArray[np.float64]:
    values = column.filled(0.0)
    return np.where(np.isfinite(values), values, 0.0)


COMMON = (
    Gate(
        "no_object_id",
        "the packet names no object",
        lambda batch, _: np.array([name is None for name in batch.object_id.tolist()], np.bool_),
    ),
    Gate("no_flux", "no finite non-zero PSF flux with a positive error", _has_no_flux),
    Gate("unknown_band", "the band is not one of ours", lambda batch, _: batch.band < 0),
    Gate("empty_light_curve", "no public detection", _has_no_detection),
    Gate("missing_field", "a required field has no finite value", _lacks_required_field),
)

GATES: dict[str, tuple[Gate, ...]] = {
    "ztf": (
        Gate(NON_PUBLIC, "programid is not 1", lambda batch, _: ~batch.is_public),
        Gate(
            "rock",
            f"a known asteroid: 0 ≤ ssdistnr < {ROCK_DISTANCE_ARCSEC:g} arcsec and ssmagnr ≥ 0",
            lambda batch, _: ztf_rock(batch),
            lambda thresholds: thresholds.exclude_rock,
        ),
        Gate(
            "low_drb",
            "drb (null counts as 0) is below {min_score:g}",
            _has_low_score,
            lambda thresholds: thresholds.min_score > 0,
        ),
        *COMMON,
    ),
    "lsst": (
        Gate(
            "rock",
            "ssObjectId is given",
            lambda batch, _: lsst_rock(batch),
            lambda thresholds: thresholds.exclude_rock,
        ),
        Gate(
            "pixel_flags",
            "pixelFlags is true",
            lambda batch, _: batch.candidate["pixelFlags"].filled(0).astype(np.bool_),
            lambda thresholds: thresholds.exclude_pixel_flags,
        ),
        Gate(
            "low_reliability",
            "reliability (null counts as 0) is below {min_score:g}",
            _has_low_score,
            lambda thresholds: thresholds.min_score > 0,
        ),
        *COMMON,
    ),
}
"""Each survey's gates; the first that stops an alert gives the reason."""

PRESETS: dict[str, dict[str, Thresholds]] = {
    "boom": {
        "ztf": Thresholds(exclude_rock=True, exclude_pixel_flags=False, min_score=0.2),
        "lsst": Thresholds(exclude_rock=True, exclude_pixel_flags=True, min_score=0.0),
    },
    "open": {
        "ztf": Thresholds(exclude_rock=False, exclude_pixel_flags=False, min_score=0.0),
        "lsst": Thresholds(exclude_rock=False, exclude_pixel_flags=False, min_score=0.0),
    },
}
"""``boom`` publishes what BOOM does; ``open`` every public alert with the required fields."""
