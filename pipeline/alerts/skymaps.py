"""Regions of the sky out of FITS files: MOCs, and localizations in either HEALPix form.

A region is a sorted list of edges of nested HEALPix ranges of order 29: even places begin a range,
odd ones end it. What comes from outside is bounded in size before it is read.
"""

import io
import tempfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import hpgeom
import numpy as np
from astropy.io import fits
from numpy.typing import NDArray

from pipeline.sky import HPX_ORDER

MAX_FITS_BYTES = 24 * 1024 * 1024
MAX_INFLATED_BYTES = 512 * 1024 * 1024
"""A flat map of order 10 with four columns of doubles has 403 MB."""
MAX_RANGES = 2_000_000
DISTANCE_COLUMNS = frozenset({"DISTMU", "DISTSIGMA", "DISTNORM"})

_GZIP = b"\x1f\x8b"
_CHUNK_BYTES = 1 << 20
_SUM_TOLERANCE = 0.05
_MAX_FLAT_ORDER = 12
NO_FITS = (OSError, ValueError, TypeError, LookupError, AttributeError, UserWarning)
"""What astropy's reader raises of files that are none; warnings, where these are errors."""

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


class SkyMapError(ValueError):
    """A file is no map or MOC that can be searched; the message says why."""


@dataclass(frozen=True)
class Region:
    """A part of the sky.

    Attributes
    ----------
    edges : int64[2k]
        First cells and last cells + 1 of its ranges at order 29, ascending, in turn.
    has_distances : bool
        The map also says how far the source may be.
    """

    edges: Ints
    has_distances: bool = False

    def contains(self, ra_deg: Floats, dec_deg: Floats) -> NDArray[np.bool_]:
        """Tell for each position [deg, ICRS] whether it is inside."""
        cells = hpgeom.angle_to_pixel(2**HPX_ORDER, np.mod(ra_deg, 360.0), dec_deg)
        return np.asarray(np.searchsorted(self.edges, cells, side="right") % 2 == 1, np.bool_)


def read_moc(content: bytes) -> Region:
    """Return the region of a MOC FITS file.

    Raises
    ------
    SkyMapError
        If it is none.
    """
    from mocpy import MOC  # noqa: PLC0415 half a second, which only this search needs

    with _inflated(content) as path:
        try:
            moc = MOC.load(path, format="fits")
            ranges = np.asarray(moc.to_depth29_ranges, np.int64).reshape(-1, 2)
        except BaseException as error:  # its parser is compiled and panics at what it does not know
            if isinstance(error, KeyboardInterrupt | SystemExit | MemoryError):
                raise
            raise SkyMapError(f"it is no MOC FITS file: {short(error)}") from None
    return Region(_merged(ranges[:, 0], ranges[:, 1]))


def read_credible_region(content: bytes, level: float) -> Region:
    """Return the smallest region that holds ``level`` of a map's probability.

    Parameters
    ----------
    content : bytes
        FITS file, gzipped or not: one value for each pixel (``PROB``), flat in ring or nested
        order, or by ``UNIQ`` with a density (``PROBDENSITY``).
    level : float
        Above 0, up to 1.

    Raises
    ------
    SkyMapError
        If it is no such map, or its probability does not sum to 1.
    """
    with _inflated(content) as path:
        try:
            with path.open("rb") as raw, fits.open(raw, memmap=True) as file:
                table = table_of(file)
                order, cell, probability = pixels(table.header, table.data)
                has_distances = set(table.columns.names) >= DISTANCE_COLUMNS
        except SkyMapError:
            raise
        except NO_FITS as error:
            raise SkyMapError(f"it is no HEALPix FITS file: {short(error)}") from None
    inside = _densest(order, probability, level)
    shift = 2 * (HPX_ORDER - order[inside])
    first = cell[inside] << shift
    return Region(_merged(first, first + (np.int64(1) << shift)), has_distances)


def table_of(file: Any) -> Any:
    """Return the first table of an open FITS file."""
    for part in file:
        if isinstance(part, fits.BinTableHDU):
            return part
    raise SkyMapError("it is no HEALPix FITS file: it has no table")


