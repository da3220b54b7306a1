"""Datums decoded into columns: one table for the packets, one for the items of each array."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from broker import avro_kernel
from broker.avro_arrays import MAX_ITEMS
from broker.avro_program import Leaf, Program, compile_schema
from broker.compiled import first_call

MAX_BUFFER_BYTES = 2**31 - 1
"""Places in the buffer stand in 32 bits, with their sign."""
_PLACE_BITS = 32
_LENGTH = 2**_PLACE_BITS - 1
_ROWS_AT_FIRST = 64
_MARGIN = 1.25
_MOST_ROWS_AT_FIRST = 200
"""Per packet and table; one packet with 10,000 must not let all others ask for as many."""

Longs = NDArray[np.int64]


class Refused(MemoryError):
    """More bytes than places can be kept for; fewer packets at a time are no matter."""


@dataclass(frozen=True)
class Cells:
    """One column.

    Attributes
    ----------
    leaf : Leaf
        Its type.
    bits : int64[rows]
        The numbers themselves of integers, enums, booleans and timestamps; else see the methods.
    kinds : uint8[rows]
        0 where null.
    buffer : uint8[bytes]
        What places point into.
    """

    leaf: Leaf
    bits: Longs
    kinds: NDArray[np.uint8]
    buffer: NDArray[np.uint8]

    @cached_property
    def is_there(self) -> NDArray[np.bool_]:
        """Return where the value is not null."""
        return np.asarray(self.kinds != 0, bool)

    @property
    def floats(self) -> NDArray[np.float64]:
        """Return the values of floats and doubles; NaN where null, and where the value is."""
        return self.bits.view(np.float64)

    @cached_property
    def places(self) -> tuple[Longs, Longs]:
        """Return where strings, bytes or fixed begin in the buffer and their lengths; 0 if null."""
        bits = np.where(self.is_there, self.bits, 0)
        return bits >> _PLACE_BITS, bits & _LENGTH

    def values(self) -> list[bytes | None]:
        """Return strings as they are encoded, bytes or fixed; None where null."""
        starts, lengths = self.places
        buffer = self.buffer.data
        return [
            bytes(buffer[start : start + length]) if there else None
            for start, length, there in zip(
                starts.tolist(), lengths.tolist(), self.is_there.tolist(), strict=True
            )
        ]

    def texts(self) -> list[str | None]:
        """Return strings, or the symbols of an enum; None where null."""
        if self.leaf.kind == "enum":
            numbers = zip(self.bits.tolist(), self.is_there.tolist(), strict=True)
            return [self.leaf.symbols[number] if there else None for number, there in numbers]
        return [None if value is None else value.decode() for value in self.values()]


@dataclass(frozen=True)
class Table:
    """Rows of the packets, or of the items of one array.

    Attributes
    ----------
    program : Program
        What it was decoded with.
    number : int
        Of its layout.
    parent : int64[rows]
        Row in the table around it; for packets their own number.
    """

    program: Program
    number: int
    parent: Longs
    _regions: "_Regions"

    def __len__(self) -> int:
        return len(self.parent)

    @property
    def leaves(self) -> Mapping[str, Leaf]:
        """Return all columns that the schema has, by path and in its order, kept or not."""
        return self.program.layouts[self.number].columns

    def column(self, path: str) -> Cells | None:
        """Return a column by its path from this table; None where the schema has none.

        Raises
        ------
        KeyError
            If the program walked over it.
        """
        leaf = self.leaves.get(path)
        if leaf is None:
            return None
        if leaf.slot < 0:
            raise KeyError(f"{path} was not wanted")
        slots, kinds = self._rows
        return Cells(leaf, slots[:, leaf.slot], kinds[:, leaf.slot], self._regions.buffer)

    @cached_property
    def _rows(self) -> tuple[Longs, NDArray[np.uint8]]:
        return self._regions.rows(self.number, len(self))

    def child(self, path: str) -> "Table | None":
        """Return the items of an array by its path from this table; None where there is none."""
        number = self.program.layouts[self.number].children.get(path)
        cells = self.column(path)
        if number is None or cells is None:
            return None
        counts = np.where(cells.is_there, cells.bits & _LENGTH, 0)
        parent = np.repeat(np.arange(len(self)), counts)
        return Table(self.program, number, parent, self._regions)


@dataclass(frozen=True)
class Decoded:
    """What the kernel made of some datums.

    Attributes
    ----------
    table : Table
        One row for each accepted datum.
    accepted : int64[rows]
        Their numbers.
    refused : dict of int to str
        By number of the datum, why (``broker.avro_kernel.REASONS``).
    """

    table: Table
    accepted: Longs
    refused: dict[int, str]


def decode(
    program: Program,
    datums: Sequence[bytes | memoryview],
) -> Decoded:
    """Decode datums into columns; what is not sound is refused, never raised.

    Raises
    ------
    Refused
        For 2 GiB and more.
    """
    joined = b"".join(datums)
    if len(joined) > MAX_BUFFER_BYTES:
        raise Refused(f"{len(joined)} bytes of packets at once")
    lengths = np.array([len(datum) for datum in datums], np.int64)
    places = np.column_stack([np.cumsum(lengths) - lengths, lengths])
    regions = _Regions(program, np.frombuffer(joined, np.uint8), len(datums))
    statuses = np.zeros(len(datums), np.uint8)
    regions.fill(places, statuses)
    accepted = np.flatnonzero(statuses == avro_kernel.OK)
    bad = np.flatnonzero(statuses)
    refused = {int(i): avro_kernel.REASONS[int(statuses[i])] for i in bad}
    table = Table(program, 0, np.arange(len(accepted)), regions)
    return Decoded(table, accepted, refused)


@first_call
def kernel() -> None:
    """Decode one number; ``kernel.works()`` says whether ``decode`` may be called."""
    fields = [{"name": "number", "type": "long"}]
    decode(compile_schema({"type": "record", "name": "First", "fields": fields}), [b"\0"])


class _Regions:
    """The memory of all tables of one call: each table has a region of whole rows."""

    def __init__(self, program: Program, buffer: NDArray[np.uint8], packets: int) -> None:
        self.buffer = buffer
        self._program = program
        self._widths = np.array([layout.width for layout in program.layouts], np.int64)
        rows = np.ceil(program.rows_per_packet * packets).astype(np.int64) + _ROWS_AT_FIRST
        rows[0] = packets
        self._counts = np.zeros(len(rows), np.int64)
        self._packets = packets
        self._make_room(rows)

    def rows(self, table: int, count: int) -> tuple[Longs, NDArray[np.uint8]]:
        """Return slots and kinds of a table's rows, one row each."""
        start, width, _ = self._tables[table].tolist()
        region = slice(start, start + count * width)
        shape = (count, width)
        return self._slots[region].reshape(shape), self._kinds[region].reshape(shape)

    def fill(self, places: Longs, statuses: NDArray[np.uint8]) -> None:
        """Run the kernel over all datums, with more room wherever it asks for it."""
        done = 0
        while True:
            done = avro_kernel.decode(
                self._program.code,
                self._tables,
                self.buffer,
                places,
                self._slots,
                self._slots.view(np.float64),
                self._kinds,
                self._counts,
                statuses,
                done,
            )
            if done == len(places):
                break
            self._grow()
        if done:
            used = _MARGIN * self._counts / done
            np.minimum(used, _MOST_ROWS_AT_FIRST, out=self._program.rows_per_packet)

    def _grow(self) -> None:
        old_slots, old_kinds, old_tables = self._slots, self._kinds, self._tables
        rows = 2 * old_tables[:, 2] + MAX_ITEMS
        rows[0] = self._packets
        self._make_room(rows)
        for (start, width, _), (to, _, _), count in zip(
            old_tables.tolist(), self._tables.tolist(), self._counts.tolist(), strict=True
        ):
            size = count * width
            self._slots[to : to + size] = old_slots[start : start + size]
            self._kinds[to : to + size] = old_kinds[start : start + size]

    def _make_room(self, rows: Longs) -> None:
        sizes = self._widths * rows
        starts = np.cumsum(sizes) - sizes
        self._tables = np.column_stack([starts, self._widths, rows])
        self._slots = np.empty(int(sizes.sum()), np.int64)
        self._kinds = np.empty(len(self._slots), np.uint8)
