"""What an expression may name: the columns of an alert row, read from the public schemas.

A field that joins a schema is a column from then on, with its meaning and unit from the same words
as the schema pages.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cache
from types import MappingProxyType
from typing import Any, Literal

from pipeline.alerts import field_docs
from pipeline.alerts.schemas import record_schema
from pipeline.topics import alert_classes, other_survey

Kind = Literal["number", "text", "true or false"]
NUMBER: Kind = "number"
TEXT: Kind = "text"
BOOLEAN: Kind = "true or false"

CANDIDATE, PROPERTIES = "candidate", "properties"
ALERT = "alert"
"""Parts of an alert row: its Avro records, and columns of the table itself."""
_KINDS: Mapping[str, Kind] = {
    "boolean": BOOLEAN, "string": TEXT, "enum": TEXT,
    "int": NUMBER, "long": NUMBER, "float": NUMBER, "double": NUMBER,
}  # fmt: skip
_INTEGERS = frozenset({"int", "long"})
_UNIT = re.compile(r"\s*\[([^\]]+)\]")
_FLUX = re.compile(r"Flux(Err)?$")
NJY = "nJy"
NOT_A_NUMBER = "NaN"
"""Where the words of a field have it, its value may be none."""


@dataclass(frozen=True)
class FilterColumn:
    """One column.

    Attributes
    ----------
    name : str
        As expressions write it.
    kind : str
        ``number``, ``text`` or ``true or false``.
    part : str
        Where it is stored: ``candidate``, ``properties`` or ``alert``.
    meaning, unit : str
        For people; an empty unit is none.
    symbols : tuple of str
        All values that a text may have; empty: any.
    is_integer, is_nullable : bool
        Integers compare exactly; what may be null needs a thought.
    is_flux : bool
        Stored in the survey's wire flux, given in nJy.
    """

    name: str
    kind: Kind
    part: str
    meaning: str
    unit: str = ""
    symbols: tuple[str, ...] = ()
    is_integer: bool = False
    is_nullable: bool = False
    is_flux: bool = False


@cache
def columns(survey: str) -> Mapping[str, FilterColumn]:
    """Return all columns of a survey's alerts by name, those of the table first."""
    found = {one.name: one for one in _of_table(survey)}
    for part in (CANDIDATE, PROPERTIES):
        for one in _of_record(survey, part):
            found.setdefault(one.name, one)
    return MappingProxyType(found)


def _of_table(survey: str) -> Iterator[FilterColumn]:
    other = other_survey(survey).upper()
    candid = FilterColumn("candid", NUMBER, ALERT, "identifier of this alert")
    yield replace(candid, is_integer=True)
    yield FilterColumn("objectId", TEXT, ALERT, "object that the alert belongs to")
    alert_class = FilterColumn("class", TEXT, ALERT, "what the catalogs say")
    yield replace(alert_class, symbols=alert_classes(survey))
    yield FilterColumn("survey_match", BOOLEAN, ALERT, f"its object has a counterpart in {other}")
    same = FilterColumn("score", NUMBER, ALERT, "the survey's own: 0 bogus, 1 real")
    yield replace(same, is_nullable=True)


def _of_record(survey: str, part: str) -> Iterator[FilterColumn]:
    meanings = {
        record.name: {field.name: field.meaning for field in record.fields}
        for record in field_docs.records(survey)
    }
    schema = record_schema(survey, part)
    named: dict[str, Any] = dict(schema.get("__named_schemas", {}))
    yield from _fields(part, schema, named, meanings, "", is_nullable=False)


def _fields(
    part: str,
    record: Mapping[str, Any],
    named: Mapping[str, Any],
    meanings: Mapping[str, Mapping[str, str]],
    path: str,
    *,
    is_nullable: bool,
) -> Iterator[FilterColumn]:
    told = meanings.get(record["name"].rpartition(".")[2], {})
    for field in record["fields"]:
        kind, may_be_null = _plain(field["type"], named)
        name = f"{path}{field['name']}"
        nullable = is_nullable or may_be_null
        if kind["type"] == "record":
            yield from _fields(part, kind, named, meanings, f"{name}.", is_nullable=nullable)
        else:
            yield _column(name, kind, part, told.get(field["name"], ""), is_nullable=nullable)


def _plain(kind: Any, named: Mapping[str, Any]) -> tuple[dict[str, Any], bool]:
    """Return a field's type without its null as a mapping, and whether it had one."""
    is_nullable = isinstance(kind, list)
    if is_nullable:
        (kind,) = (each for each in kind if each != "null")
    if isinstance(kind, str):
        kind = named.get(kind, {"type": kind})
    return kind, is_nullable


def _column(
    name: str, kind: Mapping[str, Any], part: str, meaning: str, *, is_nullable: bool
) -> FilterColumn:
    is_flux = part == CANDIDATE and _FLUX.search(name) is not None
    unit = _UNIT.search(meaning)
    return FilterColumn(
        name=name,
        kind=_KINDS[kind["type"]],
        part=part,
        is_integer=kind["type"] in _INTEGERS,
        is_nullable=is_nullable or NOT_A_NUMBER in meaning,
        symbols=tuple(kind.get("symbols", ())),
        unit=NJY if is_flux else unit[1] if unit else "",
        meaning=_UNIT.sub("", meaning, count=1),
        is_flux=is_flux,
    )
