"""The class of an alert, by the flowcharts of the public streams.

ZTF packets carry their three nearest PanSTARRS sources; LSST alerts are matched with LSPSC, the
Legacy Survey point-source catalog. In both a score of 1 is a star and 0 a galaxy. A value that is
null or negative is no value.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from broker.sections.streams import RouteSettings
from pipeline.alerts.batch import Batch, CatalogMatches, Column
from pipeline.alerts.gate import lsst_rock, ztf_rock
from pipeline.sky import Footprint

HALF = 0.5
"""Score between galaxy and star; exactly this in PanSTARRS means not classified."""

ZTF_NEIGHBOURS = (1, 2, 3)
ZTF_STAR_SCORE = 0.76
ZTF_STAR_DISTANCE_ARCSEC = 2.0
ZTF_RED_STAR_SCORE = 0.2
ZTF_RED_STAR_DISTANCE_ARCSEC = 1.0
ZTF_RED_STAR_COLOUR_MAG = 3.0
ZTF_BRIGHT_SCORE = 0.49
ZTF_BRIGHT_MAG = 15.0
ZTF_BRIGHT_GAIA_MAG = 12.0
ZTF_BRIGHT_UNCLASSIFIED_MAG = 17.0
ZTF_BRIGHT_UNCLASSIFIED_DISTANCE_ARCSEC = 0.5
BRIGHT_DISTANCE_ARCSEC = 20.0

LSST_SEARCH_ARCSEC = 30.0
LSST_STAR_DISTANCE_ARCSEC = 1.0
LSST_BRIGHT_MAG = 15.0

Mask = NDArray[np.bool_]
Floats = NDArray[np.float32]


class Rules(NamedTuple):
    """The classification's settings after preset and overrides are merged."""

    near_bright_star_is_stellar: bool
    hosted_threshold_inclusive: bool
    lspsc_max_matches: int | None


PRESETS = {
    "seed": Rules(
        near_bright_star_is_stellar=False, hosted_threshold_inclusive=False, lspsc_max_matches=None
    ),
    "boom": Rules(
        near_bright_star_is_stellar=True, hosted_threshold_inclusive=True, lspsc_max_matches=3
    ),
}
"""The flowcharts as published, and with BOOM's refinements."""


@dataclass(frozen=True)
class Classes:
    """What the catalogs say of each alert of a batch.

    Attributes
    ----------
    alert_class : object[n]
        ``stellar``, ``hosted``, ``hostless`` or, LSST only, ``unknown``.
    rock, star, near_brightstar : Column
        Bool; ``star`` and ``near_brightstar`` are null for an LSST alert outside the footprint
        without a neighbour.
    """

    alert_class: NDArray[np.object_]
    rock: Column
    star: Column
    near_brightstar: Column


def classify(
    batch: Batch, lspsc: CatalogMatches | None, footprint: Footprint | None, route: RouteSettings
) -> Classes:
    """Return each alert's class and flags.

    Parameters
    ----------
    batch : Batch
        Alerts of one survey.
    lspsc : CatalogMatches or None
        LSPSC rows (``score``, ``mag_white`` or ``magwhite``) around LSST alerts; unused for ZTF.
    footprint : Footprint or None
        Where LSPSC has rows; None is nowhere.
    route : RouteSettings
        Preset and overrides.

    Raises
    ------
    ValueError
        If LSST alerts come without LSPSC matches: all would turn hostless.
    """
    return FLOWCHARTS[batch.survey](batch, lspsc, footprint, resolve(route))


def resolve(route: RouteSettings) -> Rules:
    """Merge preset and overrides: a setting that is given beats the preset's value."""
    given = {name: getattr(route, name) for name in Rules._fields}
    chosen = {name: value for name, value in given.items() if value is not None}
    return PRESETS[route.preset]._replace(**chosen)


def rule_version(route: RouteSettings) -> str:
    """Return the preset's name and what overrides it, for the message header."""
    preset = PRESETS[route.preset]._asdict()
    changed = [
        f"{name}={str(value).lower()}"
        for name, value in resolve(route)._asdict().items()
        if value != preset[name]
    ]
    return ";".join((route.preset, *changed))


def _classify_ztf(
    batch: Batch, _lspsc: CatalogMatches | None, _footprint: Footprint | None, rules: Rules
) -> Classes:
    star, near_brightstar = _ztf_star(batch), _ztf_near_brightstar(batch)
    scores = [_float32(batch, f"sgscore{n}", -1.0) for n in ZTF_NEIGHBOURS]
    hosted = np.any([(s >= 0) & _is_galaxy(s, rules) for s in scores], axis=0)
    stellar = star | (near_brightstar & rules.near_bright_star_is_stellar)
    return Classes(
        np.where(stellar, "stellar", np.where(hosted, "hosted", "hostless")).astype(object),
        _flag(ztf_rock(batch)),
        _flag(star),
        _flag(near_brightstar),
    )


def _ztf_star(batch: Batch) -> Mask:
    score = _float32(batch, "sgscore1", 0.0)
    distance_arcsec = _float32(batch, "distpsnr1", np.inf)
    r, i, z = (_magnitude(batch, f"s{band}mag1") for band in "riz")
    is_red = (r - z > ZTF_RED_STAR_COLOUR_MAG) | (r - i > ZTF_RED_STAR_COLOUR_MAG)
    is_classified = (score > np.float32(ZTF_STAR_SCORE)) & (
        distance_arcsec <= ZTF_STAR_DISTANCE_ARCSEC
    )
    is_red_star = (
        (score > np.float32(ZTF_RED_STAR_SCORE))
        & (distance_arcsec <= ZTF_RED_STAR_DISTANCE_ARCSEC)
        & is_red
    )
    return np.asarray(is_classified | is_red_star, np.bool_)


