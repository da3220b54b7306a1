"""Packets to records to a batch: what both surveys do alike, and how one bad packet stays alone."""

import traceback
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from broker import avro_fallbacks
from broker.avro import MAX_VALUE_BYTES, UnreadableError
from broker.kafka_types import Packet
from pipeline.alerts.batch import Batch, Rejected, join_batches
from pipeline.angles import FULL_CIRCLE_DEG, POLE_DEG
from pipeline.surveys.reading import WRONG_VALUES, Convert, Part, Problems, Read, Reading, by_kernel
from pipeline.surveys.rows import Record, RecordRows, Rows, image_bytes
from pipeline.times import FIRST_JD_UTC, LAST_JD_UTC

CUTOUTS = ("cutoutScience", "cutoutTemplate", "cutoutDifference")
IMAGES = (*CUTOUTS, *(f"{name}.stampData" for name in CUTOUTS))
"""Where images are: ZTF wraps them in records."""
IMAGE_MAGICS = (b"\x1f\x8b", b"SIMPLE")
"""First bytes of gzip and of plain FITS."""
_MAGIC_BYTES = max(map(len, IMAGE_MAGICS))


def decode_packets(packets: Sequence[Packet], reading: Reading) -> tuple[Batch, list[Rejected]]:
    """Decode packets; a bad one never disturbs its neighbours.

    The compiled kernel takes the packets of each schema together. What it refuses is read by
    fastavro, which takes it or says why not. Only MemoryError passes: nobody can tell here whose
    fault it is.

    Parameters
    ----------
    packets : sequence of Packet
        In order of offset.
    reading : Reading
        Of their survey.

    Returns
    -------
    Batch, list of Rejected
        Both in order of offset.
    """
    parts, left = by_kernel(packets, reading)
    if left or not parts:
        part, rejected = _by_fastavro(packets, left, reading)
        parts.append(part)
    else:
        rejected = []
    batch, problems = _whole(parts)
    is_good = np.array([problem is None for problem in problems], bool)
    if not is_good.all():
        rejected += [
            Rejected(packet, "bad_value", problem)
            for packet, problem in zip(batch.packets, problems, strict=True)
            if problem is not None
        ]
        batch = batch.take(np.flatnonzero(is_good))
    return batch, sorted(rejected, key=lambda one: one.packet.offset)


def _whole(parts: Sequence[Part]) -> tuple[Batch, Problems]:
    """Return all parts as one, in order of their packets."""
    if len(parts) == 1:
        return parts[0].batch, parts[0].problems
    order = np.argsort(np.concatenate([part.positions for part in parts]))
    batch = join_batches([part.batch for part in parts]).take(order)
    return batch, np.concatenate([part.problems for part in parts])[order]


def _by_fastavro(
    packets: Sequence[Packet], left: Mapping[int, str], reading: Reading
) -> tuple[Part, list[Rejected]]:
    """Read what the kernel left, by position and why; count what can be read all the same."""
    positions = sorted(left)
    kept, records, rejected = _read_all([packets[i] for i in positions], reading.read)
    try:
        batch, problems = reading.convert(kept, RecordRows(records))
    except WRONG_VALUES:
        kept, records, misfits = _convertible(kept, records, reading.convert)
        rejected += misfits
        batch, problems = reading.convert(kept, RecordRows(records))
    is_refused = {id(one.packet) for one in rejected}
    positions = [i for i in positions if id(packets[i]) not in is_refused]
    avro_fallbacks.add(left[i] for i in positions)
    return Part(np.array(positions, np.int64), batch, problems), rejected


def _read_all(
    packets: Sequence[Packet], read: Read
) -> tuple[list[Packet], list[Record], list[Rejected]]:
    kept: list[Packet] = []
    records: list[Record] = []
    rejected: list[Rejected] = []
    for packet in packets:
        try:
            record = _read_one(packet.value, read)
        except UnreadableError as error:
            rejected.append(Rejected(packet, error.reason, str(error)))
        except (*WRONG_VALUES, RecursionError) as error:
            rejected.append(_unexpected(packet, error))
        else:
            kept.append(packet)
            records.append(record)
    return kept, records, rejected


