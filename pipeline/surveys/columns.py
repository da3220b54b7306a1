"""Decoded records to columns: one pass per kind of value, nulls and sentinels made null once."""

import json
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.alerts.batch import BANDS, Column

Record = Mapping[str, Any]

SCHEMAS = Path(__file__).resolve().parent.parent / "schemas"

_INT32 = np.iinfo(np.int32)
_FLOAT32_MAX = float(np.finfo(np.float32).max)
_BAND_NUMBER = {band: number for number, band in enumerate(BANDS)}


@cache
def fields_by_type(output_schema: str) -> dict[str, tuple[str, ...]]:
    """Return the names of a candidate record's fields by Avro type.

    Parameters
    ----------
    output_schema : str
        File in ``pipeline/schemas``; its field ``candidate`` is looked at.

    Returns
    -------
    dict of str to tuple of str
        Keys ``double float long int boolean string`` and ``Band``; a nullable field stands under
        the type beside null.
    """
    schema = json.loads((SCHEMAS / output_schema).read_text())
    candidate = next(f for f in schema["fields"] if f["name"] == "candidate")["type"]
    found: dict[str, tuple[str, ...]] = {}
    for field in candidate["fields"]:
        kind = _type_name(field["type"])
        found[kind] = (*found.get(kind, ()), field["name"])
    return found


def _type_name(schema: Any) -> str:
    if isinstance(schema, list):
        return _type_name(next(branch for branch in schema if branch != "null"))
    return str(schema["name"] if isinstance(schema, dict) else schema)


def numbers(values: Iterable[Any], sentinel: float | None = None) -> NDArray[np.float64]:
    """Return values as float64, NaN for null, the sentinel, NaN and the infinities."""
    found = np.array(list(values), np.float64)
    is_none = ~np.isfinite(found)
    if sentinel is not None:
        is_none |= found == sentinel
    found[is_none] = np.nan
    return found


def table(
    rows: Iterable[Record], names: Sequence[str], sentinel: float | None = None
) -> NDArray[np.float64]:
    """Return one float64 column per name, contiguous; NaN as in ``numbers``, or no such field."""
    values = numbers((list(map(row.get, names)) for row in rows), sentinel)
    return np.ascontiguousarray(values.reshape(-1, len(names)).T)


def number_columns(
    rows: Sequence[Record], names: Sequence[str], sentinel: float | None = None
) -> dict[str, Column]:
    """Return a column of float64 for each name."""
    values = table(rows, names, sentinel)
    valid = ~np.isnan(values)
    return {name: Column(values[i], valid[i]) for i, name in enumerate(names)}


def integers(values: Sequence[Any], none: int | None = None) -> Column:
    """Return a column of int64, exact above 2⁵³; ``none`` is a value that means null."""
    valid = np.array([value is not None for value in values], bool)
    found = np.array([0 if value is None else value for value in values], np.int64)
    if none is not None:
        valid &= found != none
    return Column(np.where(valid, found, 0), valid)


def integer_columns(
    rows: Sequence[Record], names: Sequence[str], none: int | None = None
) -> dict[str, Column]:
    """Return a column of int64 for each name."""
    return {name: integers([row.get(name) for row in rows], none) for name in names}


def flag_columns(rows: Sequence[Record], names: Sequence[str]) -> dict[str, Column]:
    """Return a column of bool for each name, False where null."""
    # One table for all flags: true 1, false 0, null NaN.
    values = table(rows, names)
    valid = ~np.isnan(values)
    return {name: Column(values[i] == 1, valid[i]) for i, name in enumerate(names)}


def texts(values: Sequence[Any], none: frozenset[str] = frozenset({""})) -> Column:
    """Return a column of str, None where null or one of the words ``none``."""
    found = np.empty(len(values), object)
    found[:] = [None if value is None or value in none else value for value in values]
    return Column(found, np.array([value is not None for value in found], bool))


def bands(values: Iterable[Any]) -> NDArray[np.int64]:
    """Return the position in BANDS of each band's letter, −1 where it is none of them."""
    return np.array([_BAND_NUMBER.get(value, -1) for value in values], np.int64)


def band_column(band: NDArray[np.int64]) -> Column:
    """Return a column of positions in BANDS, null where unknown."""
    return Column(np.maximum(band, 0), band >= 0)


def derived(values: NDArray[np.float64]) -> Column:
    """Return a computed column; what does not fit the output's float32 is null."""
    with np.errstate(invalid="ignore"):
        valid = np.abs(values) <= _FLOAT32_MAX
    return Column(np.where(valid, values, np.nan), valid)


def refuse_beyond_int32(
    columns: Mapping[str, Column], names: Iterable[str], problems: NDArray[np.object_]
) -> None:
    """Enter into ``problems``, unless there is one already, what no Avro int may hold."""
    for name in names:
        values = columns[name].values
        for i in np.flatnonzero((values < _INT32.min) | (values > _INT32.max)):
            problems[i] = problems[i] or f"{name} is no 32-bit integer: {values[i]}"
