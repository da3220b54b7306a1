"""Catalogs as FITS binary tables, memory-mapped."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from astropy.io import fits
from numpy.typing import NDArray

from pipeline.catalogs.reading import reading
from pipeline.catalogs.record import LoadError

BATCH_ROWS = 131_072
_LOGICAL = "L"


class FitsSource:
    """Rows of the first binary table of a FITS file."""

    def __init__(self, path: Path) -> None:
        self._path = path
        with _opened(path) as hdus:
            self._at = _table_at(path, hdus)
            self.columns = tuple(hdus[self._at].columns.names)
            self.size = int(hdus[self._at].header["NAXIS2"])

    def batches(self, columns: Sequence[str]) -> Iterator[tuple[Any, int]]:
        """Yield Arrow tables of ``columns`` in that order, and the rows read after each."""
        with reading(self._path), _opened(self._path) as hdus:
            table = hdus[self._at]
            raw = np.asarray(table.data).view(np.ndarray)
            described = [self._described(table.columns[name], raw) for name in columns]
            names = [str(i) for i in range(len(columns))]
            for start in range(0, self.size, BATCH_ROWS):
                part = raw[start : start + BATCH_ROWS]
                arrays = [_arrow(part[column.name], column) for column in described]
                yield pa.Table.from_arrays(arrays, names), min(start + BATCH_ROWS, self.size)

    def _described(self, column: Any, raw: NDArray[Any]) -> Any:
        if raw.dtype[column.name].shape or column.format.format in {"P", "Q"}:
            raise LoadError(
                f"{self._path}: column {column.name} holds arrays, wanted: one value a row"
            )
        return column


@contextmanager
def _opened(path: Path) -> Iterator[Any]:
    """Open a file so that it is closed even when Astropy gives up half-way."""
    with path.open("rb") as file, fits.open(file, memmap=True) as hdus:
        yield hdus


def _table_at(path: Path, hdus: Any) -> int:
    for at, hdu in enumerate(hdus):
        if isinstance(hdu, fits.BinTableHDU) and len(hdu.columns):
            return at
    raise LoadError(f"{path} holds no binary table")


def _arrow(values: NDArray[Any], column: Any) -> Any:
    """Return one column of some rows with TNULL, TSCAL and TZERO applied (FITS 4.0, §7.3.2)."""
    if values.dtype.kind == "S":
        return pa.array(np.char.rstrip(values, b"\0 ").tolist(), pa.binary())
    if column.format.format == _LOGICAL:
        return pa.array(values == ord("T"), mask=values == 0)
    native = values.astype(values.dtype.newbyteorder("="))
    null = None if column.null in {None, ""} else native == column.null
    if column.bscale not in {None, "", 1} or not float(column.bzero or 0).is_integer():
        native = native * float(column.bscale or 1) + float(column.bzero or 0)
    elif column.bzero not in {None, "", 0}:
        native = _shifted(native, int(column.bzero))
    return pa.array(native, mask=null)


def _shifted(native: NDArray[Any], zero: int) -> NDArray[Any]:
    """Add a whole TZERO, by which FITS writes unsigned integers and signed bytes."""
    if zero == 1 << 63:
        return native.view(np.uint64) ^ np.uint64(zero)
    return native + zero if native.dtype.kind == "f" else native.astype(np.int64) + zero
