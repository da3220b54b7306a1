"""Rows as the bytes of Postgres' binary COPY, made by NumPy for many rows at once."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from pipeline.catalogs.record import ColumnType

HEADER = b"PGCOPY\n\xff\r\n\0" + bytes(8)
"""Signature, no flags, no header extension (PostgreSQL manual, COPY, "Binary Format")."""

TRAILER = b"\xff\xff"
_BLOCK_BYTES = 4 << 20
_MAX_BLOCK_ROWS = 16_384
_WIRE: dict[ColumnType, str] = {"double": ">f8", "real": ">f4", "bigint": ">i8", "boolean": "u1"}


@dataclass(frozen=True)
class _Field:
    """One column of a block: its values, where it is null, and each value's length in bytes."""

    values: NDArray[Any]
    null: NDArray[np.bool_] | None
    lengths: NDArray[np.int64] | None
    wire: tuple[str, tuple[int, ...]]

    @property
    def width(self) -> int:
        return np.dtype(self.wire[0]).itemsize * int(np.prod(self.wire[1]))


def pack(table: Any, types: Sequence[ColumnType]) -> Iterator[bytes]:
    """Yield the rows of an Arrow table in COPY's form, without header and trailer.

    Parameters
    ----------
    table : pyarrow.Table
        Contiguous columns whose Arrow types fit ``types``.
    types : sequence of ColumnType
        The Postgres types in order of the columns.
    """
    row_bytes = 2 + sum(
        4 + (_longest(column) if kind == "text" else 8)
        for column, kind in zip(table.columns, types, strict=True)
    )
    step = min(max(_BLOCK_BYTES // row_bytes, 1), _MAX_BLOCK_ROWS)
    for start in range(0, table.num_rows, step):
        block = table.slice(start, step)
        fields = [
            _field(_array(column), kind) for column, kind in zip(block.columns, types, strict=True)
        ]
        yield _rows(fields, block.num_rows)


def _rows(fields: list[_Field], n: int) -> bytes:
    """Lay the fields side by side at full width, then drop the bytes that rows do not have."""
    layout: list[Any] = [("count", ">i2")]
    for i, field in enumerate(fields):
        layout += [(f"length{i}", ">i4"), (f"value{i}", *field.wire)]
    rows = np.empty(n, np.dtype(layout))
    rows["count"] = len(fields)
    for i, field in enumerate(fields):
        rows[f"value{i}"] = field.values
        rows[f"length{i}"] = field.width if field.lengths is None else field.lengths
        if field.null is not None:
            rows[f"length{i}"][field.null] = -1
    if all(field.null is None and field.lengths is None for field in fields):
        return rows.tobytes()
    keep = np.ones((n, rows.dtype.itemsize), np.bool_)
    for i, field in enumerate(fields):
        at = rows.dtype.fields[f"value{i}"][1]  # type: ignore[index] # it has fields
        here = keep[:, at : at + field.width]
        if field.lengths is not None:
            here[:] = np.arange(field.width) < field.lengths[:, None]
        if field.null is not None:
            here[field.null] = False
    return rows.view(np.uint8).reshape(n, -1)[keep].tobytes()


def _field(array: Any, kind: ColumnType) -> _Field:
    null = None
    if array.null_count:
        null = np.asarray(array.is_null().to_numpy(zero_copy_only=False))
    if kind == "text":
        return _text_field(array.fill_null(""), null)
    filled = array.fill_null(False if kind == "boolean" else 0)
    return _Field(filled.to_numpy(zero_copy_only=False), null, None, (_WIRE[kind], ()))


def _text_field(array: Any, null: NDArray[np.bool_] | None) -> _Field:
    _, offset_buffer, text_buffer = array.buffers()
    n = len(array)
    offsets = np.frombuffer(offset_buffer, np.int32)[array.offset : array.offset + n + 1]
    offsets = offsets.astype(np.int64)
    text = np.frombuffer(text_buffer or b"", np.uint8)
    lengths = np.diff(offsets)
    width = max(int(lengths.max(initial=0)), 1)
    at = offsets[:-1, None] + np.arange(width)
    values = text[np.minimum(at, len(text) - 1)] if len(text) else np.zeros((n, width), np.uint8)
    return _Field(values, null, lengths, ("u1", (width,)))


def _array(column: Any) -> Any:
    return pa.concat_arrays(column.chunks) if column.num_chunks != 1 else column.chunk(0)


def _longest(column: Any) -> int:
    lengths = [
        int(
            np.diff(
                np.frombuffer(chunk.buffers()[1], np.int32)[chunk.offset :][: len(chunk) + 1]
            ).max(initial=0)
        )
        for chunk in column.chunks
        if len(chunk)
    ]
    return max(lengths, default=0)
