"""Cutouts of a packet as files: plain FITS, whole, or not at all.

Opening thousands of small files with a FITS library costs more than writing them, and a header's
claims are what can hurt: so only the structure is walked (FITS standard 4.0, §3 and §4.4).
"""

import math
import re
import zlib
from collections.abc import Mapping
from typing import Any, NamedTuple

from pipeline.selected.tables import CUTOUT_KINDS
from pipeline.surveys.packets import CUTOUTS
from pipeline.surveys.rows import image_bytes

MAX_FITS_BYTES = 8 << 20
BLOCK_BYTES = 2880
MAX_HEADER_BLOCKS = 36
MAX_PARTS = 16
"""Rubin's have three: image, variance, PSF."""
_CARD_BYTES = 80
_GZIP = b"\x1f\x8b"
_PRIMARY, _EXTENSION = b"SIMPLE", b"XTENSION"
_END = re.compile(rb"END {77}")
_NUMBER = re.compile(rb"(BITPIX|NAXIS\d{0,3}|PCOUNT|GCOUNT) *= *(-?\d{1,10}) *(?:/|$)")
_NAMES = (b"END ", b"BITPIX", b"NAXIS", b"PCOUNT", b"GCOUNT")
"""How cards begin that say where a part ends; most say something else."""
_NAMES_PER_KIND = dict(zip(CUTOUT_KINDS, CUTOUTS, strict=True))


class Cutout(NamedTuple):
    """One image of a packet.

    Attributes
    ----------
    state : str
        ``present``, ``absent``, ``broken`` or ``wanted``.
    fits : bytes
        Plain FITS; empty unless present, or where ``Room`` had none for it.
    """

    state: str
    fits: bytes = b""


ABSENT, BROKEN = Cutout("absent"), Cutout("broken")
NONE = dict.fromkeys(CUTOUT_KINDS, ABSENT)
"""Of an alert whose packet nobody has."""
WANTED = dict.fromkeys(CUTOUT_KINDS, Cutout("wanted"))
"""Of one whose images somebody else shows."""


class Room:
    """Memory for the images of one batch: a packet of kilobytes may hold three of 8 MiB each.

    Parameters
    ----------
    free_bytes : int
        Of images, plain.
    """

    def __init__(self, free_bytes: int) -> None:
        self._free_bytes = free_bytes

    def take(self, images: dict[str, Cutout]) -> dict[str, Cutout]:
        """Return images as they are while there is room for them, else their states alone."""
        size = sum(len(image.fits) for image in images.values())
        if size > self._free_bytes:
            return {kind: Cutout(image.state) for kind, image in images.items()}
        self._free_bytes -= size
        return images


def is_held(images: Mapping[str, Cutout]) -> bool:
    """Return whether images are here; of those that had no room the packet has to be read again."""
    return all(image.fits or image.state != "present" for image in images.values())


def cutouts_of(record: dict[str, Any]) -> dict[str, Cutout]:
    """Return the images of a packet by kind."""
    return {kind: cutout(record.get(name)) for kind, name in _NAMES_PER_KIND.items()}


def cutout(value: Any) -> Cutout:
    """Return an image as it shall be written: as it came if it is FITS, unpacked if it is gzip."""
    raw = image_bytes(value)
    if not isinstance(raw, bytes):
        return BROKEN
    if not raw:
        return ABSENT
    plain = _inflated(raw) if raw.startswith(_GZIP) else raw
    return Cutout("present", plain) if plain is not None and is_whole(plain) else BROKEN


def is_whole(plain: bytes) -> bool:
    """Return whether these bytes are a FITS file whose headers claim no more than there is."""
    if not plain.startswith(_PRIMARY) or len(plain) > MAX_FITS_BYTES:
        return False
    start = 0
    for _ in range(MAX_PARTS):
        end = _end_of_part(plain, start)
        if end is None or end > len(plain):
            return False
        start += _padded(end - start)  # the last part's padding may be missing: nothing is lost
        if not plain.startswith(_EXTENSION, start):
            return True
    return False


def _inflated(raw: bytes) -> bytes | None:
    inflater = zlib.decompressobj(wbits=31)
    try:
        plain = inflater.decompress(raw, MAX_FITS_BYTES)
    except zlib.error:
        return None
    return plain if inflater.eof else None


def _end_of_part(plain: bytes, start: int) -> int | None:
    """Return where the header and data unit that begin at ``start`` end, without padding."""
    numbers: dict[bytes, int] = {}
    limit = min(len(plain), start + MAX_HEADER_BLOCKS * BLOCK_BYTES)
    for at in range(start, limit - _CARD_BYTES + 1, _CARD_BYTES):
        if not plain.startswith(_NAMES, at):
            continue
        card = plain[at : at + _CARD_BYTES]
        if _END.fullmatch(card):
            data = start + _padded(at + _CARD_BYTES - start)
            size = _data_bytes(numbers)
            return None if size is None else data + size
        if found := _NUMBER.match(card):
            numbers[found[1]] = int(found[2])
    return None


def _data_bytes(numbers: dict[bytes, int]) -> int | None:
    """Return the size of a data unit by its header: |BITPIX| × GCOUNT × (PCOUNT + ∏ NAXISn) / 8."""
    axes, bits = numbers.get(b"NAXIS"), numbers.get(b"BITPIX")
    if axes is None or bits is None or not 0 <= axes <= 999:  # noqa: PLR2004 of the standard
        return None
    lengths = [numbers.get(b"NAXIS%d" % axis, -1) for axis in range(1, axes + 1)]
    parameters, groups = numbers.get(b"PCOUNT", 0), numbers.get(b"GCOUNT", 1)
    if min([*lengths, parameters, groups]) < 0:
        return None
    values = math.prod(lengths) if lengths else 0
    return abs(bits) // 8 * groups * (parameters + values)


def _padded(size: int) -> int:
    return -(-size // BLOCK_BYTES) * BLOCK_BYTES
