"""Columns back to records, to be compared with fastavro's; random schemas and bytes for them."""

import random
import struct
from datetime import UTC, datetime, timedelta
from typing import Any

from broker.avro import UnreadableError, read_datum
from broker.avro_program import compile_schema
from broker.avro_schema import WriterSchema
from broker.avro_table import Decoded, Table, decode
from tests.hostile import zigzag

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
TICK = {
    "timestamp-micros": timedelta(microseconds=1),
    "timestamp-millis": timedelta(milliseconds=1),
}
MOST_ITEMS = 3


def records(schema: WriterSchema, decoded: Decoded) -> list[Any]:
    """Return one record for each accepted datum, as fastavro would."""
    return _Reading(schema.parsed["__named_schemas"]).rows(schema.parsed, decoded.table)


def same(ours: Any, theirs: Any) -> bool:
    """Return whether two values are equal to the bit, and of one type."""
    if isinstance(theirs, dict):
        return ours.keys() == theirs.keys() and all(same(ours[k], theirs[k]) for k in theirs)
    if isinstance(theirs, list):
        return len(ours) == len(theirs) and all(map(same, ours, theirs))
    if isinstance(theirs, float):
        return isinstance(ours, float) and struct.pack("<d", ours) == struct.pack("<d", theirs)
    return type(ours) is type(theirs) and ours == theirs


def compare(schema: WriterSchema, datums: list[bytes]) -> Decoded:
    """Decode datums both ways: whatever ours accepts, fastavro accepts with the same value."""
    decoded = decode(compile_schema(schema.parsed), datums)
    for number, ours in zip(decoded.accepted.tolist(), records(schema, decoded), strict=True):
        datum = datums[number]
        try:
            theirs = read_datum(schema, datum, 0, len(datum))
        except UnreadableError as error:
            raise AssertionError(f"accepted, but {error.reason}: {error}; {datum!r}") from error
        assert same(ours, theirs), (datum, ours, theirs)
    return decoded


class _Reading:
    def __init__(self, named: dict[str, Any]) -> None:
        self._named = named
        self._lists: dict[tuple[int, str], list[Any]] = {}
        self._children: dict[tuple[int, str], Table] = {}

    def rows(self, schema: Any, table: Table, path: str = "") -> list[Any]:
        return [self._value(schema, table, path, row) for row in range(len(table))]

    def _value(self, schema: Any, table: Table, path: str, row: int) -> Any:
        if isinstance(schema, list):
            return self._union(schema, table, path, row)
        if isinstance(schema, str) and schema in self._named:
            schema = self._named[schema]
        kind = schema if isinstance(schema, str) else schema["type"]
        if not isinstance(kind, str) or kind in self._named:
            return self._value(kind, table, path, row)
        if kind in ("record", "array"):
            return getattr(self, f"_{kind}")(schema, table, path, row)
        return None if kind == "null" else self._cells(table, path)[row]

    def _record(self, schema: Any, table: Table, path: str, row: int) -> Any:
        inside = f"{path}." if path else ""
        return {
            each["name"]: self._value(each["type"], table, inside + each["name"], row)
            for each in schema["fields"]
        }

    def _array(self, schema: Any, table: Table, path: str, row: int) -> Any:
        bits = self._cells(table, path)[row]
        child = self._child(table, path)
        first, count = bits >> 32, bits & 0xFFFFFFFF
        return [self._value(schema["items"], child, "", at) for at in range(first, first + count)]

    def _union(self, branches: list[Any], table: Table, path: str, row: int) -> Any:
        if len(branches) == 2 and "null" in branches:
            if self._cells(table, path)[row] is None:
                return None
            return self._value(branches[1 - branches.index("null")], table, path, row)
        branch = self._cells(table, path)[row]
        return self._value(branches[branch], table, f"{path}:{branch}", row)

    def _child(self, table: Table, path: str) -> Table:
        if (table.number, path) not in self._children:
            self._children[table.number, path] = table.child(path)
        return self._children[table.number, path]

    def _cells(self, table: Table, path: str) -> list[Any]:
        """Return the values of a column, None where null."""
        if (table.number, path) not in self._lists:
            self._lists[table.number, path] = _values(table, path)
        return self._lists[table.number, path]


