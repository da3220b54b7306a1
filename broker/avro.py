"""Avro as it arrives: single datums and object containers, read under limits.

fastavro decodes; this module decides what it may be given.
"""

import io
import struct
import zlib
from collections.abc import Callable
from typing import Any, NamedTuple

import fastavro

from broker.avro_arrays import MalformedError, TooManyItemsError
from broker.avro_schema import (
    MAX_SCHEMA_BYTES,
    SchemaError,
    WriterSchema,
    writer_schema_of_text,
)

MAX_VALUE_BYTES = 8 * 2**20
MAX_INFLATED_BYTES = 16 * 2**20
MAX_HEADER_BYTES = MAX_SCHEMA_BYTES + 2**16
MAX_KNOWN_HEADERS = 64
MAX_KNOWN_HEADER_BYTES = 2**17
"""Longer headers are not remembered; ZTF's have 20 kB."""

CONTAINER_MAGIC = b"Obj\x01"
_SYNC_BYTES = 16
_VARINT_BITS = 64
_CRC_BYTES = 4
_CODECS = ("null", "deflate", "snappy")
_HEADER = fastavro.parse_schema(
    {
        "type": "record",
        "name": "ContainerHeader",
        "fields": [
            {"name": "magic", "type": {"type": "fixed", "name": "Magic", "size": 4}},
            {"name": "meta", "type": {"type": "map", "values": "bytes"}},
            {"name": "sync", "type": {"type": "fixed", "name": "Sync", "size": _SYNC_BYTES}},
        ],
    }
)
_MISFITS = (ArithmeticError, AttributeError, LookupError, TypeError, ValueError, struct.error)
"""What fastavro raises for bytes that do not fit the schema, or types that it misreads."""


class UnreadableError(Exception):
    """A value that does not decode; ``reason`` is one of ``broker.dead_letters.REASONS``."""

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason


def read_datum(schema: WriterSchema, value: bytes, first: int, last: int) -> Any:
    """Decode ``value[first:last]``, which must hold exactly one datum.

    Raises
    ------
    UnreadableError
        ``truncated`` when the bytes end before the datum, ``bad_value`` when they do not fit the
        schema or the datum ends before the bytes, ``array_too_long`` before any of it is decoded.
    """
    if last - first > schema.harmless_bytes:
        _refuse_long_arrays(schema, value, first, last)
    stream = io.BytesIO(value)
    stream.seek(first)
    try:
        datum = fastavro.schemaless_reader(stream, schema.parsed, None)
    except EOFError as error:
        raise UnreadableError("truncated", "the bytes end inside the record") from error
    except UnicodeDecodeError as error:
        raise UnreadableError("bad_value", f"a string is not UTF-8: {error.reason}") from error
    except _MISFITS as error:
        if _is_cut_number(error, stream):
            raise UnreadableError("truncated", "the bytes end inside a number") from error
        raise UnreadableError("bad_value", f"the bytes do not fit the schema: {error!r}") from error
    if stream.tell() > last:
        raise UnreadableError("truncated", f"the record needs {stream.tell() - last} bytes more")
    if stream.tell() < last:
        raise UnreadableError("bad_value", f"{last - stream.tell()} bytes follow the record")
    return datum


def _is_cut_number(error: Exception, stream: io.BytesIO) -> bool:
    """Return whether the bytes ended inside a number, where fastavro misses its next byte."""
    return isinstance(error, IndexError) and stream.tell() == len(stream.getbuffer())


def _refuse_long_arrays(schema: WriterSchema, value: bytes, first: int, last: int) -> None:
    try:
        schema.arrays.check(value, first, last)
    except TooManyItemsError as error:
        raise UnreadableError("array_too_long", str(error)) from error
    except MalformedError as error:
        raise UnreadableError("bad_value", f"the bytes do not fit the schema: {error}") from error


class _Header(NamedTuple):
    schema: WriterSchema
    codec: str


class Containers:
    """Reads containers of one record; a header seen before is recognised by comparing bytes.

    Everything before the 16-byte sync marker is the same in all packets of one writer, and parsing
    it costs more than the record. ``is_allowed`` takes a fingerprint; it is asked each time, so
    that an operator's new entry in the allow-list takes effect at once. Only allowed headers are
    remembered: strangers could fill the memory with theirs.
    """

    def __init__(self, is_allowed: Callable[[str], bool]) -> None:
        self._is_allowed = is_allowed
        self._known: dict[bytes, _Header] = {}

    def read(self, value: bytes) -> Any:
        """Return the one record of a container.

        Raises
        ------
        UnreadableError
            Reason ``schema_not_allowed``, ``truncated``, ``empty``, ``many_records``,
            ``too_large`` or ``bad_value``.
        """
        (schema, codec), start = self._header(value)
        first, last = _only_block(value, start)
        if codec == "null":
            return read_datum(schema, value, first, last)
        body = inflate(codec, value[first:last])
        return read_datum(schema, body, 0, len(body))

    def split(self, value: bytes) -> tuple[WriterSchema, bytes]:
        """Return the writer schema of a container and the bytes of its one record, as ``read``."""
        schema, datum = self.locate(value)
        return schema, bytes(datum)

    def locate(self, value: bytes) -> tuple[WriterSchema, bytes | memoryview]:
        """Return the same as ``split``, without a copy where none is needed."""
        (schema, codec), start = self._header(value)
        first, last = _only_block(value, start)
        if codec == "null":
            return schema, memoryview(value)[first:last]
        return schema, inflate(codec, value[first:last])

    def _header(self, value: bytes) -> tuple[_Header, int]:
        for known, header in self._known.items():
            if value.startswith(known):
                self._require_allowed(header.schema)
                return header, len(known) + _SYNC_BYTES
        header, start = _parse_header(value)
        self._require_allowed(header.schema)
        if start <= MAX_KNOWN_HEADER_BYTES:
            if len(self._known) >= MAX_KNOWN_HEADERS:
                self._known.pop(next(iter(self._known)))
            self._known[value[: start - _SYNC_BYTES]] = header
        return header, start

    def _require_allowed(self, schema: WriterSchema) -> None:
        if not self._is_allowed(schema.fingerprint):
            raise UnreadableError(
                "schema_not_allowed",
                f"schema {schema.name}, fingerprint {schema.fingerprint}, is not on the "
                "allow-list; manage.py accept_schema FILE adds it",
            )