def pixels(header: Any, rows: Any) -> tuple[Ints, Ints, Floats]:
    """Return order, nested index and probability of each pixel."""
    names = {name.upper(): name for name in rows.columns.names}
    if "UNIQ" in names:
        density = names.get("PROBDENSITY")
        if density is None:
            raise SkyMapError("it has UNIQ but no column PROBDENSITY")
        order, cell = _from_uniq(np.asarray(rows[names["UNIQ"]], np.int64))
        area_sr = np.pi / 3 / 4.0**order
        return order, cell, np.asarray(rows[density], np.float64) * area_sr
    column = next((names[n] for n in ("PROB", "PROBABILITY", "T") if n in names), None)
    if column is None:
        raise SkyMapError(f"it has no column PROB; found: {', '.join(names)}")
    probability = np.asarray(rows[column], np.float64).ravel()
    order_of_map = _flat_order(header, len(probability))
    cell = np.arange(len(probability), dtype=np.int64)
    if str(header.get("ORDERING", "RING")).strip().upper() in {"NESTED", "NEST"}:
        nested = cell
    else:
        nested = np.asarray(hpgeom.ring_to_nest(1 << order_of_map, cell), np.int64)
    return np.full(len(cell), order_of_map, np.int64), nested, probability


def _flat_order(header: Any, size: int) -> int:
    if str(header.get("INDXSCHM", "IMPLICIT")).strip().upper() == "EXPLICIT":
        raise SkyMapError("maps of a part of the sky (INDXSCHM EXPLICIT) are not read")
    for order in range(_MAX_FLAT_ORDER + 1):
        if 12 * 4**order == size:
            return order
    raise SkyMapError(f"{size} pixels are no HEALPix map of the whole sky")


def _from_uniq(uniq: Ints) -> tuple[Ints, Ints]:
    if not len(uniq) or uniq.min() < 4:  # noqa: PLR2004 the first of order 0
        raise SkyMapError("UNIQ must be 4 or more")
    order = np.asarray((np.frexp((uniq // 4).astype(np.float64))[1] - 1) // 2, np.int64)
    # Near the end of an order float64 may round up.
    order -= (np.int64(1) << (2 * order)) > uniq // 4
    if order.max() > HPX_ORDER:
        raise SkyMapError(f"UNIQ of an order beyond {HPX_ORDER}")
    cell = uniq - (np.int64(4) << (2 * order))
    if (cell >= (np.int64(12) << (2 * order))).any():
        raise SkyMapError("UNIQ beyond the sphere")
    return order, cell


def _densest(order: Ints, probability: Floats, level: float) -> Ints:
    """Return the pixels of the region, the densest of the sky first."""
    probability = np.where(np.isfinite(probability), probability, 0.0)
    if (probability < 0).any():
        raise SkyMapError("a probability is negative")
    total = float(probability.sum())
    if abs(total - 1) > _SUM_TOLERANCE:
        raise SkyMapError(f"its probabilities sum to {total:.4f}, not to 1")
    ranked = np.argsort(-(probability * 4.0**order), kind="stable")
    reached = np.cumsum(probability[ranked])
    count = int(np.searchsorted(reached, level * total)) + 1
    chosen = ranked[:count]
    return np.asarray(chosen[probability[chosen] > 0], np.int64)


def _merged(first: Ints, last: Ints) -> Ints:
    """Return the edges of ranges, those that touch or overlap joined."""
    if not len(first):
        return np.empty(0, np.int64)
    by_first = np.argsort(first, kind="stable")
    first, last = first[by_first], np.maximum.accumulate(last[by_first])
    begins = np.concatenate(([True], first[1:] > last[:-1]))
    ends = np.concatenate((begins[1:], [True]))
    edges = np.column_stack((first[begins], last[ends])).ravel()
    if len(edges) > 2 * MAX_RANGES:
        raise SkyMapError(f"the region has more than {MAX_RANGES} pieces")
    return np.asarray(edges, np.int64)


@contextmanager
def _inflated(content: bytes) -> Iterator[Path]:
    """Yield a file with the content, unpacked if it is gzipped."""
    if len(content) > MAX_FITS_BYTES:
        raise SkyMapError(f"it has {len(content)} bytes; at most {MAX_FITS_BYTES}")
    with tempfile.NamedTemporaryFile(suffix=".fits") as file:
        if content.startswith(_GZIP):
            _gunzip(content, file)
        else:
            file.write(content)
        file.flush()
        yield Path(file.name)


def _gunzip(content: bytes, file: Any) -> None:
    unpacker = zlib.decompressobj(wbits=31)
    stream, size = io.BytesIO(content), 0
    try:
        while piece := (unpacker.unconsumed_tail or stream.read(_CHUNK_BYTES)):
            inflated = unpacker.decompress(piece, _CHUNK_BYTES)
            size += len(inflated)
            if size > MAX_INFLATED_BYTES:
                raise SkyMapError(
                    f"unpacked it has more than {MAX_INFLATED_BYTES} bytes; send a multi-order map"
                )
            file.write(inflated)
        file.write(unpacker.flush())
    except zlib.error as error:
        raise SkyMapError(f"it is no gzip file: {error}") from None


def short(error: BaseException) -> str:
    """Return the first line of what a library says."""
    return (str(error) or type(error).__name__).splitlines()[0][:200]
