"""JSON from others as far as it can be used and stored; what cannot is None, no error."""

import json
import math
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")
"""Neither Postgres nor UTF-8 can hold them."""


def parse(raw: bytes) -> Any:
    """Return the value of a JSON text; NaN and Infinity are null, also where written as 1e999.

    Raises
    ------
    ValueError
        If it is none.
    RecursionError
        If it is nested too deeply.
    """
    return _storable(json.loads(raw, parse_constant=lambda _: None, parse_float=_finite))


def canonical(document: Mapping[str, Any]) -> bytes:
    """Return a document as JSON in one form, whatever the order of its keys was."""
    return json.dumps(document, sort_keys=True, separators=(",", ":")).encode()


def as_sent(value: Any) -> Any:
    """Return a value that JSONB gave back with its large numbers as floats, which they were.

    1e22 comes back as an integer of 23 digits, and few readers take one beyond 64 bits.
    """
    if isinstance(value, int) and not -(2**63) <= value < 2**64:
        found = number(value)
        return value if found is None else found
    if isinstance(value, list):
        return [as_sent(each) for each in value]
    if isinstance(value, dict):
        return {name: as_sent(each) for name, each in value.items()}
    return value


def time(value: Any) -> datetime | None:
    """Return an ISO time in UTC, which is also meant where no zone is written."""
    if not isinstance(value, str):
        return None
    try:
        moment = datetime.fromisoformat(value)
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def number(value: Any) -> float | None:
    """Return a finite number."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        found = float(value)
    except OverflowError:
        return None
    return found if math.isfinite(found) else None


def _finite(digits: str) -> float | None:
    """Return a number; none for one beyond the largest, as 1e999 is Infinity by another name."""
    return number(float(digits))


def _storable(value: Any) -> Any:
    """Return a JSON value with the characters replaced that no database takes."""
    if isinstance(value, str):
        return _UNSTORABLE.sub("\ufffd", value)
    if isinstance(value, list):
        return [_storable(each) for each in value]
    if isinstance(value, dict):
        return {_storable(name): _storable(each) for name, each in value.items()}
    return value
