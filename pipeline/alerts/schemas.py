"""The output schemas of ``pipeline/schemas`` and the records inside them."""

import json
from functools import cache
from pathlib import Path
from typing import Any

from fastavro.schema import parse_schema

FOLDER = Path(__file__).parent.parent / "schemas"
FLOATS = frozenset({"double", "float"})

SURVEYS = ("ztf", "lsst")
"""Surveys with public streams; also the keys of ``survey_matches``, in their order."""

Schema = dict[str, Any]

OUTPUT_TEXT = {
    survey: json.dumps(
        json.loads((FOLDER / f"babamul_{survey}.avsc").read_text()), separators=(",", ":")
    )
    for survey in SURVEYS
}
"""Compact JSON of each survey's message schema, as it stands in every message."""

OUTPUT_SCHEMAS: dict[str, Schema] = {
    survey: dict(parse_schema(json.loads(text))) for survey, text in OUTPUT_TEXT.items()
}
"""The same, parsed."""


@cache
def record_schema(survey: str, field: str) -> Schema:
    """Return the schema of a record-typed field of the message: ``candidate``, ``properties``.

    Both define every type that they use, so that stored bytes of them can be read alone.
    """
    types = {part["name"]: part["type"] for part in json.loads(OUTPUT_TEXT[survey])["fields"]}
    return dict(parse_schema(types[field]))


def required_floats(survey: str) -> tuple[str, ...]:
    """Return the names of the candidate's floating-point fields that cannot be null."""
    fields = record_schema(survey, "candidate")["fields"]
    return tuple(
        field["name"]
        for field in fields
        if isinstance(field["type"], str) and field["type"] in FLOATS
    )
