"""Values out of a notice's JSON, as far as they can be used; what cannot is None, no error."""

import base64
import binascii
from collections.abc import Mapping
from typing import Any

from pipeline import json_values

MAX_TEXT = 200
"""Characters kept of a text of one line, such as a pipeline's name."""
MAX_NAMES = 50
"""Classes, properties or instruments kept of one notice; real ones have four."""

_NO_MAP = "the notice has no map"


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
        if (name := text(key))
        and (share := json_values.number(each)) is not None
        and 0 <= share <= 1
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
