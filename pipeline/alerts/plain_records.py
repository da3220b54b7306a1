"""Avro records of many rows at once in NumPy, where the compiled loops of ``wire_kernel`` are not.

Fields are laid side by side in a table of bytes, each at its full width, with a second table that
says which bytes are really used; squeezing out the others gives all records in one step. The result
is byte for byte what an Avro library writes.
"""

from collections.abc import Mapping, Sequence
from itertools import groupby
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from pipeline.alerts.batch import BANDS, Column
from pipeline.alerts.photstats import PhotStats, StatsPair
from pipeline.alerts.wire import BRANCH_VALUE, VARINT_BYTES, Field, Fixed, Part, Stats, text

COUNT_BYTES = 5
"""Of the largest count of points as a varint."""
_FIXED: dict[str, np.dtype[Any]] = {
    "double": np.dtype("<f8"),
    "float": np.dtype("<f4"),
    "boolean": np.dtype("u1"),
}
_WIDTH = {"double": 8, "float": 4, "boolean": 1, "int": VARINT_BYTES, "long": VARINT_BYTES}
_VARINT_KINDS = ("int", "long", "enum")

Bytes = NDArray[np.uint8]
Mask = NDArray[np.bool_]


class Block(NamedTuple):
    """Bytes of some fields of n rows, [n, width], and which of them count."""

    values: Bytes
    used: Mask


def write(
    parts: Sequence[Part],
    columns: Mapping[str, Column],
    size: int,
    stats: StatsPair | None = None,
) -> list[bytes]:
    """Return ``size`` records, as ``flat_records.Plan.write`` does."""
    blocks: list[Block] = []
    for kind, same in groupby(parts, type):
        if kind is Field:  # together: what NumPy does costs by the call
            fields = [part for part in same if isinstance(part, Field)]
            blocks.append(encode_fields(fields, columns, size))
            continue
        for part in same:
            if isinstance(part, Stats) and stats is not None:
                blocks += _stats_blocks(stats[part.number])
            elif isinstance(part, Fixed):
                blocks.append(_fixed(part.value, size))
    return squeeze(blocks)


def squeeze(blocks: Sequence[Block]) -> list[bytes]:
    """Return each row's bytes, the blocks one after the other."""
    values, used = join(blocks)
    packed = values[used].tobytes()
    ends = np.cumsum(used.sum(axis=1)).tolist()
    return [packed[start:end] for start, end in zip([0, *ends], ends, strict=False)]


def join(blocks: Sequence[Block]) -> Block:
    """Return blocks of the same rows side by side, as one."""
    return Block(
        np.concatenate([block.values for block in blocks], axis=1),
        np.concatenate([block.used for block in blocks], axis=1),
    )


def encode_fields(fields: Sequence[Field], columns: Mapping[str, Column], size: int) -> Block:
    """Lay out ``size`` rows of fields.

    Parameters
    ----------
    fields : sequence of Field
        In the order of the record.
    columns : mapping of str to Column
        A column for every field. In a nullable field what is invalid, NaN or infinite becomes
        null; in any other its value is written as it stands (0, NaN, empty text).
    size : int
        Rows.
    """
    texts = {f.name: _texts(columns[f.name]) for f in fields if f.kind == "string"}
    widths = [_width(f, texts) for f in fields]
    ends = np.cumsum(np.array(widths, np.int64) + [f.is_nullable for f in fields])
    block = _empty(size, int(ends[-1]))
    starts = dict(zip((f.name for f in fields), (ends - widths).tolist(), strict=True))
    for kind, dtype in _FIXED.items():
        _put_fixed([f for f in fields if f.kind == kind], dtype, columns, starts, block)
    _put_varints([f for f in fields if f.kind in _VARINT_KINDS], columns, starts, block)
    for f in fields:
        if f.kind == "string":
            _put(f, columns[f.name].valid, texts[f.name], starts, block)
    return block


def varints(values: NDArray[np.integer[Any]], width: int = VARINT_BYTES) -> Block:
    """Return zigzag varints of ``values``; both arrays have one more axis, of ``width``."""
    signed = np.asarray(values, np.int64)
    zigzag = ((signed << 1) ^ (signed >> 63)).view(np.uint64)[..., None]
    places = np.arange(width, dtype=np.uint64)
    groups = zigzag >> (places * np.uint64(7))
    used = (groups > 0) | (places == 0)
    has_next = np.zeros_like(used)
    has_next[..., :-1] = used[..., 1:]
    return Block(((groups & 0x7F) | (has_next * np.uint64(0x80))).astype(np.uint8), used)


def _width(field: Field, texts: Mapping[str, Block]) -> int:
    if field.kind == "string":
        return int(texts[field.name].values.shape[1])
    return _WIDTH.get(field.kind, 1)  # an enum of fewer than 64 symbols is one byte


