"""Messages of the public streams: one Avro container per alert, written without a library.

Candidate and properties of a whole batch are encoded at once and stored; a message splices them
with the packed light curves, which already are in the wire's form.
"""

import struct
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.alerts.batch import FORCED, LIMIT, Batch, Column, LightCurves
from pipeline.alerts.classify import Classes
from pipeline.alerts.photstats import PhotStats
from pipeline.alerts.properties import property_blocks
from pipeline.alerts.schemas import OUTPUT_SCHEMAS, OUTPUT_TEXT, SURVEYS, record_schema
from pipeline.alerts.wire import (
    BRANCH_VALUE,
    container_header,
    encode_fields,
    flat_fields,
    squeeze,
    text,
    varint,
)

SYNC_MARKER = b"nightjar.babamul"
"""Ends each container's header and block; any 16 bytes do, and fixed ones repeat well."""

_FORCED_FLUX = slice(9, 17)
"""Bytes of a packed forced point that a null flux leaves out."""
_EMPTY = b"\0"
_NULL = b"\0"
_VALUE = bytes([BRANCH_VALUE])
_ONE_RECORD = varint(1)

Curve = tuple[NDArray[Any], NDArray[Any], NDArray[Any]]


@dataclass(frozen=True)
class Alert:
    """What a message says of one alert, beside light curves; the bytes are stored ones."""

    survey: str
    candid: int
    object_id: str
    candidate: bytes
    properties: bytes


@dataclass(frozen=True)
class Match:
    """The other survey's object at the same place, and its light curve in ``curves``."""

    survey: str
    object_id: str
    ra_deg: float
    dec_deg: float
    curves: LightCurves
    at: int


def encode_candidates(batch: Batch) -> list[bytes]:
    """Return each alert's candidate record, as schemaless Avro of the output schema."""
    if not len(batch):
        return []
    columns = batch.candidate | {"band": Column(batch.band, batch.band >= 0)}
    return squeeze([encode_fields(_CANDIDATE[batch.survey], columns, len(batch))])


def encode_properties(
    batch: Batch, classes: Classes, own_stats: PhotStats, multi_stats: PhotStats
) -> list[bytes]:
    """Return each alert's properties record, as schemaless Avro of the output schema.

    Parameters
    ----------
    batch : Batch
        Decoded alerts.
    classes : Classes
        Flags of the flowcharts.
    own_stats, multi_stats : PhotStats
        Features of the own light curve, and of it with the matched object's.
    """
    return squeeze(property_blocks(batch, classes, own_stats, multi_stats)) if len(batch) else []


def encode_message(
    alert: Alert, curves: LightCurves, at: int, match: Match | None, *, max_bytes: int
) -> tuple[bytes, bool]:
    """Return a whole message, and whether points were left out to fit ``max_bytes``.

    The oldest forced points go first, then the oldest non-detections; detections stay, so that a
    message may still be too large for the broker, which then says so.

    Parameters
    ----------
    alert : Alert
        Ids and stored bytes.
    curves : LightCurves
        Light curves of the alert's survey.
    at : int
        The object's position in ``curves``, −1 for no points.
    match : Match or None
        The matched object of the other survey.
    max_bytes : int
        Largest message wanted.
    """
    own = _curve(curves, at)
    matched = None if match is None else _curve(match.curves, match.at)
    message = _container(alert, own, match, matched)
    if len(message) <= max_bytes:
        return message, False
    own, matched = _shorten(own, matched, len(message) - max_bytes)
    return _container(alert, own, match, matched), True


def _container(alert: Alert, own: Curve, match: Match | None, matched: Curve | None) -> bytes:
    parts = [varint(alert.candid), text(alert.object_id), alert.candidate, _array(own[0])]
    if _HAS_LIMITS[alert.survey]:
        parts.append(_array(own[1]))
    parts += (_forced_array(own[2]), alert.properties)
    for survey in SURVEYS:
        if match is None or matched is None or match.survey != survey:
            parts.append(_NULL)
            continue
        parts += (_VALUE, text(match.object_id), struct.pack("<dd", match.ra_deg, match.dec_deg))
        parts += (_array(matched[0]), _array(matched[1]), _forced_array(matched[2]))
    length = varint(sum(map(len, parts)))
    return b"".join((_HEADER[alert.survey], _ONE_RECORD, length, *parts, SYNC_MARKER))


def _curve(curves: LightCurves, at: int) -> Curve:
    return curves.points(0, at), curves.points(1, at), curves.points(2, at)


def _array(rows: NDArray[Any]) -> bytes:
    if not len(rows):
        return _EMPTY
    return b"".join((varint(len(rows)), rows.tobytes(), _EMPTY))


def _forced_array(rows: NDArray[Any]) -> bytes:
    """Return forced points as an array; where the flux is null its eight bytes are left out."""
    if not len(rows):
        return _EMPTY
    has_flux = rows["has_flux"] != 0
    if has_flux.all():
        return _array(rows)
    packed = np.ascontiguousarray(rows).view(np.uint8).reshape(len(rows), FORCED.itemsize)
    used = np.ones(packed.shape, np.bool_)
    used[~has_flux, _FORCED_FLUX] = False
    return b"".join((varint(len(rows)), packed[used].tobytes(), _EMPTY))


def _shorten(own: Curve, matched: Curve | None, excess: int) -> tuple[Curve, Curve | None]:
    """Drop the oldest points, series by series, until ``excess`` bytes are gone."""
    own_limits, own_forced = own[1], own[2]
    limits, forced = (matched[1], matched[2]) if matched else (_NO_LIMITS, _NO_FORCED)
    own_forced, excess = _drop_oldest(own_forced, excess)
    forced, excess = _drop_oldest(forced, excess)
    own_limits, excess = _drop_oldest(own_limits, excess)
    limits, excess = _drop_oldest(limits, excess)
    return (
        (own[0], own_limits, own_forced),
        None if matched is None else (matched[0], limits, forced),
    )


def _drop_oldest(rows: NDArray[Any], excess: int) -> tuple[NDArray[Any], int]:
    """Return the rows left, and the bytes that are still too many."""
    if excess <= 0 or not len(rows):
        return rows, excess
    sizes = np.full(len(rows), rows.itemsize)
    if rows.dtype == FORCED:
        sizes[rows["has_flux"] == 0] -= _FORCED_FLUX.stop - _FORCED_FLUX.start
    freed = np.cumsum(sizes)
    count = min(int(np.searchsorted(freed, excess)) + 1, len(rows))
    return rows[count:], excess - int(freed[count - 1])


_HEADER = {
    survey: container_header(OUTPUT_TEXT[survey].encode(), SYNC_MARKER) for survey in SURVEYS
}
_HAS_LIMITS = {
    survey: any(part["name"] == "prv_nondetections" for part in OUTPUT_SCHEMAS[survey]["fields"])
    for survey in SURVEYS
}
_CANDIDATE = {survey: flat_fields(record_schema(survey, "candidate")) for survey in SURVEYS}
_NO_LIMITS, _NO_FORCED = np.empty(0, LIMIT), np.empty(0, FORCED)
