"""The public messages field by field: type, whether null may stand there, meaning."""

import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any

from pipeline.alerts.schemas import FOLDER, OUTPUT_SCHEMAS
from pipeline.surveys.lsst import package_schema

FIELDS_FILE = "fields.toml"
LSST_SCHEMA_ID = 1000
"""Version 10.0, whose diaSource has every field that we hand on."""
SINCE = "1.0"
"""Schema version in which every field of today appeared."""

_SECTIONS: dict[str, dict[str, tuple[str, ...]]] = {
    "ztf": {"message": ("message",), "candidate": ("derived", "ztf")},
    "lsst": {"message": ("message",), "candidate": ("derived",)},
}
_OTHERS = ("properties", "point")
"""Where fields of any other record are looked for, in this order."""


@dataclass(frozen=True)
class Field:
    """One field as a page shows it."""

    name: str
    type: str
    is_nullable: bool
    meaning: str


@dataclass(frozen=True)
class Record:
    """One record of a message: its name, where it stands, its fields."""

    name: str
    stands_in: tuple[str, ...]
    fields: tuple[Field, ...]


@cache
def records(survey: str) -> tuple[Record, ...]:
    """Return every record of a survey's message, the message itself first."""
    places: dict[str, list[str]] = {}
    found: dict[str, dict[str, Any]] = {}
    for place, record in _walk(OUTPUT_SCHEMAS[survey], "message"):
        places.setdefault(record["name"], []).append(place)
        found.setdefault(record["name"], record)
    return tuple(
        Record(_short(name), tuple(places[name]), _fields(survey, places[name][0], record))
        for name, record in found.items()
    )


def _walk(schema: Any, place: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield every record that is defined in a schema, with the path of the field it stands in."""
    if isinstance(schema, list):
        for each in schema:
            yield from _walk(each, place)
    elif isinstance(schema, dict) and schema["type"] == "array":
        yield from _walk(schema["items"], place)
    elif isinstance(schema, dict) and schema["type"] == "record":
        yield place, schema
        for field in schema["fields"]:
            yield from _walk(field["type"], field["name"])


def _fields(survey: str, place: str, record: dict[str, Any]) -> tuple[Field, ...]:
    sections = _SECTIONS[survey].get(place, _OTHERS)
    return tuple(
        Field(
            field["name"],
            _told(field["type"]),
            isinstance(field["type"], list) and "null" in field["type"],
            _meaning(survey, field["name"], sections),
        )
        for field in record["fields"]
    )


def _told(kind: Any) -> str:
    """Return an Avro type in words."""
    if isinstance(kind, list):
        return " or ".join(_told(each) for each in kind if each != "null")
    if isinstance(kind, dict):
        if kind["type"] == "array":
            return f"list of {_told(kind['items'])}"
        if kind["type"] == "enum":
            return f"one of {' '.join(kind['symbols'])}"
        return _short(kind["name"]) if kind["type"] == "record" else str(kind["type"])
    return _short(str(kind))


def _short(name: str) -> str:
    return name.rpartition(".")[2]


def _meaning(survey: str, field: str, sections: tuple[str, ...]) -> str:
    for section in sections:
        if words := _words()[section].get(field):
            return words
    if survey == "lsst" and field in _rubins_words():
        return _rubins_words()[field]
    if field in _BANDS:
        return f"in band {field}; null without points"
    return _SURVEY_KEYS.get(field, "")


_BANDS = frozenset("ugrizyjhk")
_SURVEY_KEYS = {
    "ztf": "the object in ZTF, with its light curve; null without a match",
    "lsst": "the object in LSST, with its light curve; null without a match",
}


@cache
def _words() -> dict[str, dict[str, str]]:
    return tomllib.loads((FOLDER / FIELDS_FILE).read_text())


@cache
def _rubins_words() -> dict[str, str]:
    """Return what Rubin's own schema says of a source's fields; empty without the package."""
    schema = package_schema(LSST_SCHEMA_ID)
    if schema is None:
        return {}
    for field in schema["fields"]:
        if field["name"] == "diaSource":
            rows: list[dict[str, str]] = field["type"]["fields"]
            return {row["name"]: row.get("doc", "") for row in rows}
    return {}
