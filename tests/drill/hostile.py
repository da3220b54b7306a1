"""Packets as an enemy, a broken disk or a careless writer would send them, and an honest reading.

``verdict`` decides with fastavro alone, importing nothing of the decoders under test, whether a
packet must become an alert, must be buried, or may be either (it reads, but holds values that the
rules neither allow nor forbid).
"""

import io
import random
import struct
import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import fastavro

FIRST_JD, LAST_JD = 2_441_317.5, 2_488_069.5
"""1972 and 2100: whole leap seconds began; a later time is a mistake."""
MJD_TO_JD = 2_400_000.5
TAI_AHEAD_D = 60.0 / 86_400
"""More than TAI is ever ahead of UTC: times so near to a bound may be either."""
MAGIC = b"Obj\x01"
SYNC_BYTES = 16
"""End of a container's block."""
_MISFITS = (
    *(EOFError, ValueError, LookupError, TypeError, ArithmeticError, struct.error),
    *(MemoryError, RecursionError, zlib.error),
    *(fastavro.schema.SchemaParseException, fastavro.schema.UnknownType),
)
"""What fastavro says of bytes that are no packet."""
FRAMING = struct.Struct(">bI")
LONGEST_NOISE = 3000

BURIED, ALERT, EITHER = "buried", "alert", "either"


@dataclass(frozen=True)
class Original:
    """A good packet that is going to be spoiled.

    Attributes
    ----------
    stream : str
        Where it belongs.
    value : bytes
        The packet.
    schema : mapping
        What it was written with.
    """

    stream: str
    value: bytes
    schema: Mapping[str, Any]


def noise(draw: random.Random, original: Original) -> bytes:
    """Return random bytes, half of them behind a true beginning."""
    body = draw.randbytes(draw.randrange(LONGEST_NOISE))
    head = MAGIC if original.stream == "ztf" else original.value[: FRAMING.size]
    return draw.choice([b"", head]) + body


def truncated(draw: random.Random, original: Original) -> bytes:
    """Return the beginning of a packet."""
    return original.value[: draw.randrange(len(original.value))]


def flipped(draw: random.Random, original: Original) -> bytes:
    """Return a packet of which up to four bytes are others."""
    spoiled = bytearray(original.value)
    for _ in range(draw.randrange(1, 5)):
        spoiled[draw.randrange(len(spoiled))] = draw.randrange(256)
    return bytes(spoiled)


def shifted(draw: random.Random, original: Original) -> bytes:
    """Return a packet from which some bytes were cut, or into which some were put."""
    at, size = draw.randrange(len(original.value)), draw.randrange(1, 40)
    put = draw.choice([b"", draw.randbytes(size), b"\x00" * size, b"\xff" * size])
    gone = draw.choice([0, size])
    return original.value[:at] + put + original.value[at + gone :]


def swollen(draw: random.Random, original: Original) -> bytes:
    """Return a packet in which one byte became a long number: an absurd length or count."""
    at = draw.randrange(len(original.value))
    huge = draw.choice([b"\xfe\xff\xff\xff\x0f", b"\xff" * 9 + b"\x01", b"\x80" * 10])
    return original.value[:at] + huge + original.value[at + 1 :]


WAYS: Sequence[Callable[[random.Random, Original], bytes]] = (
    noise,
    truncated,
    flipped,
    shifted,
    swollen,
)


def spoil(draw: random.Random, original: Original) -> bytes:
    """Return a packet spoiled in a way drawn at random."""
    return draw.choice(WAYS)(draw, original)


def verdict(original: Original, value: bytes) -> tuple[str, int | None]:
    """Return what must become of a spoiled packet, and the alert id that it carries.

    Parameters
    ----------
    original : Original
        What it was made from: another schema is a stranger's.
    value : bytes
        The spoiled packet.
    """
    try:
        record = _READ[original.stream](original, value)
        alert_id, jd, ra, dec = _PLACE[original.stream](record)
    except _MISFITS:
        return BURIED, None
    is_placed = 0 < alert_id < 2**63 and 0 <= ra <= 360 and -90 <= dec <= 90
    if not (is_placed and FIRST_JD <= jd < LAST_JD):
        near = any(abs(jd - bound) < TAI_AHEAD_D for bound in (FIRST_JD, LAST_JD))
        return (EITHER, alert_id) if is_placed and near else (BURIED, None)
    return (ALERT if _is_plain(original, value, record) else EITHER), alert_id


def _read_container(original: Original, value: bytes) -> Any:
    if not value.startswith(MAGIC):
        raise ValueError("no container")  # fastavro does not look
    reader = fastavro.reader(io.BytesIO(value))
    if _canonical(reader.writer_schema) != _canonical(original.schema):
        raise ValueError("another schema")
    (record,) = reader
    return record


def _read_framed(original: Original, value: bytes) -> Any:
    if value[: FRAMING.size] != original.value[: FRAMING.size]:
        raise ValueError("another schema id")
    body = io.BytesIO(value[FRAMING.size :])
    record = fastavro.schemaless_reader(body, fastavro.parse_schema(original.schema), None)
    if body.read(1):
        raise ValueError("bytes follow the record")
    return record


def _place_ztf(record: Any) -> tuple[int, float, float, float]:
    candidate = record["candidate"]
    return record["candid"], candidate["jd"], candidate["ra"], candidate["dec"]


def _place_lsst(record: Any) -> tuple[int, float, float, float]:
    source = record["diaSource"]
    return source["diaSourceId"], source["midpointMjdTai"] + MJD_TO_JD, source["ra"], source["dec"]


_READ = {"ztf": _read_container, "lsst": _read_framed}
_PLACE = {"ztf": _place_ztf, "lsst": _place_lsst}


def _is_plain(original: Original, value: bytes, record: Any) -> bool:
    """Return whether a packet is beyond doubt: valid, written back alike, of printable names."""
    name = str(record.get("objectId", ""))
    if not (name.isascii() and name.isprintable()):
        return False
    schema = fastavro.parse_schema(original.schema)
    written = io.BytesIO()
    try:
        fastavro.schemaless_writer(written, schema, record)
    except _MISFITS:
        return False
    ends = written.getvalue()
    if original.stream == "ztf":
        ends += original.value[-SYNC_BYTES:]
    return value.endswith(ends) and bool(fastavro.validate(record, schema, raise_errors=False))


def _canonical(schema: Any) -> str:
    return fastavro.schema.to_parsing_canonical_form(schema)