def _read_one(value: bytes | None, read: Read) -> dict[str, Any]:
    if not value:
        raise UnreadableError("empty", "the message has no value")
    if len(value) > MAX_VALUE_BYTES:
        raise UnreadableError("too_large", f"{len(value)} bytes; at most {MAX_VALUE_BYTES}")
    record = read(value)
    for name in CUTOUTS:
        # Nothing behind needs more of them, and what inflates would lie here 250-fold.
        record[name] = image_bytes(record.get(name))[:_MAGIC_BYTES]
    return record


def _convertible(
    packets: list[Packet], records: list[Record], convert: Convert
) -> tuple[list[Packet], list[Record], list[Rejected]]:
    kept, good, rejected = [], [], []
    for packet, record in zip(packets, records, strict=True):
        try:
            convert([packet], RecordRows([record]))
        except WRONG_VALUES as error:
            rejected.append(_unexpected(packet, error))
        else:
            kept.append(packet)
            good.append(record)
    return kept, good, rejected


def _unexpected(packet: Packet, error: BaseException) -> Rejected:
    return Rejected(packet, "unexpected", repr(error), "".join(traceback.format_exception(error)))


def place_problems(
    candid: NDArray[np.int64],
    jd_utc: NDArray[np.float64],
    ra_deg: NDArray[np.float64],
    dec_deg: NDArray[np.float64],
    names: tuple[str, str, str, str],
) -> NDArray[np.object_]:
    """Say for each alert which of id, time and position is unusable, or None.

    Parameters
    ----------
    candid : int64[n]
        Usable above 0.
    jd_utc : float64[n]
        Time (JD, UTC); usable from 1972 to 2099.
    ra_deg, dec_deg : float64[n]
        Position (ICRS); usable in [0, 360] and [−90, 90].
    names : tuple of four str
        What the packet calls them.
    """
    with np.errstate(invalid="ignore"):
        checks = (
            (candid, candid > 0),
            (jd_utc, (jd_utc >= FIRST_JD_UTC) & (jd_utc < LAST_JD_UTC)),
            (ra_deg, is_right_ascension(ra_deg)),
            (dec_deg, is_declination(dec_deg)),
        )
    problems = np.full(len(candid), None, object)
    for name, (values, is_usable) in zip(names, checks, strict=True):
        for i in np.flatnonzero(~is_usable):
            problems[i] = problems[i] or f"{name} is unusable: {values[i]!s}"
    return problems


def is_right_ascension(ra_deg: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Return where a right ascension lies in [0°, 360°]; NaN does not."""
    return np.asarray((ra_deg >= 0) & (ra_deg <= FULL_CIRCLE_DEG), bool)


def is_declination(dec_deg: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Return where a declination lies in [−90°, 90°]; NaN does not."""
    return np.asarray(np.abs(dec_deg) <= POLE_DEG, bool)


def count_images(rows: Rows) -> tuple[NDArray[np.bool_], NDArray[np.int64]]:
    """Look at the first bytes of every cutout, which are all that ``decode_packets`` leaves.

    Returns
    -------
    has_cutouts : bool[n]
        At least one begins like gzip or FITS.
    bad_images : int64[n]
        How many begin otherwise; null, absent and empty are none.
    """
    good, bad = np.zeros(len(rows), np.int64), np.zeros(len(rows), np.int64)
    for name in CUTOUTS:
        heads, lengths = rows.heads(name)
        is_image = np.zeros(len(rows), bool)
        for magic in IMAGE_MAGICS:
            is_image |= (heads[:, : len(magic)] == np.frombuffer(magic, np.uint8)).all(axis=1)
        good += is_image
        bad += (lengths > 0) & ~is_image
    return good > 0, bad
