"""An Avro value taken apart as far as it goes: for an operator's eyes, not for the pipeline.

The pipeline's reader says yes or no. This one says where and why not: the framing, then field
after field up to the byte that fits no more. It promises nothing about what it shows but the
bounds of its own work, which are those of ``broker.avro_walk`` and ``broker.avro``.
"""

import json
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import fastavro

from broker.avro import (
    CONTAINER_MAGIC,
    MAX_INFLATED_BYTES,
    MAX_VALUE_BYTES,
    UnreadableError,
    inflate,
)
from broker.avro_confluent import CONFLUENT_PREFIX
from broker.avro_schema import MAX_SCHEMA_BYTES, NOT_AVRO, SchemaError, writer_schema
from broker.avro_walk import (
    MAX_VALUES,
    Body,
    Broken,
    Fault,
    Node,
    Walk,
    plain,
    read_long,
    read_sized,
    shortened,
)

MAX_HEADER_ENTRIES = 32
LEADING_VALUES = 200
LINE_BYTES = 16
LINES_AROUND = 4

PACKET = "packet"
INFLATED = "inflated body"

_SYNC_BYTES = 16


@dataclass
class Anatomy:
    """All that could be learned of one value.

    Attributes
    ----------
    framing : list of pairs of str
        What stands around the record, and how it reads.
    faults : list of Fault
        In the order found; empty when the value reads to its last byte.
    root : Node or None
        The record, as far as it goes; None without a schema, or before its first byte.
    dump : list of tuples
        Lines around the first fault, or the first ones: offset, hexadecimal, characters.
    """

    size_bytes: int
    framing: list[tuple[str, str]] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)
    root: Node | None = None
    dump: list[tuple[str, str, str]] = field(default_factory=list)

    def as_json(self) -> dict[str, Any]:
        """Return plain values, for another process."""
        return asdict(self)

    @classmethod
    def of_json(cls, found: Mapping[str, Any]) -> "Anatomy":
        """Return what another process found."""
        return cls(
            found["size_bytes"],
            [(label, text) for label, text in found["framing"]],
            [Fault(**fault) for fault in found["faults"]],
            None if found["root"] is None else _node(found["root"]),
            [(at, digits, letters) for at, digits, letters in found["dump"]],
        )


def dissect(value: bytes, schema: Any = None, *, max_values: int = MAX_VALUES) -> Anatomy:
    """Take a value apart; never raises, whatever the bytes are.

    Parameters
    ----------
    value : bytes
        A container, or a record in Confluent framing; beyond 8 MiB it is not looked at.
    schema : any, optional
        Definition of the schema that a Confluent id stands for; containers bring theirs.
    max_values : int, optional
        Values that are read before it stops.
    """
    found = Anatomy(len(value))
    if len(value) > MAX_VALUE_BYTES:
        found.faults.append(
            Fault(PACKET, MAX_VALUE_BYTES, "", f"{len(value)} bytes; the rest is not looked at")
        )
        value = value[:MAX_VALUE_BYTES]
    buffer = value
    try:
        buffer = _framed(found, value, schema, max_values)
    except Broken as broken:
        found.faults.append(Fault(PACKET, broken.at, "", broken.why))
    first = found.faults[0] if found.faults else Fault(PACKET, 0, "", "")
    found.dump = hexdump(buffer if first.buffer == INFLATED else value, first.at)
    return found


def leading_values(value: bytes, schema: Any, names: Sequence[str]) -> dict[str, str]:
    """Return the fields called ``names`` that stand within the first few of a broken record."""
    found = dissect(value, schema, max_values=LEADING_VALUES)
    values: dict[str, str] = {}
    waiting = [found.root] if found.root else []
    while waiting:
        node = waiting.pop(0)
        if node.name in names and node.text:
            values.setdefault(node.name, node.text)
        if node.kind.startswith("record"):
            waiting += node.children
    return values


def hexdump(buffer: bytes, at: int = 0) -> list[tuple[str, str, str]]:
    """Return the lines around byte ``at``: offset, hexadecimal, printable characters."""
    middle = at // LINE_BYTES * LINE_BYTES
    first = max(0, middle - LINES_AROUND * LINE_BYTES)
    last = min(len(buffer), middle + (LINES_AROUND + 1) * LINE_BYTES)
    return [
        (
            f"{start:08x}",
            (piece := buffer[start : min(start + LINE_BYTES, last)]).hex(" "),
            "".join(chr(byte) if 0x20 <= byte < 0x7F else "." for byte in piece),  # noqa: PLR2004 ASCII
        )
        for start in range(first, last, LINE_BYTES)
    ]