def _values(table: Table, path: str) -> list[Any]:
    cells = table.column(path)
    kind = cells.leaf.kind
    if kind in ("string", "enum"):
        return cells.texts()
    if kind in ("bytes", "fixed"):
        return cells.values()
    found = cells.floats.tolist() if kind in ("float", "double") else cells.bits.tolist()
    if kind == "boolean":
        found = [value == 1 for value in found]
    there = cells.is_there.tolist()
    if kind in TICK:
        found = [EPOCH + v * TICK[kind] if t else None for v, t in zip(found, there, strict=True)]
    return [v if t else None for v, t in zip(found, there, strict=True)]


class Draw:
    """Random schemas, and random bytes that a writer could have made with them."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self._names = 0

    def record(self, depth: int = 0) -> dict[str, Any]:
        fields = [
            {"name": f"f{i}", "type": self.schema(depth + 1)}
            for i in range(self.random.randint(1, 4))
        ]
        return {"type": "record", "name": self._name(), "fields": fields}

    def schema(self, depth: int) -> Any:
        kinds = ["leaf"] * 4 + ["nullable"] * 3
        if depth < 4:
            kinds += ["array", "array", "record", "record", "union"]
        kind = self.random.choice(kinds)
        if kind == "array":
            return {"type": "array", "items": self.schema(depth + 1)}
        if kind == "record":
            return self.record(depth)
        if kind == "leaf":
            return self._leaf()
        wanted = 1 if kind == "nullable" else self.random.randint(1, 4)
        branches = ["null"] if kind == "nullable" else []
        while len(branches) < wanted + (kind == "nullable"):
            branch = self._leaf() if depth >= 3 else self.schema(depth + 1)
            taken = [_named(one) for one in branches]
            if not isinstance(branch, list) and _named(branch) not in taken:
                branches.append(branch)
        self.random.shuffle(branches)
        return branches

    def _leaf(self) -> Any:
        plain = ["boolean", "int", "long", "float", "double", "string", "bytes"]
        return self.random.choice(
            [
                *plain,
                {"type": "enum", "name": self._name(), "symbols": ["A", "B", "C"]},
                {"type": "fixed", "name": self._name(), "size": self.random.randint(1, 9)},
                {"type": "long", "logicalType": "timestamp-micros"},
                {"type": "string", "logicalType": "nothing-known"},
            ]
        )

    def _name(self) -> str:
        self._names += 1
        return f"N{self._names}"

    def datum(self, schema: Any) -> bytes:
        if isinstance(schema, list):
            branch = self.random.randrange(len(schema))
            return zigzag(branch) + self.datum(schema[branch])
        kind = schema if isinstance(schema, str) else schema["type"]
        if kind == "record":
            return b"".join(self.datum(each["type"]) for each in schema["fields"])
        if kind == "array":
            return self._blocks(schema["items"])
        if kind == "enum":
            return zigzag(self.random.randrange(3))
        if kind == "fixed":
            return self.random.randbytes(schema["size"])
        return self._plain(kind, schema)

    def _blocks(self, items: Any) -> bytes:
        found = b""
        for _ in range(self.random.randint(0, 2)):
            count = self.random.randint(1, MOST_ITEMS)
            body = b"".join(self.datum(items) for _ in range(count))
            is_sized = self.random.random() < 0.5
            found += (zigzag(-count) + zigzag(len(body)) if is_sized else zigzag(count)) + body
        return found + b"\0"

    def _plain(self, kind: str, schema: Any) -> bytes:
        size = {"null": 0, "float": 4, "double": 8}
        if kind in size:
            return self.random.randbytes(size[kind])
        if kind == "boolean":
            return self.random.choice([b"\0", b"\1"])
        if kind in ("int", "long"):
            bits = 31 if kind == "int" else self.random.choice([6, 13, 62, 63])
            if isinstance(schema, dict) and schema["logicalType"] == "timestamp-micros":
                bits = 55
            return zigzag(self.random.randint(-(2**bits), 2**bits - 1))
        text = self.random.choice(["", "t", "ZTF26aaaaaaa", "Δm ≈ 0.1 mag", "🌠"]).encode()
        body = text if kind == "string" else self.random.randbytes(self.random.randint(0, 9))
        return zigzag(len(body)) + body


def _named(branch: Any) -> Any:
    """Return what two branches of one union may not share."""
    if isinstance(branch, dict):
        return branch.get("name", branch["type"])
    return branch
