"""A selected alert as Lasair's filters tell of one: JSON of a few columns, no images."""

import json
import math
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from pipeline.numbers import shortest_single, usable

NAMES = ("diaSourceId", "diaObjectId", "ssObjectId")
DOUBLES = {"ra": "ra", "dec": "decl", "midpointMjdTai": "midpointMjdTai"}
"""Fields by the names that Lasair gives them."""
SINGLES = ("psfFlux", "psfFluxErr", "snr", "reliability", "extendedness")
DETECTED = "latest_detection"
"""MJD, TAI, of the alert's own source."""
TAKEN = "UTC"
"""When the packet came; Lasair says when its filter took it."""


def as_json(
    record: Mapping[str, Any],
    name: str | None,
    facts: Iterable[tuple[str, Any]],
    taken_at: datetime,
) -> bytes:
    """Return an alert's columns; the same alert is the same bytes.

    Parameters
    ----------
    record : mapping
        A packet of Rubin's, with today's names.
    name : str or None
        Of its object, as in our tables; an alert without one goes by its source.
    facts : iterable of name and value
        What its filter found; a number that is none in JSON (NaN, infinite) is told as null.
    taken_at : datetime
        When its packet came, UTC.
    """
    source = record["diaSource"]
    ids = {each: source.get(each) or None for each in NAMES}  # 0 means none
    columns = {
        "objectId": name or str(ids["diaSourceId"]),
        **ids,
        **{ours: usable(source.get(field)) for field, ours in DOUBLES.items()},
        "band": source.get("band"),
        **{each: shortest_single(usable(source.get(each))) for each in SINGLES},
        **{each: _finite(fact) for each, fact in facts},
        DETECTED: usable(source.get("midpointMjdTai")),
        TAKEN: f"{taken_at:%Y-%m-%d %H:%M:%S}",
    }
    return json.dumps(columns, allow_nan=False).encode()


def _finite(fact: Any) -> Any:
    return None if isinstance(fact, float) and not math.isfinite(fact) else fact