def container_schema(value: bytes) -> WriterSchema:
    """Return the writer schema in a container's header; UnreadableError where there is none."""
    header, _ = _parse_header(value)
    return header.schema


def _parse_header(value: bytes) -> tuple[_Header, int]:
    if not value.startswith(CONTAINER_MAGIC):
        reason = "truncated" if CONTAINER_MAGIC.startswith(value) else "bad_value"
        raise UnreadableError(reason, f"{value[:4]!r} does not begin an Avro container")
    stream = io.BytesIO(value[:MAX_HEADER_BYTES])
    try:
        meta = fastavro.schemaless_reader(stream, _HEADER, None)["meta"]
    except EOFError as error:
        if len(value) > MAX_HEADER_BYTES:
            message = f"the container's header has more than {MAX_HEADER_BYTES} bytes"
            raise UnreadableError("too_large", message) from error
        raise UnreadableError("truncated", "the bytes end inside the container's header") from error
    except _MISFITS as error:
        if _is_cut_number(error, stream):
            message = "the bytes end inside a number of the container's header"
            raise UnreadableError("truncated", message) from error
        raise UnreadableError("bad_value", f"the container's header: {error!r}") from error
    codec = meta.get("avro.codec", b"null").decode("ascii", "replace")
    if codec not in _CODECS:
        raise UnreadableError("bad_value", f"codec {codec!r}; known: {', '.join(_CODECS)}")
    try:
        schema = writer_schema_of_text(meta.get("avro.schema", b""))
    except SchemaError as error:
        raise UnreadableError("schema_not_allowed", f"the container's schema: {error}") from error
    return _Header(schema, codec), stream.tell()


def _only_block(value: bytes, start: int) -> tuple[int, int]:
    """Return where the body of the container's only block begins and ends."""
    marker = value[start - _SYNC_BYTES : start]
    if len(marker) == _SYNC_BYTES and start == len(value):
        raise UnreadableError("empty", "a container without a record")
    count, start = _varint(value, start)
    size, start = _varint(value, start)
    if count != 1:
        reason = "many_records" if count > 1 else "bad_value"
        raise UnreadableError(reason, f"a block of {count} records")
    if size < 0:
        raise UnreadableError("bad_value", f"a block of {size} bytes")
    end = start + size
    if end + _SYNC_BYTES > len(value):
        missing = end + _SYNC_BYTES - len(value)
        raise UnreadableError("truncated", f"{missing} bytes are missing at the end")
    if value[end : end + _SYNC_BYTES] != marker:
        raise UnreadableError("truncated", "the block does not end with the container's marker")
    if len(value) > end + _SYNC_BYTES:
        raise UnreadableError("many_records", "more bytes follow the first block")
    return start, end


def _varint(value: bytes, start: int) -> tuple[int, int]:
    """Return one zigzag number and where the next byte stands."""
    number, start = _unsigned(value, start)
    return (number >> 1) ^ -(number & 1), start


def _unsigned(value: bytes, start: int) -> tuple[int, int]:
    number = 0
    for shift in range(0, _VARINT_BITS, 7):
        if start >= len(value):
            raise UnreadableError("truncated", "the bytes end inside a number")
        byte = value[start]
        start += 1
        number |= (byte & 0x7F) << shift
        if byte < 0x80:  # noqa: PLR2004 the bit that says "more follows"
            return number, start
    raise UnreadableError("bad_value", "a number of more than ten bytes")


def inflate(codec: str, body: bytes) -> bytes:
    """Return the body of a compressed block; UnreadableError beyond 16 MiB, or when it is torn."""
    inflated = _inflate_deflate(body) if codec == "deflate" else _inflate_snappy(body)
    if len(inflated) > MAX_INFLATED_BYTES:
        raise UnreadableError("too_large", f"inflates beyond {MAX_INFLATED_BYTES} bytes")
    return inflated


def _inflate_deflate(body: bytes) -> bytes:
    inflater = zlib.decompressobj(-zlib.MAX_WBITS)
    try:
        inflated = inflater.decompress(body, MAX_INFLATED_BYTES + 1)
    except zlib.error as error:
        raise UnreadableError("bad_value", f"deflate: {error}") from error
    if not inflater.eof and len(inflated) <= MAX_INFLATED_BYTES:
        raise UnreadableError("truncated", "deflate: the compressed bytes end too early")
    return inflated


def _inflate_snappy(body: bytes) -> bytes:
    import pyarrow as pa  # noqa: PLC0415 half a second that no stream of today needs

    packed, checksum = body[:-_CRC_BYTES], body[-_CRC_BYTES:]
    size, _ = _unsigned(packed, 0)
    if size > MAX_INFLATED_BYTES:
        raise UnreadableError("too_large", f"inflates to {size} bytes")
    try:
        inflated = pa.Codec("snappy").decompress(packed, size, asbytes=True)
    except (OSError, ValueError) as error:
        raise UnreadableError("bad_value", f"snappy: {error}") from error
    if zlib.crc32(inflated).to_bytes(_CRC_BYTES, "big") != checksum:
        raise UnreadableError("bad_value", "snappy: wrong checksum")
    return bytes(inflated)
