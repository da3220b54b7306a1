"""Rows of alerts to the columns that expressions read: live and on a past night the same bytes."""

import io
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from fastavro import schemaless_reader
from numpy.typing import NDArray

from broker import avro_table
from broker.avro_program import Program, compile_schema
from broker.avro_table import Cells
from pipeline import photometry
from pipeline.alerts.schemas import record_schema
from pipeline.user_filters.columns import ALERT, CANDIDATE, PROPERTIES, FilterColumn, columns
from pipeline.user_filters.evaluate import Table, Values

KNOWN_PROGRAMS = 64


@dataclass(frozen=True)
class Rows:
    """What is stored of some alerts of one survey, all of them public ones that passed their gate.

    Attributes
    ----------
    candid : int64[n]
        Of ``alerts``.
    object_id : sequence of str
        Names.
    alert_class : sequence of str
        As in the topic's name.
    has_match : bool[n]
        A counterpart in the other survey.
    score : float64[n]
        NaN where there is none.
    candidate, properties : sequence of bytes
        As stored.
    """

    survey: str
    candid: NDArray[np.int64]
    object_id: Sequence[str | None]
    alert_class: Sequence[str | None]
    has_match: NDArray[np.bool_]
    score: NDArray[np.float64]
    candidate: Sequence[bytes]
    properties: Sequence[bytes]

    def __len__(self) -> int:
        return len(self.candid)


class StoredBytesError(ValueError):
    """Stored records that their schema does not read."""


def table(rows: Rows, wanted: Collection[str]) -> Table:
    """Return the columns that are wanted of some alerts.

    Raises
    ------
    KeyError
        For a column that does not exist.
    StoredBytesError
        If a record cannot be read.
    """
    known = columns(rows.survey)
    chosen = [known[name] for name in wanted]
    found = {one.name: _of_table(rows, one.name) for one in chosen if one.part == ALERT}
    for part, records in ((CANDIDATE, rows.candidate), (PROPERTIES, rows.properties)):
        of_part = tuple(one for one in chosen if one.part == part)
        if of_part:
            found |= _of_records(rows.survey, part, records, of_part)
    return Table(rows.survey, len(rows), found)


def _of_table(rows: Rows, name: str) -> Values:
    if name == "candid":
        return Values(rows.candid, None)
    if name == "survey_match":
        return Values(rows.has_match, None)
    if name == "score":
        return _numbers(rows.score, np.ones(len(rows), bool))
    texts = {"objectId": rows.object_id, "class": rows.alert_class}
    return _texts(texts[name])


def _of_records(
    survey: str, part: str, records: Sequence[bytes], wanted: tuple[FilterColumn, ...]
) -> dict[str, Values]:
    if not avro_table.kernel.works():
        return _plainly(survey, part, records, wanted)
    decoded = avro_table.decode(
        _program(survey, part, frozenset(one.name for one in wanted)), records
    )
    if decoded.refused:
        raise StoredBytesError(f"{part} of {len(decoded.refused)} alerts of {survey}")
    found = {}
    for one in wanted:
        cells = decoded.table.column(one.name)
        if cells is None:
            raise KeyError(one.name)
        found[one.name] = _of_cells(survey, one, cells)
    return found


@lru_cache(KNOWN_PROGRAMS)
def _program(survey: str, part: str, wanted: frozenset[str]) -> Program:
    return compile_schema(record_schema(survey, part), wanted)


def _of_cells(survey: str, one: FilterColumn, cells: Cells) -> Values:
    if one.kind == "text":
        return _texts(cells.texts())
    if one.kind == "number" and not one.is_integer:
        floats = cells.floats
        return _numbers(_in_unit(survey, one, floats), cells.is_there)
    bits = cells.bits if one.is_integer else cells.bits != 0
    return Values(bits, None if cells.is_there.all() else cells.is_there)


def _numbers(values: NDArray[np.float64], valid: NDArray[np.bool_]) -> Values:
    """Return floating-point numbers; what is not finite is null."""
    given = valid & np.isfinite(values)
    return Values(values, None if given.all() else given)


def _texts(values: Sequence[str | None]) -> Values:
    array = np.array(values, object)
    valid = np.array([value is not None for value in values], bool)
    return Values(array, None if valid.all() else valid)


def _in_unit(survey: str, one: FilterColumn, values: NDArray[np.float64]) -> NDArray[np.float64]:
    return photometry.njy(values, survey) if one.is_flux else values


def _plainly(
    survey: str, part: str, records: Sequence[bytes], wanted: tuple[FilterColumn, ...]
) -> dict[str, Values]:
    """Read the records one by one, where the compiled loops are not."""
    schema = record_schema(survey, part)
    try:
        read: list[Any] = [schemaless_reader(io.BytesIO(each), schema, None) for each in records]
    except (EOFError, LookupError, ValueError) as error:
        raise StoredBytesError(f"{part} of an alert of {survey}: {error!r}") from error
    return {
        one.name: _of_values(survey, one, [_at(row, one.name) for row in read]) for one in wanted
    }


def _of_values(survey: str, one: FilterColumn, values: list[Any]) -> Values:
    if one.kind == "text":
        return _texts(values)
    valid = np.array([value is not None for value in values], bool)
    if one.kind == "number" and not one.is_integer:
        floats = np.array([np.nan if value is None else value for value in values], np.float64)
        return _numbers(_in_unit(survey, one, floats), valid)
    kind: Any = np.int64 if one.is_integer else np.bool_
    filled: NDArray[Any] = np.array([0 if value is None else value for value in values], kind)
    return Values(filled, None if valid.all() else valid)


def _at(row: Mapping[str, Any] | None, path: str) -> Any:
    """Return the value at a path; None where a record on the way is."""
    found: Any = row
    for name in path.split("."):
        if found is None:
            return None
        found = found[name]
    return found
