"""The columns of a night's table: sixteen that never change, and more by declaration.

Another column is one record in ``EXTRA``, and its name in ``broker.sections.output``. Every one of
them is kept with each row, in ``selected_alerts.extra``; the setting ``output.extra_columns`` says
which are written behind the sixteen, from the next file on.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from typing import Any, Literal

from broker.registry import by_name
from pipeline.numbers import integer, shortest_single, usable

Kind = Literal["integer", "double", "single", "text", "boolean", "time"]
Record = Mapping[str, Any]


@dataclass(frozen=True)
class Column:
    """One of the sixteen.

    Attributes
    ----------
    name : str
        In the head of the table.
    attribute : str
        Column of ``selected_alerts``.
    kind : str
        What it holds; ``single`` has no more digits than a 32-bit float.
    """

    name: str
    attribute: str
    kind: Kind


BASE = (
    Column("alertId", "alert_id", "integer"),
    Column("diaSourceId", "dia_source_id", "integer"),
    Column("diaObjectId", "dia_object_id", "integer"),
    Column("ra", "ra_deg", "double"),
    Column("dec", "dec_deg", "double"),
    Column("mjd", "mjd_tai", "double"),
    Column("filterName", "filter_name", "text"),
    Column("psFlux", "ps_flux_njy", "single"),
    Column("psFluxErr", "ps_flux_err_njy", "single"),
    Column("extendednessMedian", "extendedness_median", "single"),
    Column("extendednessMin", "extendedness_min", "single"),
    Column("extendednessMax", "extendedness_max", "single"),
    Column("science_cutout_path", "science_path", "text"),
    Column("template_cutout_path", "template_path", "text"),
    Column("difference_cutout_path", "difference_path", "text"),
    Column("timestamp", "processed_at", "time"),
)


@dataclass(frozen=True)
class Extra:
    """A further column.

    Attributes
    ----------
    name : str
        In the head of the table.
    unit : str
        For people; empty for counts, ids and ratios.
    source : str or callable
        Where the value stands in the packet, with dots, or a pure function of the packet's record.
    kind : str
        As of ``Column``.
    """

    name: str
    unit: str
    source: str | Callable[[Record], Any]
    kind: Kind


def _has_ss_source(record: Record) -> bool:
    return record.get("ssSource") is not None or record.get("ssObject") is not None


def _designation(record: Record) -> Any:
    return at(record, "mpc_orbits.designation") or at(record, "ssSource.designation")


EXTRA = (
    Extra("snr", "", "diaSource.snr", "single"),
    Extra("chi", "", "diaSource.psfChi2", "single"),
    Extra("prv_candidates", "", lambda record: len(record.get("prvDiaSources") or ()), "integer"),
    Extra("reliability", "", "diaSource.reliability", "single"),
    Extra("ssObjectId", "", "diaSource.ssObjectId", "integer"),
    Extra("designation", "", _designation, "text"),
    Extra("hasSSSource", "", _has_ss_source, "boolean"),
    Extra("timeWithdrawnMjdTai", "d", "diaSource.timeWithdrawnMjdTai", "double"),
    Extra("antaresLocusId", "", "antares.locus_id", "text"),
    Extra("antaresAlertId", "", "antares.alert_id", "text"),
)


def extra(name: str) -> Extra:
    """Return a further column; KeyError names those that there are."""
    return by_name("column", name, EXTRA)


def at(record: Record, path: str) -> Any:
    """Return the value at a path with dots; None where a step of it is missing."""
    return reduce(_step, path.split("."), record)


def extra_values(record: Record) -> dict[str, Any]:
    """Return every further column of a packet, as JSON can hold it."""
    return {column.name: _json_value(column, record) for column in EXTRA}


def names(extra_names: Sequence[str]) -> list[str]:
    """Return the head of a table with these further columns."""
    return [*(column.name for column in BASE), *extra_names]


def _step(value: Any, name: str) -> Any:
    return value.get(name) if isinstance(value, Mapping) else None


def _json_value(column: Extra, record: Record) -> Any:
    source = column.source
    value = at(record, source) if isinstance(source, str) else source(record)
    match column.kind:
        case "single":
            return shortest_single(usable(value))
        case "double":
            return usable(value)
        case "text":
            return None if value is None else str(value).replace("\x00", "")  # JSONB has none
        case "boolean":
            return value if isinstance(value, bool) else None
        case _:
            return integer(value)