def _node(found: Mapping[str, Any]) -> Node:
    children = [_node(child) for child in found["children"]]
    return Node(found["name"], found["kind"], found["at"], found["text"], children)


def _framed(found: Anatomy, value: bytes, schema: Any, max_values: int) -> bytes:
    """Recognise the framing and take it apart; return the buffer that the record was read from."""
    if not value:
        raise Broken(0, "the message has no value")
    if value.startswith(CONTAINER_MAGIC[:3]):
        return _container(found, value, max_values)
    if value[0] == 0:
        _confluent(found, value, schema, max_values)
        return value
    raise Broken(0, "neither Avro's container (Obj 1) nor Confluent's framing (0)")


def _confluent(found: Anatomy, value: bytes, schema: Any, max_values: int) -> None:
    found.framing.append(("framing", "Confluent: a zero byte, a schema id, the record"))
    if len(value) < CONFLUENT_PREFIX.size:
        raise Broken(len(value), f"{len(value)} bytes hold no schema id")
    schema_id = CONFLUENT_PREFIX.unpack_from(value)[1]
    found.framing.append(("schema id", str(schema_id)))
    if schema is None:
        raise Broken(1, f"no schema is known for the id {schema_id}: the record cannot be read")
    _record(found, schema, Body(value, CONFLUENT_PREFIX.size, len(value), PACKET), max_values)


def _container(found: Anatomy, value: bytes, max_values: int) -> bytes:
    """Take a container apart; return the buffer that its record was read from."""
    found.framing.append(("framing", "Avro object container"))
    if not value.startswith(CONTAINER_MAGIC):
        raise Broken(min(len(value), 3), f"{value[:4]!r} does not begin an Avro container")
    meta, at = _header(value)
    sync = value[at : at + _SYNC_BYTES]
    codec = shortened(meta.get("avro.codec", b"null").decode("ascii", "backslashreplace"))
    found.framing += [
        ("header", f"{at} bytes: {', '.join(sorted(meta)) or 'no entry'}"),
        ("codec", codec),
        ("sync marker", sync.hex(" ")),
    ]
    schema = _container_schema(found, meta.get("avro.schema", b""))
    if len(sync) < _SYNC_BYTES:
        raise Broken(len(value), "the bytes end inside the sync marker")
    block = _block(found, value, at + _SYNC_BYTES, sync)
    body = block
    if codec != "null":
        inflated = _inflated(found, codec, value[block.at : block.end], block.at)
        body = Body(inflated, 0, len(inflated), INFLATED, is_whole=block.is_whole)
    if schema is not None:
        _record(found, schema, body, max_values)
    return body.buffer


def _header(value: bytes) -> tuple[dict[str, bytes], int]:
    """Return the entries of a container's header and where its sync marker begins."""
    meta: dict[str, bytes] = {}
    at = len(CONTAINER_MAGIC)
    while True:
        start = at
        count, at = read_long(value, at, len(value))
        if count < 0:
            count = -count
            _, at = read_long(value, at, len(value))
        if count == 0:
            return meta, at
        if count + len(meta) > MAX_HEADER_ENTRIES:
            raise Broken(start, f"a header of {count} entries")
        for _ in range(count):
            name, at = read_sized(value, at, len(value))
            entry, at = read_sized(value, at, len(value))
            meta[shortened(name.decode(errors="backslashreplace"))] = entry


def _container_schema(found: Anatomy, text: bytes) -> Any:
    found.framing.append(("schema", f"{len(text)} bytes of JSON"))
    if len(text) > MAX_SCHEMA_BYTES:
        found.faults.append(Fault(PACKET, 0, "", f"its schema is over {MAX_SCHEMA_BYTES} bytes"))
        return None
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        found.faults.append(Fault(PACKET, 0, "", plain(f"its schema is not JSON: {error}")))
        return None


