"""The message's ``properties`` record: flags, light-curve features, solar-system association."""

from collections.abc import Iterator
from typing import Any

import numpy as np

from pipeline.alerts.batch import Batch, Column
from pipeline.alerts.classify import Classes
from pipeline.alerts.photstats import PhotStats
from pipeline.alerts.schemas import record_schema
from pipeline.alerts.wire import GIVEN, Fixed, Part, Stats, flat_fields, text

SSO_SOURCE = "ipac"
"""Who associated a ZTF alert with a solar-system object."""

STATS = ("photstats", "multisurvey_photstats")
"""Fields with features: of the own light curve, and of it with the matched object's."""

_NO_TEXTS = frozenset({"", "null"})


def property_parts(survey: str) -> tuple[Part, ...]:
    """Return what the properties of a survey are made of, in the order of its schema."""
    return tuple(
        part for field in record_schema(survey, "properties")["fields"] for part in _parts(field)
    )


def property_columns(batch: Batch, classes: Classes, own_stats: PhotStats) -> dict[str, Column]:
    """Return the columns of the properties, and of the association inside."""
    always = np.ones(len(batch), np.bool_)
    flags = {
        "rock": classes.rock,
        "star": classes.star,
        "near_brightstar": classes.near_brightstar,
        "stationary": Column(own_stats.stationary, always),
    }
    return flags | (_sso_columns(batch) if "ssnamenr" in batch.candidate else {})


def _parts(field: dict[str, Any]) -> Iterator[Part]:
    kind = field["type"]
    if field["name"] in STATS:
        if isinstance(kind, list):
            yield Fixed(GIVEN)
        yield Stats(STATS.index(field["name"]))
    elif field["name"] == "sso":
        yield Fixed(GIVEN)
        for part in flat_fields(kind[1]):
            yield Fixed(GIVEN + text(SSO_SOURCE)) if part.name == "source" else part
    else:
        yield from flat_fields({"fields": [field]})


def _sso_columns(batch: Batch) -> dict[str, Column]:
    """Return the columns of ZtfSsoAssociation; the distance is not cut, unlike for ``rock``."""
    name = batch.candidate["ssnamenr"]
    is_sso = name.valid.copy()
    given = np.flatnonzero(is_sso)
    is_sso[given] = [value not in _NO_TEXTS for value in name.values[given].tolist()]
    always = np.ones(len(batch), np.bool_)
    return {
        "is_sso": Column(is_sso, always),
        "designation": Column(name.values, is_sso),
        "separation_arcsec": _not_negative(batch.candidate["ssdistnr"]),
        "predicted_mag": _not_negative(batch.candidate["ssmagnr"]),
    }


def _not_negative(column: Column) -> Column:
    return Column(column.values, column.valid & (column.values >= 0))
