"""Cells of any type to typed rows with a usable position and a HEALPix index."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from pipeline.angles import FULL_CIRCLE_DEG, POLE_DEG
from pipeline.catalogs.record import INDEX_COLUMN, Catalog, Column, ColumnType, LoadError
from pipeline.sky import hpx29

SHOWN_BAD_POSITIONS = 10
_DEG_PER_HOUR = 15.0
_MIN_RA_DEG = -180.0
"""Files count right ascension from 0 to 360 or from −180 to 180."""

_SECONDS = 60.0
_ARROW_TYPES: dict[ColumnType, Any] = {
    "double": pa.float64(),
    "real": pa.float32(),
    "bigint": pa.int64(),
    "boolean": pa.bool_(),
    "text": pa.string(),
}
_NO_VALUE = pa.array(["", "null", "none", "nan", "n/a", "na", "<na>", "--", "---", "\\n"])
"""Cells that mean "no value", after trimming and in lower case."""

_SEXAGESIMAL = (
    r"^(?P<sign>[+-]?)(?P<whole>\d{1,3})[\s:hd°]+(?P<minutes>\d{1,2})[\s:m'′]+"
    r"(?P<seconds>\d{1,2}(?:\.\d*)?)[s\"″]?$"
)
_BYTES_LITERAL = r"^b'(.*)'$"
"""How Python prints byte strings; tables written by careless scripts are full of it."""


@dataclass(frozen=True)
class BadPosition:
    """A row that was left out; ``row`` counts the file's rows from 1."""

    row: int
    ra: str
    dec: str


@dataclass(frozen=True)
class Converted:
    """Rows ready to pack: an Arrow table of the catalog's columns and the index column."""

    table: Any
    bad_rows: int
    bad: tuple[BadPosition, ...]


def convert(catalog: Catalog, batch: Any, pairs: Mapping[str, str], first_row: int) -> Converted:
    """Return the batch's rows as the catalog's types.

    Parameters
    ----------
    catalog : Catalog
        Wanted columns.
    batch : pyarrow.Table
        The file's columns in the order of ``pairs``.
    pairs : mapping of str to str
        Our columns to the file's, for those that it has.
    first_row : int
        Number of the batch's first row in the file, from 1, for messages.

    Raises
    ------
    LoadError
        If a cell cannot be what its column is.
    """
    cells = {ours: _plain(batch.column(i)) for i, ours in enumerate(pairs)}
    ra_deg = _angles(cells["ra"], _DEG_PER_HOUR)
    dec_deg = _angles(cells["dec"], 1.0)
    good = (ra_deg >= _MIN_RA_DEG) & (ra_deg <= FULL_CIRCLE_DEG) & (np.abs(dec_deg) <= POLE_DEG)
    bad = np.flatnonzero(~good)
    listed = tuple(
        BadPosition(first_row + int(i), str(cells["ra"][i]), str(cells["dec"][i]))
        for i in bad[:SHOWN_BAD_POSITIONS]
    )
    kept = pa.array(good) if len(bad) else None
    rows = first_row + np.flatnonzero(good)
    ra_deg, dec_deg = _normal(ra_deg[good]), dec_deg[good]
    arrays = {"ra": pa.array(ra_deg), "dec": pa.array(dec_deg)}
    for column in catalog.payload:
        if column.name not in cells:
            arrays[column.name] = pa.nulls(len(rows), _ARROW_TYPES[column.type])
            continue
        found = cells[column.name]
        arrays[column.name] = typed(column, found.filter(kept) if len(bad) else found, rows)
    arrays[INDEX_COLUMN] = pa.array(hpx29(ra_deg, dec_deg))
    return Converted(pa.table(arrays), len(bad), listed)


def typed(column: Column, cells: Any, rows: NDArray[np.int64]) -> Any:
    """Return ``cells`` as the column's type; NaN and infinity become null."""
    wanted = _ARROW_TYPES[column.type]
    try:
        values = _cast(cells, wanted)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
        raise LoadError(_first_wrong(column, cells, rows) or f"{column.name}: {error}") from None
    if pa.types.is_floating(wanted):
        values = pc.if_else(pc.is_finite(values), values, pa.scalar(None, wanted))
    if column.type == "bigint" and values.null_count:
        at = int(np.flatnonzero(values.is_null().to_numpy(zero_copy_only=False))[0])
        raise LoadError(f"column {column.name}, row {rows[at]}: no value, wanted: a whole number")
    return values


