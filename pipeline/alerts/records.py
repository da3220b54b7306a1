"""Stored Avro bytes and packed points as the plain values that JSON shows."""

import io
import math
from collections.abc import Mapping
from typing import Any

import numpy as np
from fastavro import schemaless_reader
from numpy.typing import NDArray

from pipeline.alerts.batch import BANDS
from pipeline.alerts.schemas import record_schema

DETECTION, LIMIT, FORCED = range(3)
"""Values of ``light_curves.series``."""
KEYS = ("prv_candidates", "prv_nondetections", "fp_hists")
"""What messages and answers call the series, in their order."""

Row = dict[str, Any]


def candidate(survey: str, packed: bytes) -> Row:
    """Return an alert's candidate record: every key, null for what is not finite."""
    return plain(_read(survey, "candidate", packed))


def properties(survey: str, packed: bytes) -> Row:
    """Return an alert's properties record: every key, null for what is not finite."""
    return plain(_read(survey, "properties", packed))


def plain(record: Mapping[str, Any]) -> Row:
    """Return a record in which NaN and infinity are None, at any depth of records."""
    return {
        name: plain(value)
        if type(value) is dict
        else None
        if type(value) is float and not math.isfinite(value)
        else value
        for name, value in record.items()
    }


def points(series: int, rows: NDArray[Any]) -> list[Row]:
    """Return packed points as the message's records; fluxes in the survey's wire unit."""
    bands = [BANDS[code // 2] for code in rows["band"].tolist()]
    columns: dict[str, list[Any]] = {"jd": rows["jd_utc"].tolist()}
    if series != LIMIT:
        columns["psfFlux"] = _fluxes(series, rows)
    columns |= {"psfFluxErr": rows["flux_err"].tolist(), "band": bands}
    if series == DETECTION:
        columns |= {"ra": rows["ra_deg"].tolist(), "dec": rows["dec_deg"].tolist()}
    return [
        dict(zip(columns, values, strict=True)) for values in zip(*columns.values(), strict=True)
    ]


def _fluxes(series: int, rows: NDArray[Any]) -> list[float | None]:
    fluxes = rows["flux"]
    given = np.isfinite(fluxes)
    if series == FORCED:
        given &= rows["has_flux"] != 0
    return [
        value if ok else None for value, ok in zip(fluxes.tolist(), given.tolist(), strict=True)
    ]


def _read(survey: str, record: str, packed: bytes) -> Row:
    found: Row = schemaless_reader(io.BytesIO(packed), record_schema(survey, record), None)
    return found
