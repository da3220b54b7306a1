"""Messages of ANTARES: zlib around BSON around a locus, which names objects but holds no alert."""

import math
import zlib
from collections.abc import Mapping
from typing import Any, NamedTuple

import bson
from bson.codec_options import CodecOptions, DatetimeConversion
from bson.errors import BSONError

from broker.avro import UnreadableError
from pipeline.selected.messages import check_size
from pipeline.surveys.lsst import SOLAR_SYSTEM_PREFIX

MAX_LOCUS_BYTES = 4 * 2**20
"""Inflated. A locus has no light curve on Kafka: some ten thousand bytes are usual."""
MAX_ID_CHARACTERS = 128
MOST_OBJECTS = 100
"""Objects of the survey at one place; more are none that ANTARES would join."""

_PLAIN: CodecOptions[dict[str, Any]] = CodecOptions(
    datetime_conversion=DatetimeConversion.DATETIME_MS
)
"""Times beyond Python's years stay numbers."""
_MISFITS = (BSONError, ArithmeticError, LookupError, RecursionError, TypeError, ValueError)
_IDS = {"dia_object_id": "", "ss_object_id": SOLAR_SYSTEM_PREFIX}
"""What our own objects of each kind have in front of their number."""


class Locus(NamedTuple):
    """What a message says.

    Attributes
    ----------
    id : str
        ANTARES's.
    object_ids : tuple of str
        LSST's objects there, as ``objects.object_id``.
    mjd : float or None
        When its newest alert was observed, if it says so [d].
    """

    id: str
    object_ids: tuple[str, ...]
    mjd: float | None


def read_locus(value: bytes) -> Locus:
    """Return what a message says, in the layout of today or the older one below ``data``.

    Raises
    ------
    UnreadableError
        ``empty``, ``too_large``, ``truncated``, ``bad_value``, or ``no_id`` without any LSST
        object.
    """
    found = _document(value)
    body = _layout(found)
    locus_id = body.get("id")
    if not isinstance(locus_id, str) or not 0 < len(locus_id) <= MAX_ID_CHARACTERS:
        raise UnreadableError("no_id", f"a locus without id: {str(locus_id)[:60]!r}")
    properties = body.get("properties")
    if not isinstance(properties, Mapping):
        raise UnreadableError("bad_value", f"locus {locus_id} has no properties")
    objects = _objects(properties)
    if not objects:
        raise UnreadableError(
            "no_id", f"locus {locus_id} names no LSST object: tables hold LSST's alerts only"
        )
    return Locus(locus_id, objects, _time(properties.get("newest_alert_observation_time")))


def _document(value: bytes) -> Mapping[str, Any]:
    check_size(value)
    inflater = zlib.decompressobj()
    try:
        plain = inflater.decompress(value, MAX_LOCUS_BYTES + 1)
    except zlib.error as error:
        raise UnreadableError("bad_value", f"zlib: {error}") from error
    if len(plain) > MAX_LOCUS_BYTES:
        raise UnreadableError("too_large", f"inflates beyond {MAX_LOCUS_BYTES} bytes")
    if not inflater.eof:
        raise UnreadableError("truncated", "zlib: the compressed bytes end too early")
    try:
        return bson.decode(plain, _PLAIN)
    except _MISFITS as error:
        raise UnreadableError("bad_value", f"BSON: {error!r}"[:200]) from error


def _layout(found: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the locus itself, from either layout."""
    older = found.get("data")
    if not isinstance(older, Mapping):
        return found
    attributes = older.get("attributes")
    if not isinstance(attributes, Mapping):
        raise UnreadableError("bad_value", "a locus in the older layout without attributes")
    return {**attributes, "id": older.get("id")}


def _objects(properties: Mapping[str, Any]) -> tuple[str, ...]:
    survey = properties.get("survey")
    lsst = survey.get("lsst") if isinstance(survey, Mapping) else None
    if not isinstance(lsst, Mapping):
        return ()
    numbers = [
        f"{prefix}{number}"
        for name, prefix in _IDS.items()
        for number in _listed(lsst.get(name))
        if number.isdecimal() and int(number) > 0
    ]
    return tuple(numbers[:MOST_OBJECTS])


def _listed(value: Any) -> list[str]:
    """Return the short texts of a list; numbers may come as such."""
    if not isinstance(value, list):
        return []
    return [text for each in value[:MOST_OBJECTS] if len(text := str(each)) <= MAX_ID_CHARACTERS]


def _time(value: Any) -> float | None:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return float(value) if is_number and math.isfinite(value) else None