def _empty(size: int, width: int) -> Block:
    return Block(np.zeros((size, width), np.uint8), np.zeros((size, width), np.bool_))


def _put_fixed(
    fields: Sequence[Field],
    dtype: np.dtype[Any],
    columns: Mapping[str, Column],
    starts: Mapping[str, int],
    block: Block,
) -> None:
    if not fields:
        return
    size = len(block.values)
    values = np.empty((size, len(fields)), dtype)
    with np.errstate(over="ignore"):  # too large for a float is infinite, so null
        for at, field in enumerate(fields):
            values[:, at] = columns[field.name].values
    valid = np.stack([columns[field.name].valid for field in fields], axis=1)
    valid &= np.isfinite(values)
    bytes_ = values.view(np.uint8).reshape(size, len(fields), dtype.itemsize)
    _scatter(fields, Block(bytes_, np.ones_like(bytes_, np.bool_)), valid, starts, block)


def _put_varints(
    fields: Sequence[Field],
    columns: Mapping[str, Column],
    starts: Mapping[str, int],
    block: Block,
) -> None:
    for width in {_width(field, {}) for field in fields}:
        same = [field for field in fields if _width(field, {}) == width]
        chosen = [columns[field.name] for field in same]
        values = np.stack([np.where(c.valid, c.values, 0).astype(np.int64) for c in chosen], axis=1)
        valid = np.stack([c.valid for c in chosen], axis=1)
        _scatter(same, varints(values, width), valid, starts, block)


def _put(field: Field, valid: Mask, source: Block, starts: Mapping[str, int], block: Block) -> None:
    _scatter(
        [field],
        Block(source.values[:, None, :], source.used[:, None, :]),
        valid[:, None],
        starts,
        block,
    )


def _scatter(
    fields: Sequence[Field], source: Block, valid: Mask, starts: Mapping[str, int], block: Block
) -> None:
    """Put [n, fields, width] bytes where their fields stand, with a branch byte if nullable."""
    size, _, width = source.values.shape
    start = np.array([starts[field.name] for field in fields], np.int64)
    is_nullable = np.array([field.is_nullable for field in fields], np.bool_)
    at = (start[:, None] + np.arange(width)).ravel()
    used = source.used & (valid | ~is_nullable)[:, :, None]
    block.values[:, at] = source.values.reshape(size, -1)
    block.used[:, at] = used.reshape(size, -1)
    branch = start[is_nullable] - 1
    block.values[:, branch] = valid[:, is_nullable] * np.uint8(BRANCH_VALUE)
    block.used[:, branch] = True


def _texts(column: Column) -> Block:
    encoded = [
        text(value) if ok else b"\0"
        for value, ok in zip(column.values.tolist(), column.valid.tolist(), strict=True)
    ]
    length = np.array([len(one) for one in encoded], np.int64)
    width = int(length.max(initial=1))
    padded = b"".join(one.ljust(width, b"\0") for one in encoded)
    values = np.frombuffer(padded, np.uint8).reshape(len(encoded), width)
    return Block(values, np.arange(width) < length[:, None])


def _stats_blocks(stats: PhotStats) -> list[Block]:
    """Return the bytes of PerBandProperties, band by band."""
    return [_band_block(stats.bands[:, band]) for band in range(len(BANDS))]


def _band_block(stats: NDArray[Any]) -> Block:
    given = stats["is_given"]
    always = np.ones(len(stats), np.bool_)
    if not given.any():
        return _branch(given, always)
    blocks = [_branch(given, always), *_numbers(stats, _BAND_NUMBERS, given)]
    for name in ("rising", "fading"):
        rates = stats[name]
        is_fitted = given & rates["is_given"]
        blocks += (_branch(is_fitted, given), *_numbers(rates, _RATE_NUMBERS, is_fitted))
    return join(blocks)


def _numbers(
    records: NDArray[Any], names: tuple[str, ...], given: NDArray[np.bool_]
) -> list[Block]:
    blocks = []
    for name in names:
        values = np.ascontiguousarray(records[name])
        if values.dtype.kind == "i":
            block = varints(values, COUNT_BYTES)
        else:
            raw = values.view(np.uint8).reshape(*values.shape, values.itemsize)
            block = Block(raw, np.ones(raw.shape, np.bool_))
        blocks.append(Block(block.values, block.used & given[..., None]))
    return blocks


def _fixed(value: bytes, size: int) -> Block:
    values = np.tile(np.frombuffer(value, np.uint8), (size, 1))
    return Block(values, np.ones_like(values, np.bool_))


def _branch(is_value: NDArray[np.bool_], used: NDArray[np.bool_]) -> Block:
    return Block((is_value * np.uint8(BRANCH_VALUE))[..., None], used[..., None])


_BAND_NUMBERS = ("peak_jd", "peak_mag", "peak_mag_err", "dt")
_RATE_NUMBERS = ("rate", "rate_error", "red_chi2", "nb_data", "dt")
