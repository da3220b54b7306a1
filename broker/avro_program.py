"""Avro schemas as programs: a schema becomes numbers that one compiled kernel follows.

A program is a flat array of instructions of ``WORDS`` numbers. Records are inlined, so every value
outside arrays has a fixed slot in its packet's row; each array is a table of its own, with one row
per item. A new schema is data: nothing is compiled for it.
"""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from fastavro.read import LOGICAL_READERS
from numpy.typing import NDArray

WORDS = 6
"""Of an instruction: operation, slot (−1: walked over, not kept), two operands, which branch is
null (−1: none is), where to go on when it is null."""

END = 0
LONG = 1
BOUNDED = 2
"""A number from the first operand to the second."""
FLOAT = 3
DOUBLE = 4
BOOLEAN = 5
STRING = 6
BYTES = 7
FIXED = 8
"""As many bytes as the first operand says."""
ARRAY = 9
"""Rows of the table that the first operand says, up to ARRAY_END."""
ARRAY_END = 10
UNION = 11
"""One of so many branches as the first operand says; where each begins follows the instruction."""
JUMP = 12
RECORD = 13
"""Begins a record that may be null."""

MAX_DEPTH = 15
MAX_INSTRUCTIONS = 20_000
"""LSST has 700; a schema that names records within records could ask for any number."""

_TIMESTAMP_S = (-62_135_596_800, 253_402_300_799)
"""From the year 1 to 9999, beyond which Python has no time and fastavro fails."""
_TIMESTAMPS = {"long-timestamp-millis": 1_000, "long-timestamp-micros": 1_000_000}
_PRIMITIVES = {
    "boolean": BOOLEAN,
    "int": LONG,
    "long": LONG,
    "float": FLOAT,
    "double": DOUBLE,
    "string": STRING,
    "bytes": BYTES,
}


class NotCompilableError(ValueError):
    """A schema that no program can follow; the message says what in it."""


@dataclass(frozen=True)
class Leaf:
    """Where a column is.

    Attributes
    ----------
    kind : str
        Avro's type; ``timestamp-millis`` and ``timestamp-micros`` are numbers. ``array`` holds the
        first row and the count in its table, ``union`` a branch, ``record`` only whether it is
        there.
    slot : int
        In the rows of its table.
    symbols : tuple of str
        Of an enum.
    """

    kind: str
    slot: int
    symbols: tuple[str, ...] = ()


@dataclass
class Layout:
    """One table: the packets, or the items of an array.

    Attributes
    ----------
    columns : dict of str to Leaf
        By path from here, in the schema's order; the items of an array of numbers are ``""``, the
        values of the third branch of a union of several types ``path:2``.
    children : dict of str to int
        Number of the table of each array, by path from here.
    """

    width: int = 0
    columns: dict[str, Leaf] = field(default_factory=dict)
    children: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class Program:
    """A compiled schema; table 0 has one row per packet.

    ``rows_per_packet`` is how many rows each table needed of late, and changes.
    """

    code: NDArray[np.int64]
    layouts: tuple[Layout, ...]
    rows_per_packet: NDArray[np.float64]


def compile_schema(schema: Mapping[str, Any], wanted: Collection[str] | None = None) -> Program:
    """Compile a record schema in fastavro's parsed form.

    Parameters
    ----------
    schema : mapping
        As ``broker.avro_schema`` accepts it: not recursive, no array whose items take no bytes.
    wanted : collection of str, optional
        Full paths (``candidate.jd``, ``prv_candidates.jd``) of what is kept; the rest is only
        checked. None keeps everything.

    Raises
    ------
    NotCompilableError
        For maps, nesting deeper than MAX_DEPTH, logical types that are no timestamps, or a schema
        that is too large.
    """
    compiler = _Compiler(schema.get("__named_schemas", {}), wanted)
    compiler.value(schema, _Place(0, "", ""), 0)
    compiler.emit(END)
    layouts = tuple(compiler.layouts)
    rows = np.ones(len(layouts))
    return Program(np.array(compiler.code, np.int64), layouts, rows)


@dataclass(frozen=True)
class _Place:
    """Where a value goes: its table, its path from there, its path from the packet."""

    table: int
    path: str
    full: str

    def field(self, name: str) -> "_Place":
        return _Place(self.table, _joined(self.path, name), _joined(self.full, name))

    def branch(self, number: int) -> "_Place":
        return _Place(self.table, f"{self.path}:{number}", f"{self.full}:{number}")


