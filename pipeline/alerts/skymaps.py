"""Regions of the sky out of FITS files: MOCs, and localizations in either HEALPix form.

A region is a sorted list of edges of nested HEALPix ranges of order 29: even places begin a range,
odd ones end it. What comes from outside is bounded in size before it is read.
"""

from dataclasses import dataclass
from typing import Any

import hpgeom
import numpy as np
from astropy.io import fits
from numpy.typing import NDArray

from pipeline.alerts.skymap_files import SkyMapError, inflated
from pipeline.sky import HPX_ORDER

MAX_INFLATED_BYTES = 512 * 1024 * 1024
"""A flat map of order 10 with four columns of doubles has 403 MB."""
MAX_MOC_BYTES = 64 * 1024 * 1024
MAX_FLAT_ORDER = 10
MAX_PIXELS = 12 * 4**MAX_FLAT_ORDER
MAX_ROWS = 2_000_000
"""Of a multi-order map; the largest that were sent have some tens of thousands."""
MAX_RANGES = 2_000_000
UNIQ, DENSITY = "UNIQ", "PROBDENSITY"
FLAT_COLUMNS = ("PROB", "PROBABILITY", "T")
NUMBERS = frozenset("BIJKED")
"""Formats of columns that hold one number after another."""
DISTANCE_COLUMNS = frozenset({"DISTMU", "DISTSIGMA", "DISTNORM"})

_SUM_TOLERANCE = 0.05
NO_FITS = (OSError, ValueError, TypeError, LookupError, AttributeError, UserWarning)
"""What astropy's reader raises of files that are none; warnings, where these are errors."""

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


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

    with inflated(content, MAX_MOC_BYTES) as path:
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
        If it is no such map, has too many pixels, or its probability does not sum to 1.
    """
    with inflated(content, MAX_INFLATED_BYTES) as path:
        try:
            with path.open("rb") as raw, fits.open(raw, memmap=True) as file:
                table = table_of(file)
                _check_size(table.columns, int(table.header["NAXIS2"]))
                edges = _edges(table.header, table.data, level)
                has_distances = set(table.columns.names) >= DISTANCE_COLUMNS
        except SkyMapError:
            raise
        except NO_FITS as error:
            raise SkyMapError(f"it is no HEALPix FITS file: {short(error)}") from None
    if len(edges) > 2 * MAX_RANGES:
        raise SkyMapError(f"the region has more than {MAX_RANGES} pieces")
    return Region(edges, has_distances)


def table_of(file: Any) -> Any:
    """Return the first table of an open FITS file."""
    for part in file:
        if isinstance(part, fits.BinTableHDU):
            return part
    raise SkyMapError("it is no HEALPix FITS file: it has no table")


def pixels(header: Any, rows: Any) -> tuple[Ints, Ints, Floats]:
    """Return order, nested index and probability of each pixel."""
    column = _column_of(rows.columns)
    if column == UNIQ:
        return _multi_order(rows)
    order, probability = _flat(header, rows, column)
    cell = _nested(header, order, np.arange(len(probability), dtype=np.int64))
    return np.full(len(cell), order, np.int64), cell, probability


def _column_of(columns: Any) -> str:
    """Return which column tells the pixels: ``UNIQ``, or that of a flat map."""
    names = [name.upper() for name in columns.names]
    if UNIQ in names:
        if DENSITY not in names:
            raise SkyMapError("it has UNIQ but no column PROBDENSITY")
        return UNIQ
    column = next((name for name in FLAT_COLUMNS if name in names), None)
    if column is None:
        raise SkyMapError(f"it has no column PROB; found: {', '.join(columns.names)}")
    return column


def _check_size(columns: Any, rows: int) -> None:
    """Refuse by its header alone a table whose numbers would fill the memory."""
    column = _column_of(columns)
    for name in (UNIQ, DENSITY) if column == UNIQ else (column,):
        form = columns[name].format
        if form.format not in NUMBERS:  # text, bits, or rows that point to their numbers
            raise SkyMapError(f"its column {name} is {form}, not a number")
        count, most = rows * form.repeat, MAX_ROWS if column == UNIQ else MAX_PIXELS
        if count > most:
            raise SkyMapError(f"it has {count} pixels; at most {most}: send a multi-order map")


def _edges(header: Any, rows: Any, level: float) -> Ints:
    """Return the edges of a map's region at order 29.

    A flat map has up to ``MAX_PIXELS``: of that many no more than four columns are held at once.
    """
    column = _column_of(rows.columns)
    if column == UNIQ:
        order, cell, probability = _multi_order(rows)
        inside = _densest(probability * 4.0**order, probability, level)
        shift = 2 * (HPX_ORDER - order[inside])
        first = cell[inside] << shift
        return _merged(first, first + (np.int64(1) << shift))
    flat_order, probability = _flat(header, rows, column)
    is_inside = np.zeros(len(probability) + 2, np.bool_)  # and a cell outside at either end
    inside = _densest(probability, probability, level)
    is_inside[_nested(header, flat_order, inside) + 1] = True
    changes = np.flatnonzero(is_inside[1:] != is_inside[:-1])
    return np.asarray(changes, np.int64) << (2 * (HPX_ORDER - flat_order))


def _multi_order(rows: Any) -> tuple[Ints, Ints, Floats]:
    order, cell = _from_uniq(np.asarray(rows[UNIQ], np.int64))
    area_sr = np.pi / 3 / 4.0**order
    return order, cell, np.asarray(rows[DENSITY], np.float64) * area_sr


def _flat(header: Any, rows: Any, column: str) -> tuple[int, Floats]:
    probability = np.array(rows[column], np.float64).ravel()
    return _flat_order(header, len(probability)), probability


def _nested(header: Any, order: int, cell: Ints) -> Ints:
    """Return the nested indices of a flat map's rows."""
    if str(header.get("ORDERING", "RING")).strip().upper() in {"NESTED", "NEST"}:
        return cell
    return np.asarray(hpgeom.ring_to_nest(1 << order, cell), np.int64)


def _flat_order(header: Any, size: int) -> int:
    if str(header.get("INDXSCHM", "IMPLICIT")).strip().upper() == "EXPLICIT":
        raise SkyMapError("maps of a part of the sky (INDXSCHM EXPLICIT) are not read")
    for order in range(MAX_FLAT_ORDER + 1):
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


def _densest(density: Floats, probability: Floats, level: float) -> Ints:
    """Return the pixels of the region, the densest of the sky first; spoils what it is given."""
    for values in (density, probability):
        values[~np.isfinite(values)] = 0.0
    if (probability < 0).any():
        raise SkyMapError("a probability is negative")
    total = float(probability.sum())
    if abs(total - 1) > _SUM_TOLERANCE:
        raise SkyMapError(f"its probabilities sum to {total:.4f}, not to 1")
    ranked = np.argsort(-density, kind="stable")
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
    return np.asarray(np.column_stack((first[begins], last[ends])).ravel(), np.int64)


def short(error: BaseException) -> str:
    """Return the first line of what a library says."""
    return (str(error) or type(error).__name__).splitlines()[0][:200]