def _plain(column: Any) -> Any:
    """Return one contiguous array without dictionaries; text trimmed, "no value" as null."""
    cells = column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
    if isinstance(cells, pa.ChunkedArray):
        cells = pa.concat_arrays(cells.chunks)
    if pa.types.is_dictionary(cells.type):
        cells = cells.dictionary_decode()
    if pa.types.is_binary(cells.type) or pa.types.is_large_binary(cells.type):
        cells = _text(cells)
    if pa.types.is_string(cells.type) or pa.types.is_large_string(cells.type):
        cells = pc.utf8_trim_whitespace(cells.cast(pa.string()))
        none = pc.is_in(pc.utf8_lower(cells), _NO_VALUE)
        cells = pc.if_else(none, pa.scalar(None, pa.string()), cells)
    return cells


def _text(cells: Any) -> Any:
    try:
        return cells.cast(pa.string())
    except pa.ArrowInvalid:
        old = [None if cell is None else cell.decode("latin-1") for cell in cells.to_pylist()]
        return pa.array(old, pa.string())


def _cast(cells: Any, wanted: Any) -> Any:
    if pa.types.is_string(wanted):
        text = pc.replace_substring(cells.cast(wanted), "\0", "")  # Postgres text holds no NUL
        text = pc.replace_substring_regex(text, _BYTES_LITERAL, r"\1")
        return _plain(text)
    if pa.types.is_string(cells.type):
        cells = _unsigned(cells)
    if pa.types.is_floating(wanted):
        return cells.cast(pa.float64(), safe=False).cast(wanted, safe=False)
    return cells.cast(wanted)


def _unsigned(cells: Any) -> Any:
    """Drop plus signs, which Arrow's number parser refuses."""
    return pc.utf8_ltrim(cells, "+")


def _first_wrong(column: Column, cells: Any, rows: NDArray[np.int64]) -> str | None:
    """Return which cell does not fit, or None when it is the whole column."""
    for at, cell in enumerate(cells):
        try:
            _cast(pa.array([cell.as_py()], cells.type), _ARROW_TYPES[column.type])
        except pa.ArrowInvalid:
            return f"column {column.name}, row {rows[at]}: {cell.as_py()!r} is no {column.type}"
        except pa.ArrowNotImplementedError:
            break
    return f"column {column.name} holds {cells.type}, wanted: {column.type}"


def _angles(cells: Any, deg_per_unit: float) -> NDArray[np.float64]:
    """Return angles in degrees, NaN where unreadable; sexagesimal text has its own unit."""
    if not pa.types.is_string(cells.type):
        try:
            values = cells.cast(pa.float64(), safe=False)
        except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
            raise LoadError(f"a position column holds {cells.type}, wanted: degrees") from None
        return _floats(values)
    try:
        return _floats(_unsigned(cells).cast(pa.float64()))
    except pa.ArrowInvalid:
        numeric = pc.match_substring_regex(cells, r"^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$")
        plain = pc.if_else(numeric, _unsigned(cells), pa.scalar(None, pa.string()))
        decimal = _floats(plain.cast(pa.float64()))
        return np.where(np.isnan(decimal), _sexagesimal(cells) * deg_per_unit, decimal)


def _sexagesimal(cells: Any) -> NDArray[np.float64]:
    parts = pc.extract_regex(cells, _SEXAGESIMAL)
    sign = pc.struct_field(parts, "sign").fill_null("")
    whole, minutes, seconds = (
        _floats(pc.struct_field(parts, name).cast(pa.float64()))
        for name in ("whole", "minutes", "seconds")
    )
    value = whole + (minutes + seconds / _SECONDS) / _SECONDS
    value[(minutes >= _SECONDS) | (seconds > _SECONDS)] = np.nan
    return np.where(_flags(pc.equal(sign, "-")), -value, value)


def _floats(values: Any) -> NDArray[np.float64]:
    filled = values.fill_null(float("nan"))
    return np.array(filled.to_numpy(zero_copy_only=False), np.float64)


def _flags(values: Any) -> NDArray[np.bool_]:
    return np.asarray(values.to_numpy(zero_copy_only=False), np.bool_)


def _normal(ra_deg: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return right ascensions in [0, 360)."""
    turned = np.mod(ra_deg, FULL_CIRCLE_DEG)
    return np.where(
        turned >= FULL_CIRCLE_DEG, 0.0, turned
    )  # −1e-17 mod 360 is 360 in floating point


def concat(tables: Sequence[Any]) -> Any:
    """Return the tables one below the other, each column contiguous."""
    return pa.concat_tables(tables).combine_chunks()