def _joined(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name


class _Compiler:
    def __init__(self, named: Mapping[str, Any], wanted: Collection[str] | None) -> None:
        self.code: list[int] = []
        self.layouts = [Layout()]
        self._named = named
        self._wanted = wanted

    def emit(
        self, operation: int, slot: int = -1, first: int = 0, second: int = 0, null: int = -1
    ) -> int:
        """Append an instruction and return its position; where null goes on is the next one."""
        at = len(self.code)
        if at > WORDS * MAX_INSTRUCTIONS:
            raise NotCompilableError(f"more than {MAX_INSTRUCTIONS} values")
        self.code += [operation, slot, first, second, null, at + WORDS]
        return at

    def value(self, schema: Any, place: _Place, depth: int, null: int = -1) -> None:
        """Append what reads one value; ``null`` is the branch that says that there is none."""
        if depth > MAX_DEPTH:
            raise NotCompilableError(f"{place.full} is nested deeper than {MAX_DEPTH}")
        if isinstance(schema, list):
            return self._union(schema, place, depth)
        if isinstance(schema, str):
            schema = {"type": schema} if _is_plain(schema) else self._named[schema]
        kind = schema["type"]
        if not isinstance(kind, str) or not _is_type(kind):
            return self.value(kind, place, depth, null)
        if logical := _logical(schema):
            return self._timestamp(logical, place, null)
        compound: dict[str, Callable[[Any, _Place, int, int], None]] = {
            "record": self._record,
            "error": self._record,
            "array": self._array,
        }
        if kind in compound:
            return compound[kind](schema, place, depth, null)
        return self._leaf(schema, kind, place, null)

    def _leaf(self, schema: Any, kind: str, place: _Place, null: int) -> None:
        if kind in _PRIMITIVES:
            self.emit(_PRIMITIVES[kind], self._slot(place, kind), null=null)
        elif kind == "enum":
            symbols = tuple(schema["symbols"])
            slot = self._slot(place, kind, symbols)
            self.emit(BOUNDED, slot, 0, len(symbols) - 1, null)
        elif kind == "fixed":
            size = int(schema["size"])
            if size < 0:
                raise NotCompilableError(f"{place.full} has {size} bytes")
            self.emit(FIXED, self._slot(place, kind), size, null=null)
        elif kind != "null":
            raise NotCompilableError(f"{place.full} is a {kind}")

    def _timestamp(self, logical: str, place: _Place, null: int) -> None:
        if logical not in _TIMESTAMPS:
            raise NotCompilableError(f"{place.full} has the logical type {logical}")
        first_s, last_s = _TIMESTAMP_S
        ticks = _TIMESTAMPS[logical]
        slot = self._slot(place, logical.removeprefix("long-"))
        self.emit(BOUNDED, slot, first_s * ticks, last_s * ticks + ticks - 1, null)

    def _record(self, schema: Any, place: _Place, depth: int, null: int) -> None:
        opening = self.emit(RECORD, self._slot(place, "record"), null=null) if null >= 0 else None
        for each in schema["fields"]:
            self.value(each["type"], place.field(each["name"]), depth + 1)
        if opening is not None:
            self.code[opening + WORDS - 1] = len(self.code)

    def _array(self, schema: Any, place: _Place, depth: int, null: int) -> None:
        table = len(self.layouts)
        self.layouts.append(Layout())
        self.layouts[place.table].children[place.path] = table
        opening = self.emit(ARRAY, self._new_slot(place, Leaf("array", 0)), table, null=null)
        self.value(schema["items"], _Place(table, "", place.full), depth + 1)
        self.code[opening + 3] = self.emit(ARRAY_END)
        self.code[opening + WORDS - 1] = len(self.code)

    def _union(self, branches: list[Any], place: _Place, depth: int) -> None:
        nulls = [number for number, branch in enumerate(branches) if _is_null(branch)]
        if len(branches) == 2 and len(nulls) == 1:  # noqa: PLR2004 null and one type
            other = branches[1 - nulls[0]]
            if not isinstance(other, list):
                return self.value(other, place, depth, null=nulls[0])
        opening = self.emit(UNION, self._slot(place, "union"), len(branches))
        table = len(self.code)
        self.code += [0] * len(branches)
        jumps = []
        for number, branch in enumerate(branches):
            self.code[table + number] = len(self.code)
            self.value(branch, place.branch(number), depth + 1)
            jumps.append(self.emit(JUMP))
        for jump in jumps:
            self.code[jump + 2] = len(self.code)
        self.code[opening + WORDS - 1] = len(self.code)
        return None

    def _slot(self, place: _Place, kind: str, symbols: tuple[str, ...] = ()) -> int:
        if self._wanted is not None and place.full not in self._wanted:
            self.layouts[place.table].columns[place.path] = Leaf(kind, -1, symbols)
            return -1
        return self._new_slot(place, Leaf(kind, 0, symbols))

    def _new_slot(self, place: _Place, leaf: Leaf) -> int:
        layout = self.layouts[place.table]
        slot, layout.width = layout.width, layout.width + 1
        layout.columns[place.path] = Leaf(leaf.kind, slot, leaf.symbols)
        return slot


def _is_plain(name: str) -> bool:
    return name in _PRIMITIVES or name == "null"


def _is_type(name: str) -> bool:
    return _is_plain(name) or name in ("record", "error", "array", "map", "enum", "fixed")


def _is_null(branch: Any) -> bool:
    return branch == "null" or (isinstance(branch, dict) and branch["type"] == "null")


def _logical(schema: Mapping[str, Any]) -> str:
    """Return the logical type that fastavro would convert a value of, or nothing."""
    logical = f"{schema['type']}-{schema['logicalType']}" if "logicalType" in schema else ""
    return logical if logical in LOGICAL_READERS else ""
