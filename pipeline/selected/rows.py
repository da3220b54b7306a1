"""One packet as the values of its row."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from broker.avro import UnreadableError
from pipeline.angles import FULL_CIRCLE_DEG, POLE_DEG
from pipeline.numbers import integer, shortest_single, usable
from pipeline.selected.columns import Record, at, extra_values
from pipeline.times import FIRST_JD_UTC, LAST_JD_UTC, MJD_EPOCH_JD


class Statistics(NamedTuple):
    """Of the extendedness of a source and those before it; None where none has any."""

    median: float | None
    min: float | None
    max: float | None


def row_values(record: Record) -> dict[str, Any]:
    """Return the columns of ``selected_alerts`` that the packet itself gives.

    Parameters
    ----------
    record : mapping
        A packet, with today's names.

    Raises
    ------
    UnreadableError
        If id, position or time are unusable: ``bad_value``, naming the field.
    """
    source = record["diaSource"]
    dia_source_id = _id(source, "diaSourceId")
    statistics = extendedness(record)
    return {
        "alert_id": _first_id(record) or dia_source_id,
        "dia_source_id": dia_source_id,
        "dia_object_id": _integer(source.get("diaObjectId")),
        "ra_deg": _within(source, "ra", 0, FULL_CIRCLE_DEG),
        "dec_deg": _within(source, "dec", -POLE_DEG, POLE_DEG),
        "mjd_tai": _within(
            source, "midpointMjdTai", FIRST_JD_UTC - MJD_EPOCH_JD, LAST_JD_UTC - MJD_EPOCH_JD
        ),
        "filter_name": _text(source.get("band")),
        "ps_flux_njy": shortest_single(usable(source.get("psfFlux"))),
        "ps_flux_err_njy": shortest_single(usable(source.get("psfFluxErr"))),
        "extendedness_median": statistics.median,
        "extendedness_min": statistics.min,
        "extendedness_max": statistics.max,
        "extra": extra_values(record),
    }


def extendedness(record: Record) -> Statistics:
    """Return median, least and greatest extendedness of the source and its history, 0 to 1."""
    sources = (record["diaSource"], *(record.get("prvDiaSources") or ()))
    given = (usable(source.get("extendedness")) for source in sources)
    values = [value for value in given if value is not None]
    if not values:
        return Statistics(None, None, None)
    return Statistics(float(np.median(values)), min(values), max(values))


def _first_id(record: Record) -> int | None:
    """Return the alert's own id: ``alertId`` up to schema 7.4, then that of its source."""
    return _integer(record.get("alertId")) or _integer(at(record, "diaSourceId"))


def _id(source: Mapping[str, Any], name: str) -> int:
    value = _integer(source.get(name))
    if value is None or value <= 0:
        raise UnreadableError("bad_value", f"{name} is unusable: {source.get(name)!r}")
    return value


def _within(source: Mapping[str, Any], name: str, low: float, high: float) -> float:
    value = usable(source.get(name))
    if value is None or not low <= value <= high:
        raise UnreadableError("bad_value", f"{name} is unusable: {source.get(name)!r}")
    return value


def _integer(value: Any) -> int | None:
    number = integer(value)
    return number if number is not None and number >= 0 else None


def _text(value: Any) -> str | None:
    return value.replace("\x00", "") if isinstance(value, str) else None