def _block(found: Anatomy, value: bytes, at: int, sync: bytes) -> Body:
    if at == len(value):
        raise Broken(at, "a container without a record")
    start = at
    count, at = read_long(value, at, len(value))
    size, at = read_long(value, at, len(value))
    found.framing.append(("block", f"{count} record(s) in {size} bytes, from byte {at}"))
    if size < 0:
        raise Broken(start, f"a block of {size} bytes")
    end = at + size
    missing = end + _SYNC_BYTES - len(value)
    if count != 1:
        why = f"a block of {count} records; one is expected, the first is shown"
        found.faults.append(Fault(PACKET, start, "", why))
    if missing > 0:
        why = f"the packet ends here; {missing} bytes are missing"
        found.faults.append(Fault(PACKET, len(value), "", why))
    elif value[end : end + _SYNC_BYTES] != sync:
        why = "the block does not end with the sync marker"
        found.faults.append(Fault(PACKET, end, "", why))
    elif len(value) > end + _SYNC_BYTES:
        rest = len(value) - end - _SYNC_BYTES
        why = f"{rest} bytes follow the first block"
        found.faults.append(Fault(PACKET, end + _SYNC_BYTES, "", why))
    return Body(value, at, min(end, len(value)), PACKET, is_whole=missing <= 0 and count == 1)


def _inflated(found: Anatomy, codec: str, body: bytes, at: int) -> bytes:
    """Return what a compressed body holds, or as much of it as can be had."""
    try:
        inflated = inflate(codec, body) if codec != "deflate" else _inflated_part(found, body, at)
    except UnreadableError as error:
        raise Broken(at, str(error)) from error
    found.framing.append(("inflated", f"{len(body)} bytes to {len(inflated)}"))
    return inflated


def _inflated_part(found: Anatomy, body: bytes, at: int) -> bytes:
    inflater = zlib.decompressobj(-zlib.MAX_WBITS)
    pieces: list[bytes] = []
    size, step = 0, 4096
    for start in range(0, len(body), step):  # in steps: zlib gives nothing for a call that fails
        try:
            piece = inflater.decompress(body[start : start + step], MAX_INFLATED_BYTES - size)
        except zlib.error as error:
            why = f"{error}, in the {step} bytes from here"
            found.faults.append(Fault(PACKET, at + start, "", why))
            break
        pieces.append(piece)
        size += len(piece)
        if size >= MAX_INFLATED_BYTES:
            why = f"inflates beyond {MAX_INFLATED_BYTES} bytes; stopped"
            found.faults.append(Fault(PACKET, at + start, "", why))
            break
    else:
        if not inflater.eof:
            why = "the compressed bytes end too early"
            found.faults.append(Fault(PACKET, at + len(body), "", why))
    return b"".join(pieces)


def _record(found: Anatomy, definition: Any, body: Body, max_values: int) -> None:
    try:
        parsed = fastavro.parse_schema(definition)
        name, version = _titles(parsed)
        found.framing.append(("schema name", f"{name}, version {version}" if version else name))
        found.framing.append(("schema fingerprint", writer_schema(definition).fingerprint))
    except SchemaError as error:
        found.faults.append(Fault(PACKET, 0, "", plain(f"its schema: {error}")))
    except NOT_AVRO as error:
        found.faults.append(Fault(PACKET, 0, "", plain(f"its schema is not Avro: {error!r}")))
        return
    found.root = Node("", "", body.at)
    walk = Walk(body, _named(parsed), max_values)
    try:
        walk.read(parsed, found.root, 0)
    except Broken as broken:
        found.faults.append(Fault(body.name, broken.at, walk.path, broken.why))
    except NOT_AVRO as error:  # fastavro lets schemas pass that no reader can follow
        why = plain(f"its schema cannot be followed: {error!r}")
        found.faults.append(Fault(body.name, walk.at, walk.path, why))
    else:
        if body.is_whole and walk.at < body.end:
            rest = body.end - walk.at
            found.faults.append(Fault(body.name, walk.at, "", f"{rest} bytes follow the record"))
    found.faults += [fault for fault in walk.faults if fault not in found.faults]


def _titles(parsed: Any) -> tuple[str, str]:
    if not isinstance(parsed, dict):
        return "no record", ""
    name, version = parsed.get("name", parsed["type"]), parsed.get("version", "")
    return shortened(str(name)), shortened(str(version))


def _named(parsed: Any) -> Mapping[str, Any]:
    found = parsed.get("__named_schemas", {}) if isinstance(parsed, dict) else {}
    return found if isinstance(found, dict) else {}
