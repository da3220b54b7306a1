"""One record read by its schema, byte after byte, until it breaks: where, and why.

Slow beside fastavro, but it keeps what it had read. Its work is bounded whatever the bytes and the
schema say: ``MAX_VALUES`` read, ``MAX_NODES`` kept, ``MAX_DEPTH`` deep.
"""

import struct
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from broker.avro import MAX_INFLATED_BYTES

MAX_VALUES = 1_000_000
"""About a second of work; a packet of LSST has 30 000."""
MAX_NODES = 3_000
NODES_OF_A_BROKEN_ROW = 500
MAX_DEPTH = 40
SHOWN_ROWS = 3
SHOWN_CHARACTERS = 200
SHOWN_BYTES = 16

_MAX_VARINT_BYTES = 10
_FLOAT = struct.Struct("<f")
_DOUBLE = struct.Struct("<d")
_KINDS = ((b"\x1f\x8b", "gzip"), (b"SIMPLE", "FITS"), (b"\x89PNG", "PNG"))


@dataclass
class Node:
    """One value: where it begins, how it reads, what stands inside it."""

    name: str
    kind: str
    at: int
    text: str = ""
    children: list["Node"] = field(default_factory=list)


@dataclass(frozen=True)
class Fault:
    """Something that does not fit.

    Attributes
    ----------
    buffer : str
        ``PACKET`` or ``INFLATED``: what ``at`` counts in.
    at : int
        Offset of the byte.
    path : str
        Field it stands in; empty in the framing.
    why : str
        For people.
    """

    buffer: str
    at: int
    path: str
    why: str


class Broken(Exception):
    """The bytes fit no more."""

    def __init__(self, at: int, why: str) -> None:
        super().__init__(why)
        self.at = at
        self.why = why


@dataclass(frozen=True)
class Body:
    """Where a record's bytes are: ``buffer[at:end]``, called ``name`` in faults."""

    buffer: bytes
    at: int
    end: int
    name: str
    is_whole: bool = True
    """False where bytes are missing, or other records follow."""


class Walk:
    """Goes through a record by its schema, and leaves nodes behind."""

    def __init__(self, body: Body, named: Mapping[str, Any], max_values: int = MAX_VALUES) -> None:
        self.at = body.at
        self.faults: list[Fault] = []
        self._body = body
        self._buffer = body.buffer
        self._end = body.end
        self._named = named
        self._path: list[str] = []
        self._values_left = max_values
        self._nodes = 0
        self._primitives: dict[str, Callable[[], str]] = {
            "null": self._null,
            "boolean": self._boolean,
            "int": self._integer,
            "long": self._integer,
            "float": lambda: self._number(_FLOAT),
            "double": lambda: self._number(_DOUBLE),
            "string": self._string,
            "bytes": self._bytes,
        }
        self._compounds: dict[str, Callable[[Any, Node | None, int], None]] = {
            "record": self._fields,
            "error": self._fields,
            "array": self._items,
            "map": self._entries,
            "enum": self._symbol,
            "fixed": self._fixed,
        }

    @property
    def path(self) -> str:
        """Return the field that was being read."""
        return ".".join(self._path).replace(".[", "[")

    def read(self, schema: Any, node: Node | None, depth: int) -> None:
        """Read one value; describe it in ``node``, or pass over it when that is None."""
        self._values_left -= 1
        if self._values_left < 0:
            raise Broken(self.at, "too many values; stopped here")
        if depth > MAX_DEPTH:
            raise Broken(self.at, f"nested deeper than {MAX_DEPTH}")
        if isinstance(schema, list):
            schema = self._branch(schema)
        while isinstance(schema, dict) and schema.get("type") not in self._compounds:
            schema = schema.get("type")
        if isinstance(schema, list):
            self.read(schema, node, depth + 1)
            return
        if isinstance(schema, str) and schema not in self._primitives:
            schema = self._named.get(schema)
        self._read_resolved(schema, node, depth)

    def _read_resolved(self, schema: Any, node: Node | None, depth: int) -> None:
        if isinstance(schema, str):
            text = self._primitives[schema]()
            if node is not None:
                node.kind, node.text = schema, text
        elif isinstance(schema, dict):
            if node is not None:
                node.kind = shortened(f"{schema['type']} {schema.get('name', '')}".strip())
            self._compounds[schema["type"]](schema, node, depth)
        else:
            raise Broken(self.at, "the schema names a type that it does not define")

    def _branch(self, branches: list[Any]) -> Any:
        start = self.at
        index = self._take_long()
        if not 0 <= index < len(branches):
            raise Broken(start, f"branch {index} of a union of {len(branches)}")
        return branches[index]

    def _fields(self, schema: Any, node: Node | None, depth: int) -> None:
        for each in schema["fields"]:
            self._path.append(shortened(str(each["name"])))
            self.read(each["type"], self._child(node, self._path[-1]), depth + 1)
            self._path.pop()

    def _items(self, schema: Any, node: Node | None, depth: int) -> None:
        self._blocks(node, lambda child: self.read(schema["items"], child, depth + 1))

    def _entries(self, schema: Any, node: Node | None, depth: int) -> None:
        def entry(child: Node | None) -> None:
            key = self._string()
            if child is not None:
                child.name = key
            self.read(schema["values"], child, depth + 1)

        self._blocks(node, entry)

    def _blocks(self, node: Node | None, read_one: Callable[[Node | None], None]) -> None:
        """Read the blocks of an array or a map; rows after the first few are passed over."""
        total = 0
        while count := self._block_count():
            for _ in range(count):
                self._path.append(f"[{total}]")
                start = self.at
                try:
                    read_one(self._child(node, f"[{total}]") if total < SHOWN_ROWS else None)
                except Broken:
                    if node is not None and total >= SHOWN_ROWS:
                        self._show_broken_row(node, start, f"[{total}]", read_one)
                    raise
                self._path.pop()
                total += 1
                if node is not None:
                    node.text = _counted(total)
        if node is not None:
            node.text = _counted(total)

    def _show_broken_row(
        self, node: Node, start: int, name: str, read_one: Callable[[Node | None], None]
    ) -> None:
        """Read a row that was passed over again, to show how far it goes."""
        path = list(self._path)
        self.at = start
        self._nodes = min(self._nodes, MAX_NODES - NODES_OF_A_BROKEN_ROW)
        with suppress(Broken):
            read_one(self._child(node, name))
        self._path = path

    def _block_count(self) -> int:
        start = self.at
        count = self._take_long()
        if count < 0:
            self._take_long()  # the bytes of the block, for readers that skip it
        if abs(count) > MAX_INFLATED_BYTES:
            raise Broken(start, f"a block of {abs(count)} items")
        return abs(count)

    def _symbol(self, schema: Any, node: Node | None, _depth: int) -> None:
        start = self.at
        index = self._take_long()
        symbols = schema["symbols"]
        if not 0 <= index < len(symbols):
            raise Broken(start, f"symbol {index} of an enum of {len(symbols)}")
        if node is not None:
            node.text = shortened(str(symbols[index]))

    def _fixed(self, schema: Any, node: Node | None, _depth: int) -> None:
        size = schema["size"]
        if not isinstance(size, int) or size < 0:
            raise Broken(self.at, shortened(f"the schema gives a fixed the size {size!r}"))
        piece = self._take(size, self.at)
        if node is not None:
            node.text = _described(piece)

    def _child(self, node: Node | None, name: str) -> Node | None:
        if node is None or self._nodes >= MAX_NODES:
            return None
        self._nodes += 1
        child = Node(name, "", self.at)
        node.children.append(child)
        return child

    def _null(self) -> str:
        return "null"

    def _boolean(self) -> str:
        start = self.at
        byte = self._take(1, start)[0]
        if byte > 1:
            self._note(start, f"a boolean of {byte}")
        return "true" if byte else "false"

    def _integer(self) -> str:
        return str(self._take_long())

    def _number(self, form: struct.Struct) -> str:
        return str(form.unpack(self._take(form.size, self.at))[0])

    def _string(self) -> str:
        start = self.at
        piece = self._take(self._take_length(), start)
        try:
            return shortened(piece.decode())
        except UnicodeDecodeError as error:
            self._note(self.at - len(piece) + error.start, f"not UTF-8: {error.reason}")
            return shortened(piece.decode(errors="backslashreplace"))

    def _bytes(self) -> str:
        start = self.at
        return _described(self._take(self._take_length(), start))

    def _note(self, at: int, why: str) -> None:
        """Remember what the pipeline's reader would stop at, and go on."""
        if not self.faults:
            self.faults.append(Fault(self._body.name, at, self.path, why))

    def _take_long(self) -> int:
        number, self.at = read_long(self._buffer, self.at, self._end)
        return number

    def _take_length(self) -> int:
        start = self.at
        length = self._take_long()
        if length < 0:
            raise Broken(start, f"a length of {length} bytes")
        return length

    def _take(self, length: int, start: int) -> bytes:
        left = self._end - self.at
        if length > left:
            raise Broken(start, f"{length} bytes are announced, {left} are left")
        piece = self._buffer[self.at : self.at + length]
        self.at += length
        return piece