def _ztf_near_brightstar(batch: Batch) -> Mask:
    found = (_float32(batch, "neargaiabright", np.inf) <= BRIGHT_DISTANCE_ARCSEC) & _is_brighter(
        batch, "maggaiabright", ZTF_BRIGHT_GAIA_MAG
    )
    for n in ZTF_NEIGHBOURS:
        found |= (
            (_float32(batch, f"sgscore{n}", 0.0) > np.float32(ZTF_BRIGHT_SCORE))
            & (_float32(batch, f"distpsnr{n}", np.inf) <= BRIGHT_DISTANCE_ARCSEC)
            & _is_brighter(batch, f"srmag{n}", ZTF_BRIGHT_MAG)
        )
    limit = np.nextafter(np.float32(ZTF_BRIGHT_UNCLASSIFIED_MAG), np.float32(0))  # 17 is outside
    is_bright = np.any([_is_brighter(batch, f"s{band}mag1", limit) for band in "gri"], axis=0)
    is_on_it = _float32(batch, "distpsnr1", np.inf) < ZTF_BRIGHT_UNCLASSIFIED_DISTANCE_ARCSEC
    is_unclassified = _float32(batch, "sgscore1", 0.0) == HALF
    return np.asarray(found | (is_unclassified & is_on_it & is_bright), np.bool_)


def _is_brighter(batch: Batch, name: str, limit_mag: float | np.floating) -> Mask:
    return np.asarray(_magnitude(batch, name) <= limit_mag, np.bool_)


def _magnitude(batch: Batch, name: str) -> Floats:
    """Return a magnitude, NaN where there is none; 0 is none either."""
    magnitude = _float32(batch, name, np.nan)
    return np.where(magnitude > 0, magnitude, np.float32(np.nan))


def _classify_lsst(
    batch: Batch, lspsc: CatalogMatches | None, footprint: Footprint | None, rules: Rules
) -> Classes:
    if lspsc is None:
        raise ValueError("LSST alerts need matches with LSPSC; load it: manage.py load_catalog")
    alert, separation_arcsec, score, mag_white = _lspsc_rows(lspsc, rules)

    def any_row(chosen: Mask) -> Mask:
        return np.bincount(alert[chosen], minlength=len(batch)) > 0

    has_row = any_row(np.ones(len(alert), np.bool_))
    is_known = has_row | _inside(footprint, batch)
    is_star_row = score > HALF
    star = any_row(is_star_row & (separation_arcsec <= LSST_STAR_DISTANCE_ARCSEC))
    near_brightstar = any_row(
        is_star_row
        & (separation_arcsec <= BRIGHT_DISTANCE_ARCSEC)
        & (mag_white > 0)
        & (mag_white <= LSST_BRIGHT_MAG)
    )
    hosted = any_row(_is_galaxy(score, rules))
    stellar = star | (near_brightstar & rules.near_bright_star_is_stellar)
    unmatched = np.where(is_known, "hostless", "unknown")
    return Classes(
        np.where(stellar, "stellar", np.where(hosted, "hosted", unmatched)).astype(object),
        _flag(lsst_rock(batch)),
        _flag(star, is_known),
        _flag(near_brightstar, is_known),
    )


def _lspsc_rows(
    lspsc: CatalogMatches, rules: Rules
) -> tuple[NDArray[np.int64], NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Return the rows that count: within 30″, with a score, and the nearest so many."""
    columns = lspsc.columns
    score = columns["score"].astype(np.float64)
    magnitude = columns["mag_white" if "mag_white" in columns else "magwhite"].astype(np.float64)
    keep = np.flatnonzero((lspsc.separation_arcsec <= LSST_SEARCH_ARCSEC) & (score >= 0))
    if rules.lspsc_max_matches is not None:
        alert = lspsc.alert[keep]
        rank = np.arange(len(keep)) - np.searchsorted(alert, alert)
        keep = keep[rank < rules.lspsc_max_matches]
    return lspsc.alert[keep], lspsc.separation_arcsec[keep], score[keep], magnitude[keep]


def _inside(footprint: Footprint | None, batch: Batch) -> Mask:
    if footprint is None:
        return np.zeros(len(batch), np.bool_)
    return footprint.contains(batch.ra_deg, batch.dec_deg)


def _is_galaxy(score: NDArray[np.floating], rules: Rules) -> Mask:
    return score <= HALF if rules.hosted_threshold_inclusive else score < HALF


def _float32(batch: Batch, name: str, missing: float) -> Floats:
    """Return a field as the packet has it, float32; null or negative is ``missing``.

    In float32 a score of 0.2 equals the threshold 0.2; widened, it would exceed it.
    """
    column = batch.candidate[name]
    has_value = column.valid & (column.values >= 0)
    return np.where(has_value, column.values, missing).astype(np.float32)


def _flag(values: Mask, valid: Mask | None = None) -> Column:
    return Column(values, np.ones(len(values), np.bool_) if valid is None else valid)


FLOWCHARTS: dict[
    str, Callable[[Batch, CatalogMatches | None, Footprint | None, Rules], Classes]
] = {"ztf": _classify_ztf, "lsst": _classify_lsst}
"""A survey's flowchart; every survey that is routed to classes has one."""
