"""Packets to records to a batch: what both surveys do alike, and how one bad packet stays alone."""

import traceback
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from broker.avro import MAX_VALUE_BYTES, UnreadableError
from broker.kafka_types import Packet
from pipeline.alerts.batch import Batch, Rejected
from pipeline.angles import FULL_CIRCLE_DEG, POLE_DEG
from pipeline.surveys.columns import Record
from pipeline.times import FIRST_JD_UTC, LAST_JD_UTC

CUTOUTS = ("cutoutScience", "cutoutTemplate", "cutoutDifference")
IMAGE_MAGICS = (b"\x1f\x8b", b"SIMPLE")
"""First bytes of gzip and of plain FITS."""
_MAGIC_BYTES = max(map(len, IMAGE_MAGICS))

_WRONG_VALUES = (ArithmeticError, AttributeError, LookupError, TypeError, ValueError)
"""What values of a type that nobody expected raise on their way into columns."""

Read = Callable[[bytes], dict[str, Any]]
Convert = Callable[[list[Packet], list[Record]], tuple[Batch, NDArray[np.object_]]]


def decode_packets(
    packets: Sequence[Packet], read: Read, convert: Convert
) -> tuple[Batch, list[Rejected]]:
    """Decode packets; a bad one never disturbs its neighbours.

    Only MemoryError passes: nobody can tell here whose fault it is.

    Parameters
    ----------
    packets : sequence of Packet
        In order of offset.
    read : callable
        One value to its record; raises UnreadableError.
    convert : callable
        Packets and their records to a batch of all of them, and to one text for each: what is
        wrong with its id, time or position, or None.

    Returns
    -------
    Batch, list of Rejected
        Both in order of offset.
    """
    kept, records, rejected = _read_all(packets, read)
    try:
        batch, problems = convert(kept, records)
    except _WRONG_VALUES:
        kept, records, misfits = _convertible(kept, records, convert)
        rejected += misfits
        batch, problems = convert(kept, records)
    is_good = np.array([problem is None for problem in problems], bool)
    if not is_good.all():
        rejected += [
            Rejected(packet, "bad_value", problem)
            for packet, problem in zip(kept, problems, strict=True)
            if problem is not None
        ]
        batch = batch.take(np.flatnonzero(is_good))
    return batch, sorted(rejected, key=lambda one: one.packet.offset)


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
        except (*_WRONG_VALUES, RecursionError) as error:
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
            convert([packet], [record])
        except _WRONG_VALUES as error:
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


def count_images(
    records: Sequence[Record],
) -> tuple[NDArray[np.bool_], NDArray[np.int64]]:
    """Look at the first bytes of every cutout, which are all that ``decode_packets`` leaves.

    Returns
    -------
    has_cutouts : bool[n]
        At least one begins like gzip or FITS.
    bad_images : int64[n]
        How many begin otherwise; null, absent and empty are none.
    """
    good, bad = [], []
    for record in records:
        images = [image for name in CUTOUTS if (image := record[name])]
        n_good = sum(image.startswith(IMAGE_MAGICS) for image in images)
        good.append(n_good > 0)
        bad.append(len(images) - n_good)
    return np.array(good, bool), np.array(bad, np.int64)


def image_bytes(cutout: Any) -> bytes:
    """Return the bytes of a packet's cutout; ZTF wraps them in a record."""
    if isinstance(cutout, dict):
        cutout = cutout.get("stampData")
    return cutout or b""
