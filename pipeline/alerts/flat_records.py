"""Flat Avro records of a whole batch, written by the compiled loop of ``wire_kernel``."""

from collections.abc import Mapping, Sequence
from itertools import accumulate, pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.alerts import wire_kernel as kernel
from pipeline.alerts.batch import BANDS, Column
from pipeline.alerts.photstats import BAND_STATS, PhotStats, StatsPair
from pipeline.alerts.wire import VARINT_BYTES, Fixed, Part, Stats

_OP = {
    "double": kernel.DOUBLE,
    "float": kernel.FLOAT,
    "boolean": kernel.BOOLEAN,
    "int": kernel.VARINT,
    "long": kernel.VARINT,
    "enum": kernel.VARINT,
    "string": kernel.TEXT,
}
_IS_INTEGER = (kernel.VARINT, kernel.BOOLEAN)


class Plan:
    """How one record schema is written, made once.

    Parameters
    ----------
    parts : sequence of Part
        In the order of the record.
    """

    def __init__(self, parts: Sequence[Part]) -> None:
        self.parts = tuple(parts)
        self._fields: dict[int, list[str]] = {op: [] for op in set(_OP.values())}
        self._valid: list[str] = []
        rows = [row for part in parts for row in self._rows(part)]
        self._program = np.array(rows, np.int64).reshape(-1, kernel.PROGRAM_WIDTH)
        self._row_bytes = sum(map(_most_bytes, parts))

    def write(
        self, columns: Mapping[str, Column], size: int, stats: StatsPair | None = None
    ) -> list[bytes]:
        """Return ``size`` records; a null goes where its column says so.

        Parameters
        ----------
        columns : mapping of str to Column
            A column for every field.
        size : int
            Rows.
        stats : pair of PhotStats or None
            What the parts of kind Stats number.
        """
        own, multi = stats or (_NO_STATS, _NO_STATS)
        texts, text_ends = self._texts(columns, size)
        out = np.empty(size * self._row_bytes + len(texts), np.uint8)
        ends = np.empty(size, np.int64)
        kernel.put_records(
            self._program,
            self._values(columns, size, kernel.DOUBLE, np.float64).view(np.uint64),
            self._values(columns, size, kernel.FLOAT, np.float32).view(np.uint32),
            self._values(columns, size, kernel.VARINT, np.int64),
            _table([columns[name].valid for name in self._valid], size, np.bool_),
            texts,
            text_ends,
            _STATS_PROGRAM,
            (_stats_bytes(own), _stats_bytes(multi)),
            out,
            ends,
        )
        return slices(out, ends)

    def _rows(self, part: Part) -> list[tuple[int, int, int, bool]]:
        if isinstance(part, Fixed):
            return [(kernel.CONSTANT, byte, 0, False) for byte in part.value]
        if isinstance(part, Stats):
            return [(kernel.STATS, part.number, 0, False)]
        op = _OP[part.kind]
        table = self._fields[kernel.VARINT if op in _IS_INTEGER else op]
        table.append(part.name)
        self._valid.append(part.name)
        return [(op, len(table) - 1, len(self._valid) - 1, part.is_nullable)]

    def _values(
        self, columns: Mapping[str, Column], size: int, op: int, dtype: type[np.number[Any]]
    ) -> NDArray[Any]:
        with np.errstate(over="ignore"):  # too large for a float is infinite, so null
            return _table([columns[name].values for name in self._fields[op]], size, dtype)

    def _texts(
        self, columns: Mapping[str, Column], size: int
    ) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
        """Return the letters of all texts, and where each ends behind a first 0."""
        names = self._fields[kernel.TEXT]
        lengths = np.zeros((len(names), size), np.int64)
        letters: list[bytes] = []
        for at, name in enumerate(names):
            valid = columns[name].valid
            found = columns[name].values[valid].tolist()
            together = "".join(found)
            letters.append(together.encode())
            if not together.isascii():
                found = [value.encode() for value in found]
            lengths[at, valid] = list(map(len, found))
        ends = np.concatenate(([0], np.cumsum(lengths)))
        return np.frombuffer(b"".join(letters), np.uint8), ends


def joined(parts: Sequence[bytes]) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """Return byte strings one behind the other, and where each ends behind a first 0."""
    ends = np.fromiter(accumulate(map(len, parts), initial=0), np.int64, len(parts) + 1)
    return np.frombuffer(b"".join(parts), np.uint8), ends


def slices(out: NDArray[np.uint8], ends: NDArray[np.int64]) -> list[bytes]:
    """Return the byte strings that end at ``ends``, the first of them beginning at 0."""
    bounds = [0, *ends.tolist()]
    packed = out[: bounds[-1]].tobytes()
    return [packed[first:last] for first, last in pairwise(bounds)]


def _table(rows: Sequence[NDArray[Any]], size: int, dtype: type[Any]) -> NDArray[Any]:
    found = np.empty((len(rows), size), dtype)
    for at, row in enumerate(rows):
        found[at] = row
    return found


def _stats_bytes(stats: PhotStats) -> NDArray[np.uint8]:
    packed = np.ascontiguousarray(stats.bands).view(np.uint8)
    return packed.reshape(len(packed), len(BANDS), BAND_STATS.itemsize)


def _stats_program(dtype: np.dtype[Any], start: int = 0, row: int = 0) -> list[list[int]]:
    """Return the program of a packed element whose first field says whether it is given."""
    names = dtype.names or ()
    fields: Mapping[str, Any] = dtype.fields or {}
    program = [[kernel.BRANCH, start, 0]]
    for name in names[1:]:
        kind, offset = fields[name][:2]
        if kind.names:
            program += _stats_program(kind, start + offset, row + len(program))
        else:
            op = kernel.LONG if kind.kind == "i" else kernel.COPY
            program.append([op, start + offset, kind.itemsize])
    program[0][2] = row + len(program)
    return program


def _most_bytes(part: Part) -> int:
    """Return an upper bound of a part's bytes, without the letters of texts."""
    if isinstance(part, Stats):
        return _STATS_BYTES
    if isinstance(part, Fixed):
        return len(part.value)
    return 1 + VARINT_BYTES


_NO_STATS = PhotStats(np.empty(0, np.bool_), np.empty((0, len(BANDS)), BAND_STATS))
_STATS_PROGRAM = np.array(_stats_program(BAND_STATS), np.int64)
_STATS_BYTES = len(BANDS) * (BAND_STATS.itemsize + VARINT_BYTES * len(_STATS_PROGRAM))
