"""Whole messages one by one, where the compiled loops of ``wire_kernel`` are not."""

import struct
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from pipeline.alerts.batch import FORCED, LIMIT, LightCurves
from pipeline.alerts.messages import (
    HAS_LIMITS,
    HEADER,
    ONE_RECORD,
    SYNC_MARKER,
    Alerts,
    Encoded,
    Matches,
)
from pipeline.alerts.schemas import SURVEYS
from pipeline.alerts.wire import BRANCH_VALUE, text, varint

_FORCED_FLUX = slice(9, 17)
"""Bytes of a packed forced point that a null flux leaves out."""
_EMPTY = b"\0"
_NULL = b"\0"
_VALUE = bytes([BRANCH_VALUE])

Curve = tuple[NDArray[Any], NDArray[Any], NDArray[Any]]


class _Match(NamedTuple):
    survey: str
    object_id: str
    position: bytes
    curve: Curve


def lay_out(
    alerts: Alerts,
    curves: LightCurves,
    at: NDArray[np.int64],
    matches: Matches | None,
    max_bytes: int,
) -> Encoded:
    """Return all messages; ``encode.encode_messages`` says of what."""
    found = [
        _fitted(alerts, i, _curve(curves, own_at), _match(matches, i), max_bytes)
        for i, own_at in enumerate(at.tolist())
    ]
    return Encoded([value for value, _ in found], [is_cut for _, is_cut in found])


def _fitted(
    alerts: Alerts, i: int, own: Curve, match: _Match | None, max_bytes: int
) -> tuple[bytes, bool]:
    message = _container(alerts, i, own, match)
    if len(message) <= max_bytes:
        return message, False
    own, match = _shorten(own, match, len(message) - max_bytes)
    return _container(alerts, i, own, match), True


def _match(matches: Matches | None, i: int) -> _Match | None:
    if matches is None or (name := matches.object_id[i]) is None:
        return None
    position = struct.pack("<dd", matches.ra_deg[i], matches.dec_deg[i])
    return _Match(matches.curves.survey, name, position, _curve(matches.curves, int(matches.at[i])))


def _container(alerts: Alerts, i: int, own: Curve, match: _Match | None) -> bytes:
    parts = [
        varint(alerts.candid[i]), text(alerts.object_id[i]), alerts.candidate[i], _array(own[0])
    ]  # fmt: skip
    if HAS_LIMITS[alerts.survey]:
        parts.append(_array(own[1]))
    parts += (_forced_array(own[2]), alerts.properties[i])
    for survey in SURVEYS:
        if match is None or match.survey != survey:
            parts.append(_NULL)
            continue
        parts += (_VALUE, text(match.object_id), match.position)
        parts += (_array(match.curve[0]), _array(match.curve[1]), _forced_array(match.curve[2]))
    length = varint(sum(map(len, parts)))
    return b"".join((HEADER[alerts.survey], ONE_RECORD, length, *parts, SYNC_MARKER))


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


def _shorten(own: Curve, match: _Match | None, excess: int) -> tuple[Curve, _Match | None]:
    """Drop the oldest points, series by series, until ``excess`` bytes are gone."""
    own_limits, own_forced = own[1], own[2]
    limits, forced = (match.curve[1], match.curve[2]) if match else (_NO_LIMITS, _NO_FORCED)
    own_forced, excess = _drop_oldest(own_forced, excess)
    forced, excess = _drop_oldest(forced, excess)
    own_limits, excess = _drop_oldest(own_limits, excess)
    limits, excess = _drop_oldest(limits, excess)
    return (
        (own[0], own_limits, own_forced),
        match and match._replace(curve=(match.curve[0], limits, forced)),
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


_NO_LIMITS, _NO_FORCED = np.empty(0, LIMIT), np.empty(0, FORCED)
