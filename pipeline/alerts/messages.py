"""Whole messages of a batch, laid out by the compiled loops of ``wire_kernel``."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from pipeline.alerts import wire_kernel as kernel
from pipeline.alerts.batch import SERIES, LightCurves
from pipeline.alerts.flat_records import joined
from pipeline.alerts.schemas import OUTPUT_SCHEMAS, OUTPUT_TEXT, SURVEYS
from pipeline.alerts.wire import VARINT_BYTES, container_header, varint

SYNC_MARKER = b"nightjar.babamul"
"""Ends each container's header and block; any 16 bytes do, and fixed ones repeat well."""

HEADER = {survey: container_header(OUTPUT_TEXT[survey].encode(), SYNC_MARKER) for survey in SURVEYS}
HAS_LIMITS = {
    survey: any(part["name"] == "prv_nondetections" for part in OUTPUT_SCHEMAS[survey]["fields"])
    for survey in SURVEYS
}
ONE_RECORD = varint(1)


@dataclass(frozen=True)
class Alerts:
    """What messages say of alerts of one survey, beside light curves; the bytes are stored ones."""

    survey: str
    candid: Sequence[int]
    object_id: Sequence[str]
    candidate: Sequence[bytes]
    properties: Sequence[bytes]

    def __len__(self) -> int:
        return len(self.candid)


@dataclass(frozen=True)
class Matches:
    """For each alert the other survey's object at its place, None as id for none.

    Attributes
    ----------
    curves : LightCurves
        Of the matched objects; its survey is theirs.
    at : int64[n]
        Each matched object's position in ``curves``, −1 for no points.
    object_id : sequence of str or None
        The matched objects' ids.
    ra_deg, dec_deg : sequence of float
        Their positions (ICRS), any number where there is none.
    """

    curves: LightCurves
    at: NDArray[np.int64]
    object_id: Sequence[str | None]
    ra_deg: Sequence[float]
    dec_deg: Sequence[float]


class Encoded(NamedTuple):
    """Whole messages, and of each whether points were left out."""

    values: list[bytes]
    is_truncated: list[bool]


def lay_out(
    alerts: Alerts,
    curves: LightCurves,
    at: NDArray[np.int64],
    matches: Matches | None,
    max_bytes: int,
) -> Encoded:
    """Return all messages; ``encode.encode_messages`` says of what."""
    size = len(alerts)
    header, items = HEADER[alerts.survey], _ITEMS[alerts.survey]
    candid = np.array(alerts.candid, np.int64)
    pieces, piece_ends = joined(_pieces(alerts, matches))
    match_survey, match_places = _places(matches, size)
    own = list(_series(curves, at))
    other = own if matches is None else _series(matches.curves, matches.at)
    rows, first, last = zip(*own, *other, strict=True)
    firsts, lasts = np.stack(first, axis=1), np.stack(last, axis=1)
    sizes, is_truncated = np.empty(size, np.int64), np.empty(size, np.bool_)
    frame_bytes = len(header) + len(ONE_RECORD) + len(SYNC_MARKER)
    kernel.fit_messages(
        candid, piece_ends, match_survey, items, rows, firsts, lasts,
        frame_bytes, max_bytes, sizes, is_truncated,
    )  # fmt: skip
    out = np.empty(int(sizes.sum()) + size * (frame_bytes - len(header) + VARINT_BYTES), np.uint8)
    ends = np.empty(size, np.int64)
    kernel.put_messages(
        candid, pieces, piece_ends, match_survey, match_places, items, rows,
        firsts, lasts, sizes, _SYNC, out, ends,
    )  # fmt: skip
    blocks, bounds = out.data, [0, *ends.tolist()]
    values = [header + blocks[first:last] for first, last in pairwise(bounds)]
    return Encoded(values, is_truncated.tolist())


def _pieces(alerts: Alerts, matches: Matches | None) -> list[bytes]:
    """Return the byte strings of each alert, in the kernel's order."""
    found = [b""] * (len(alerts) * kernel.PIECES)
    found[kernel.NAME :: kernel.PIECES] = [name.encode() for name in alerts.object_id]
    found[kernel.CANDIDATE :: kernel.PIECES] = alerts.candidate
    found[kernel.PROPERTIES :: kernel.PIECES] = alerts.properties
    if matches is not None:
        names = [b"" if name is None else name.encode() for name in matches.object_id]
        found[kernel.MATCH_NAME :: kernel.PIECES] = names
    return found


def _places(matches: Matches | None, size: int) -> tuple[NDArray[np.int64], NDArray[np.uint8]]:
    """Return each match's place in ``survey_matches``, −1 none, and its position in bytes."""
    places = np.zeros((size, 2), "<f8")
    survey = np.full(size, -1, np.int64)
    if matches is not None:
        survey[[name is not None for name in matches.object_id]] = SURVEYS.index(
            matches.curves.survey
        )
        places[:, 0], places[:, 1] = matches.ra_deg, matches.dec_deg
    return survey, places.view(np.uint8)


def _series(
    curves: LightCurves, at: NDArray[np.int64]
) -> Iterator[tuple[NDArray[np.uint8], NDArray[np.int64], NDArray[np.int64]]]:
    """Yield the packed points of each series, and which of them are each alert's."""
    is_there = at >= 0
    for rows, starts in zip(curves.rows, curves.starts, strict=True):
        packed = np.ascontiguousarray(rows).view(np.uint8)
        packed.flags.writeable = False  # stored ones are; one type for the compiler
        yield packed, np.where(is_there, starts[at], 0), np.where(is_there, starts[at + 1], 0)


def _items(survey: str) -> NDArray[np.int64]:
    """Return the bytes of a packed point by series, 0 where the survey's messages have none."""
    items = np.array([dtype.itemsize for dtype in SERIES * 2], np.int64)
    items[kernel.LIMITS] *= HAS_LIMITS[survey]
    return items


_ITEMS = {survey: _items(survey) for survey in SURVEYS}
_SYNC = np.frombuffer(SYNC_MARKER, np.uint8)