def read_long(buffer: bytes, at: int, end: int) -> tuple[int, int]:
    """Return one zigzag number and where the next byte stands."""
    number = 0
    for place in range(_MAX_VARINT_BYTES):
        if at + place >= end:
            raise Broken(end, "the bytes end inside a number")
        byte = buffer[at + place]
        number |= (byte & 0x7F) << (7 * place)
        if byte < 0x80:  # noqa: PLR2004 the bit that says "more follows"
            return (number >> 1) ^ -(number & 1), at + place + 1
    raise Broken(at, f"a number of more than {_MAX_VARINT_BYTES} bytes")


def read_sized(buffer: bytes, at: int, end: int) -> tuple[bytes, int]:
    """Return bytes with their length in front, and where the next byte stands."""
    start = at
    length, at = read_long(buffer, at, end)
    if not 0 <= length <= end - at:
        raise Broken(start, f"{length} bytes are announced, {end - at} are left")
    return buffer[at : at + length], at + length


def _counted(total: int) -> str:
    return "1 item" if total == 1 else f"{total} items"


def shortened(text: str) -> str:
    """Return a text as one short printable line."""
    cut = plain(text[:SHOWN_CHARACTERS])
    return cut if len(text) <= SHOWN_CHARACTERS else f"{cut}… ({len(text)} characters)"


def _described(piece: bytes) -> str:
    kind = next((f" of {name}" for magic, name in _KINDS if piece.startswith(magic)), "")
    first = piece[:SHOWN_BYTES].hex(" ")
    more = " …" if len(piece) > SHOWN_BYTES else ""
    return f"{len(piece)} bytes{kind}: {first}{more}" if piece else "0 bytes"


def plain(text: str) -> str:
    r"""Write out what is not printable: no lone surrogate, no NUL, nothing that turns a line.

    >>> plain("a\x00\u202eb")
    'a\\x00\\u202eb'
    """
    if text.isprintable():
        return text
    return "".join(
        each if each.isprintable() else each.encode("unicode_escape").decode() for each in text
    )
