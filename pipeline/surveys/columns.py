"""Decoded values to columns: one pass per kind of value, nulls and sentinels made null once."""

import json
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.alerts.batch import BANDS, Column
from pipeline.surveys.rows import Rows

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


def fields_of_candidate(output_schema: str) -> list[str]:
    """Return the names of a candidate record's fields."""
    return [name for names in fields_by_type(output_schema).values() for name in names]


def _type_name(schema: Any) -> str:
    if isinstance(schema, list):
        return _type_name(next(branch for branch in schema if branch != "null"))
    return str(schema["name"] if isinstance(schema, dict) else schema)


def texts(values: Sequence[Any], none: frozenset[str] = frozenset({""})) -> Column:
    """Return a column of str, None where null or one of the words ``none``."""
    found = np.empty(len(values), object)
    found[:] = [None if value is None or value in none else value for value in values]
    return Column(found, np.array([value is not None for value in found], bool))


def band_column(band: NDArray[np.int64]) -> Column:
    """Return a column of positions in BANDS, null where unknown."""
    return Column(np.maximum(band, 0), band >= 0)


def number_columns(
    rows: Rows, names: Sequence[str], sentinel: float | None = None
) -> dict[str, Column]:
    """Return a column of float64 for each name."""
    values = rows.numbers(names, sentinel)
    valid = ~np.isnan(values)
    return {name: Column(values[i], valid[i]) for i, name in enumerate(names)}


def integer_columns(rows: Rows, names: Sequence[str], none: int | None = None) -> dict[str, Column]:
    """Return a column of int64 for each name."""
    return {name: rows.integers(name, none) for name in names}


def flag_columns(rows: Rows, names: Sequence[str]) -> dict[str, Column]:
    """Return a column of bool for each name, False where null."""
    # One table for all flags: true 1, false 0, null NaN.
    values = rows.numbers(names)
    valid = ~np.isnan(values)
    return {name: Column(values[i] == 1, valid[i]) for i, name in enumerate(names)}


def bands(rows: Rows, name: str) -> NDArray[np.int64]:
    """Return the position in BANDS of each band's letter, −1 where it is none of them."""
    found = rows.coded(name, _BAND_NUMBER)
    return np.where(np.isnan(found), -1, found).astype(np.int64)


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
