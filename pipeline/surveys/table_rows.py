"""Rows of the compiled kernel's tables, for whole arrays at a time."""

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from broker.avro_table import Cells, Table
from pipeline.alerts.batch import Column
from pipeline.surveys.rows import (
    HEAD_BYTES,
    ColumnTypeError,
    Floats,
    Integers,
    RecordRows,
    Rows,
    coded_values,
    drop_none,
)

_INTEGERS = frozenset({"int", "long", "boolean"})
_FLOATS = frozenset({"float", "double"})
_ALL_BYTES = 256
_NO_NAMES: Mapping[str, str] = MappingProxyType({})


class TableRows:
    """Rows of one table, or of a record within it; see ``pipeline.surveys.rows.Rows``.

    Parameters
    ----------
    table : Table
        Of packets of one schema.
    prefix : str
        Of the paths of this record's fields.
    former_names : mapping
        What a field was called once, by its name of today; the later of both in a schema counts.

    Raises
    ------
    ColumnTypeError
        By every method, for a field of a type that has no such column.
    """

    def __init__(
        self, table: Table, prefix: str = "", former_names: Mapping[str, str] = _NO_NAMES
    ) -> None:
        self._table = table
        self._prefix = prefix
        self._former_names = former_names

    def __len__(self) -> int:
        return len(self._table)

    def numbers(self, names: Sequence[str], sentinel: float | None = None) -> Floats:
        """See ``Rows``."""
        found = np.full((len(names), len(self)), np.nan)
        for into, name in zip(found, names, strict=True):
            if (cells := self._cells(name)) is None:
                continue
            if cells.leaf.kind in _FLOATS:
                into[:] = cells.floats
            else:
                _require(cells, _INTEGERS, name)
                np.copyto(into, cells.bits, where=cells.is_there)
        return drop_none(found, sentinel)

    def integers(self, name: str, none: int | None = None) -> Column:
        """See ``Rows``."""
        if (cells := self._cells(name)) is None:
            return Column(np.zeros(len(self), np.int64), np.zeros(len(self), bool))
        _require(cells, _INTEGERS, name)
        valid = cells.is_there
        if none is not None:
            valid = valid & (cells.bits != none)
        return Column(np.where(valid, cells.bits, 0), valid)

    def texts(self, name: str) -> list[str | None]:
        """See ``Rows``."""
        if (cells := self._cells(name)) is None:
            return [None] * len(self)
        _require(cells, {"string", "enum"}, name)
        return cells.texts()

    def coded(self, name: str, codes: Mapping[Any, float], *, is_folded: bool = False) -> Floats:
        """See ``Rows``."""
        cells = self._cells(name)
        if cells is None or cells.leaf.kind != "string":
            return coded_values(self._plain(cells, name), codes, is_folded=is_folded)
        by_byte = np.full(_ALL_BYTES, np.nan)
        for text, code in codes.items():
            if isinstance(text, str) and len(text) == 1:
                for one in {text, text.upper()} if is_folded else {text}:
                    by_byte[ord(one)] = code
        starts, lengths = cells.places
        is_short = lengths == 1
        found = np.where(is_short, by_byte[cells.buffer[np.where(is_short, starts, 0)]], np.nan)
        longest = max((len(text) for text in codes if isinstance(text, str)), default=0)
        if longest > 1 and len(rest := np.flatnonzero(lengths > 1)):
            texts = [bytes(cells.buffer[starts[i] : starts[i] + lengths[i]]).decode() for i in rest]
            found[rest] = coded_values(texts, codes, is_folded=is_folded)
        return found

    def _plain(self, cells: Cells | None, name: str) -> Sequence[Any]:
        if cells is None:
            return [None] * len(self)
        if cells.leaf.kind == "enum":
            return cells.texts()
        _require(cells, _INTEGERS, name)
        there = zip(cells.bits.tolist(), cells.is_there.tolist(), strict=True)
        return [value if is_there else None for value, is_there in there]

    def heads(self, name: str) -> tuple[NDArray[np.uint8], Integers]:
        """See ``Rows``."""
        cells = self._cells(f"{name}.stampData") or self._cells(name)
        if cells is None:
            return np.zeros((len(self), HEAD_BYTES), np.uint8), np.zeros(len(self), np.int64)
        _require(cells, {"bytes", "fixed"}, name)
        starts, lengths = cells.places
        offsets = np.arange(HEAD_BYTES)
        is_inside = offsets < lengths[:, None]
        at = np.where(is_inside, starts[:, None] + offsets, 0)
        return np.where(is_inside, cells.buffer[at], 0).astype(np.uint8), lengths

    def is_there(self, name: str) -> NDArray[np.bool_]:
        """See ``Rows``."""
        if (cells := self._cells(name)) is not None:
            return cells.is_there
        return np.full(len(self), self._is_record(name))

    def has(self, name: str) -> NDArray[np.bool_]:
        """See ``Rows``."""
        is_known = self._prefix + name in self._table.leaves or self._is_record(name)
        return np.full(len(self), is_known)

    def within(self, name: str, *, is_optional: bool = False) -> "TableRows":
        """See ``Rows``."""
        leaf = self._table.leaves.get(self._prefix + name)
        if not is_optional and (leaf is not None or not self._is_record(name)):
            raise ColumnTypeError(f"{name} is not in every packet")
        if leaf is not None and leaf.kind != "record":
            raise ColumnTypeError(f"{name} is a {leaf.kind}")
        return TableRows(self._table, f"{self._prefix}{name}.", self._former_names)

    def child(self, name: str) -> tuple[Integers, Rows]:
        """See ``Rows``."""
        path = self._prefix + name
        found = self._table.child(path)
        if found is None and not self.has(name).any():
            return np.empty(0, np.int64), RecordRows([])
        if found is None or "" in found.leaves:
            raise ColumnTypeError(f"{name} is no array of records")
        return found.parent, TableRows(found, "", self._former_names)

    def renamed(self, former_names: Mapping[str, str]) -> "TableRows":
        """Return the same rows, whose fields are looked for under former names, too."""
        return TableRows(self._table, self._prefix, former_names)

    def _cells(self, name: str) -> Cells | None:
        path = self._prefix + name
        if former := self._former_names.get(name):
            paths = {path, self._prefix + former}
            path = next(
                (each for each in reversed(list(self._table.leaves)) if each in paths), path
            )
        return self._table.column(path)

    def _is_record(self, name: str) -> bool:
        start = f"{self._prefix}{name}."
        return any(path.startswith(start) for path in self._table.leaves)


def _require(cells: Cells, kinds: frozenset[str] | set[str], name: str) -> None:
    if cells.leaf.kind not in kinds:
        raise ColumnTypeError(f"{name} is a {cells.leaf.kind}")
