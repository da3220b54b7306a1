"""ANTARES filter: LSST loci by how extended their sources look, of the solar system or not.

This file needs the ANTARES DevKit and Python's standard library, nothing else: upload it as it is.
Of all LSST alerts of a locus that have an extendedness (0 point-like, 1 extended) it takes median,
minimum and maximum, and asks whether the newest alert is associated with an object of the solar
system. The five constants below decide.
"""

import math
import statistics
from typing import Any, ClassVar, NamedTuple

from antares_devkit.models import BaseFilter

EXTENDEDNESS_MEDIAN_MIN = 0.0
EXTENDEDNESS_MEDIAN_MAX = 1.0
EXTENDEDNESS_MIN_THRESHOLD = 0.0
EXTENDEDNESS_MAX_THRESHOLD = 1.0
REQUIRE_SSSOURCE = True
"""True: only with an association; False: only without; None: both."""

TAG = "lsst_extendedness"
EXTENDEDNESS_NAMES = ("lsst_diaSource_extendedness", "extendedness")
SSOBJECT_NAMES = ("lsst_diaSource_ssObjectId", "ssObjectId", "ssObject")
SSOBJECT_RECORDS = ("ssSource", "ssObject")
SSOBJECT_TAGS = frozenset({"solar_system", "sso", "asteroid", "comet"})
NO_OBJECT = (None, 0, "0", "")
"""Rubin writes 0 where there is no object."""


class Rule(NamedTuple):
    """Thresholds, bounds included, and whether an association is required."""

    median_min: float
    median_max: float
    min_threshold: float
    max_threshold: float
    require_sssource: bool | None


class Statistics(NamedTuple):
    """Of the extendedness of a locus's alerts."""

    median: float
    minimum: float
    maximum: float


def extendedness_filter(locus: Any) -> bool:
    """Return whether the constants above select a locus."""
    rule = Rule(
        EXTENDEDNESS_MEDIAN_MIN,
        EXTENDEDNESS_MEDIAN_MAX,
        EXTENDEDNESS_MIN_THRESHOLD,
        EXTENDEDNESS_MAX_THRESHOLD,
        REQUIRE_SSSOURCE,
    )
    return is_selected(extendedness_statistics(locus), rule, has_sssource=has_sssource(locus))


def is_selected(found: Statistics | None, rule: Rule, *, has_sssource: bool) -> bool:
    """Return whether a rule selects what was found; None: no alert has an extendedness."""
    return (
        found is not None
        and rule.median_min <= found.median <= rule.median_max
        and found.minimum >= rule.min_threshold
        and found.maximum <= rule.max_threshold
        and rule.require_sssource in (None, has_sssource)
    )


def extendedness_statistics(locus: Any) -> Statistics | None:
    """Return the statistics over all alerts of a locus, or None where none has an extendedness."""
    values = [
        value
        for alert in locus.alerts
        if (value := _number(_first(alert.properties, EXTENDEDNESS_NAMES))) is not None
    ]
    if not values:
        return None
    return Statistics(float(statistics.median(values)), min(values), max(values))


def has_sssource(locus: Any) -> bool:
    """Return whether anything associates the newest alert with an object of the solar system."""
    alert = locus.alert
    ids = [alert.properties.get(name) for name in SSOBJECT_NAMES]
    packet = getattr(alert, "packet", None) or {}
    return (
        any(value not in NO_OBJECT and value == value for value in ids)  # noqa: PLR0124 not NaN
        or any(packet.get(name) is not None for name in SSOBJECT_RECORDS)
        or not SSOBJECT_TAGS.isdisjoint(locus.tags)
    )


def _first(properties: dict[str, Any], names: tuple[str, ...]) -> Any:
    return next((properties[name] for name in names if name in properties), None)


def _number(value: Any) -> float | None:
    """Return a plain float, which properties must be; None for what is no finite number."""
    try:
        number = float(value)
    except (TypeError, ValueError):
        return None
    return number if math.isfinite(number) else None


class ExtendednessSssourceFilter(BaseFilter):
    """Tags what the thresholds select; they may be set on an instance, too."""

    TRIGGERING_SURVEY = "lsst"
    REQUIRED_LOCUS_PROPERTIES: ClassVar[list[str]] = []
    REQUIRED_TAGS: ClassVar[list[str]] = []
    REQUIRED_ALERT_PROPERTIES: ClassVar[list[str]] = []  # an earlier alert may have what it lacks
    OUTPUT_LOCUS_TAGS: ClassVar[list[dict[str, str]]] = [
        {
            "name": TAG,
            "description": "its LSST sources are as extended as wanted, of the solar system or not",
        }
    ]
    OUTPUT_LOCUS_PROPERTIES: ClassVar[list[dict[str, Any]]] = [
        {
            "name": f"{TAG}_median",
            "description": "median extendedness of its LSST alerts, 0 point-like to 1 extended",
            "type": float,
        },
        {"name": f"{TAG}_min", "description": "the least extended of them", "type": float},
        {"name": f"{TAG}_max", "description": "the most extended of them", "type": float},
    ]

    EXTENDEDNESS_MEDIAN_MIN = EXTENDEDNESS_MEDIAN_MIN
    EXTENDEDNESS_MEDIAN_MAX = EXTENDEDNESS_MEDIAN_MAX
    EXTENDEDNESS_MIN_THRESHOLD = EXTENDEDNESS_MIN_THRESHOLD
    EXTENDEDNESS_MAX_THRESHOLD = EXTENDEDNESS_MAX_THRESHOLD
    REQUIRE_SSSOURCE = REQUIRE_SSSOURCE

    def _run(self, locus: Any) -> None:
        found = extendedness_statistics(locus)
        rule = Rule(
            self.EXTENDEDNESS_MEDIAN_MIN,
            self.EXTENDEDNESS_MEDIAN_MAX,
            self.EXTENDEDNESS_MIN_THRESHOLD,
            self.EXTENDEDNESS_MAX_THRESHOLD,
            self.REQUIRE_SSSOURCE,
        )
        if found is None or not is_selected(found, rule, has_sssource=has_sssource(locus)):
            return
        locus.set_property(f"{TAG}_median", found.median)
        locus.set_property(f"{TAG}_min", found.minimum)
        locus.set_property(f"{TAG}_max", found.maximum)
        locus.tag(TAG)


filter_name = "extendedness_sssource_filter"
filter_version = "1"
filter_description = "LSST loci by how extended their sources look, of the solar system or not."
tags = [TAG]
run = extendedness_filter
