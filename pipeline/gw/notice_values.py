"""Values out of a notice's JSON, as far as they can be used; what cannot is None, no error."""

import base64
import binascii
import json
import math
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

MAX_TEXT = 200
"""Characters kept of a text of one line, such as a pipeline's name."""
MAX_NAMES = 50
"""Classes, properties or instruments kept of one notice; real ones have four."""

_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")
"""Neither Postgres nor UTF-8 can hold them."""
_NO_MAP = "the notice has no map"


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


def text(value: Any) -> str | None:
    """Return a text of one line."""
    return " ".join(value.split())[:MAX_TEXT] or None if isinstance(value, str) else None


def texts(value: Any) -> tuple[str, ...]:
    """Return the texts of a list."""
    names = (text(each) for each in (value if isinstance(value, list) else ()))
    return tuple(name for name in names if name)[:MAX_NAMES]


def probabilities(value: Any) -> Mapping[str, float]:
    """Return the numbers from 0 to 1 by name; in one order, whatever the notice's."""
    if not isinstance(value, dict):
        return {}
    found = {
        name: share
        for key, each in sorted(value.items())
        if (name := text(key)) and (share := number(each)) is not None and 0 <= share <= 1
    }
    return dict(list(found.items())[:MAX_NAMES])


def fits_file(value: Any) -> tuple[bytes | None, str | None]:
    """Return the FITS file of a map in base64, or why there is none."""
    if value is None:
        return None, _NO_MAP
    if not isinstance(value, str):
        return None, f"the map is {type(value).__name__}, not base64"
    try:
        return base64.b64decode(value, validate=True), None
    except (binascii.Error, ValueError) as error:
        return None, f"the map is not base64: {error}"


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
