"""What Avro's bytes are made of, and what a record of ours is made of."""

from collections.abc import Mapping
from typing import Any, NamedTuple

BRANCH_VALUE = 2
"""Second branch of a union ["null", T], as a zigzag varint; null is 0."""

GIVEN = bytes([BRANCH_VALUE])
"""Begins what may be null and is not."""

VARINT_BYTES = 10
"""Of the longest varint."""


class Field(NamedTuple):
    """One field of a flat record."""

    name: str
    kind: str
    is_nullable: bool


class Stats(NamedTuple):
    """Stands for PerBandProperties, the features of a light curve band by band."""

    number: int
    """Which of the features at hand."""


class Fixed(NamedTuple):
    """Stands for bytes that are the same in every record."""

    value: bytes


Part = Field | Stats | Fixed
"""What follows in a record's bytes."""


def container_header(schema: bytes, marker: bytes) -> bytes:
    """Return what begins an uncompressed container: a schema's JSON, and its 16-byte marker."""
    pairs = (text("avro.codec"), text("null"), text("avro.schema"), varint(len(schema)), schema)
    return b"".join((b"Obj\x01", varint(2), *pairs, b"\0", marker))


def flat_fields(schema: Mapping[str, Any]) -> tuple[Field, ...]:
    """Return the fields of a record schema without records or arrays inside."""
    return tuple(_field(part) for part in schema["fields"])


def varint(value: int) -> bytes:
    """Return one zigzag varint."""
    rest = (value << 1) ^ (value >> 63)
    found = bytearray()
    while rest > 0x7F:  # noqa: PLR2004 seven bits
        found.append(rest & 0x7F | 0x80)
        rest >>= 7
    found.append(rest)
    return bytes(found)


def text(value: str) -> bytes:
    """Return one Avro string."""
    encoded = value.encode()
    return varint(len(encoded)) + encoded


def _field(part: Mapping[str, Any]) -> Field:
    kind = part["type"]
    is_nullable = isinstance(kind, list)
    if is_nullable:
        null, kind = kind
        if null != "null":
            raise ValueError(f"field {part['name']}: a union must be null or one type")
    if isinstance(kind, dict) or kind == "Band":
        kind = "enum"
    return Field(part["name"], kind, is_nullable)
