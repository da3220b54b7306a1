"""Avro bodies at the speed that a feed needs.

A library tries each branch of a union on the whole value before it writes it; packets are mostly
unions with null, so knowing that every union here is ``null`` or one thing makes writing several
times faster. Readers are the libraries' own: what is written here is tested by reading it back.
"""

import struct
from collections.abc import Callable
from typing import Any

Out = Callable[[bytes], object]
Write = Callable[[Any, Out], object]

_NULL, _VALUE = b"\x00", b"\x02"
_END = b"\x00"


def compiled(schema: Any) -> Callable[[dict[str, Any]], bytes]:
    """Return a function that writes records of ``schema`` without header.

    Parameters
    ----------
    schema : dict
        A parsed record schema whose unions are ``["null", T]``; a field that a record lacks is
        null.
    """
    write = _writer(schema, {})

    def encode(record: dict[str, Any]) -> bytes:
        parts: list[bytes] = []
        write(record, parts.append)
        return b"".join(parts)

    return encode


def zigzag(number: int) -> bytes:
    """Return an integer as Avro's variable-length long."""
    number = (number << 1) ^ (number >> 63)
    if number < 0x80:  # noqa: PLR2004 seven bits a byte
        return number.to_bytes(1, "big")
    encoded = bytearray()
    while number > 0x7F:  # noqa: PLR2004 seven bits a byte
        encoded.append(number & 0x7F | 0x80)
        number >>= 7
    encoded.append(number)
    return bytes(encoded)


def _writer(schema: Any, named: dict[str, Write]) -> Write:
    if isinstance(schema, list):
        return _nullable(schema, named)
    kind = schema["type"] if isinstance(schema, dict) else schema
    if kind == "record":
        return _record(schema, named)
    if kind == "array":
        return _array(_writer(schema["items"], named))
    if kind in named:
        return named[kind]
    pack = _PACK[kind]
    return lambda value, out: out(pack(value))


def _nullable(schema: list[Any], named: dict[str, Write]) -> Write:
    _, inner = schema  # null is first in every union of both surveys
    kind = inner["type"] if isinstance(inner, dict) else inner
    if isinstance(kind, str) and kind in _PACK:
        pack = _PACK[kind]
        return lambda value, out: out(_NULL if value is None else _VALUE + pack(value))
    write = _writer(inner, named)

    def write_nullable(value: Any, out: Out) -> None:
        if value is None:
            out(_NULL)
        else:
            out(_VALUE)
            write(value, out)

    return write_nullable


def _record(schema: dict[str, Any], named: dict[str, Write]) -> Write:
    fields: list[tuple[str, Write]] = []

    def write_record(value: dict[str, Any], out: Out) -> None:
        get = value.get
        for name, write in fields:
            write(get(name), out)

    named[schema["name"]] = write_record
    fields.extend((field["name"], _writer(field["type"], named)) for field in schema["fields"])
    return write_record


def _array(write: Write) -> Write:
    def write_array(values: list[Any], out: Out) -> None:
        if values:
            out(zigzag(len(values)))
            for value in values:
                write(value, out)
        out(_END)

    return write_array


def _pack_bytes(content: bytes) -> bytes:
    return zigzag(len(content)) + content


def _pack_text(text: str) -> bytes:
    return _pack_bytes(text.encode())


_PACK: dict[str, Callable[[Any], bytes]] = {
    "boolean": lambda value: b"\x01" if value else b"\x00",
    "int": zigzag,
    "long": zigzag,
    "float": struct.Struct("<f").pack,
    "double": struct.Struct("<d").pack,
    "string": _pack_text,
    "bytes": _pack_bytes,
}
