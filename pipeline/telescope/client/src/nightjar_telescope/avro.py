"""Messages to bytes and back: Confluent framing, the writer's schema resolved to ours."""

import struct
from dataclasses import is_dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from io import BytesIO
from typing import Any, TypeVar

import fastavro
from fastavro.read import SchemaResolutionError

from nightjar_telescope.errors import UndecodableError
from nightjar_telescope.messages import EPOCH, Message
from nightjar_telescope.schema import describe, schema_of
from nightjar_telescope.validation import validate

PREFIX = struct.Struct(">bI")
"""Magic byte 0 and the schema's id, big-endian."""

M = TypeVar("M", bound=Message)

_UNREADABLE = (
    ValueError,
    EOFError,
    LookupError,
    TypeError,
    OverflowError,
    RecursionError,
    MemoryError,
    AttributeError,
    SchemaResolutionError,
    struct.error,
)
"""What fastavro raises for bytes that are no such record."""


def parsed_schema(message: type[Message]) -> Any:
    """Return a message's schema as fastavro takes it."""
    known: Any = message  # as in ``describe``
    return _parsed_schema(known)


@cache
def _parsed_schema(message: Any) -> Any:
    return fastavro.parse_schema(schema_of(message))


def encode(message: Message) -> bytes:
    """Return a message as bare Avro, by its class's schema.

    Raises
    ------
    InvalidMessageError
        If it may not be sent.
    """
    validate(message)
    out = BytesIO()
    fastavro.schemaless_writer(out, parsed_schema(type(message)), as_record(message))
    return out.getvalue()


def frame(schema_id: int, message: Message) -> bytes:
    """Return a message as it goes into Kafka: prefix and bare Avro."""
    return PREFIX.pack(0, schema_id) + encode(message)


def schema_id(value: bytes) -> int:
    """Return the id of the schema that a value was written with.

    Raises
    ------
    UndecodableError
        If it has no Confluent framing.
    """
    if len(value) < PREFIX.size:
        raise UndecodableError(f"{len(value)} bytes hold no schema id")
    magic, found = PREFIX.unpack_from(value)
    if magic != 0:
        raise UndecodableError(f"the first byte is {magic & 0xFF:#04x}, not Confluent's 0")
    return int(found)


def decode(message: type[M], writer: Any, datum: bytes) -> M:
    """Return a message out of bare Avro.

    Parameters
    ----------
    message : type of Message
        What it is read as: fields that it lacks are left out, fields that the writer lacks have
        their defaults, symbols that it lacks are read as the enum's default.
    writer : dict
        The schema that it was written with, as ``fastavro.parse_schema`` returns it.
    datum : bytes
        Without the prefix.

    Raises
    ------
    UndecodableError
        If the bytes are none of the writer's, or what they hold is no such message.
    """
    stream = BytesIO(datum)
    try:
        record = fastavro.schemaless_reader(stream, writer, parsed_schema(message))
        found = from_record(message, record)
    except _UNREADABLE as error:
        raise UndecodableError(f"no {message.__name__}: {error!r}") from error
    if (rest := len(datum) - stream.tell()) > 0:
        raise UndecodableError(f"{rest} bytes follow the {message.__name__}")
    return found


def as_record(message: Message) -> dict[str, Any]:
    """Return a message as the dictionary that Avro libraries write."""
    found = {}
    for field in describe(type(message)):
        value = getattr(message, field.name)
        found[field.name] = as_record(value) if isinstance(value, Message) else value
    return found


def from_record(message: type[M], record: dict[str, Any]) -> M:
    """Return a message out of the dictionary that Avro libraries read."""
    return message(
        **{field.name: _value(field.type, record[field.name]) for field in describe(message)}
    )


def _value(kind: Any, value: Any) -> Any:
    if value is None:
        return None
    if is_dataclass(kind) and isinstance(kind, type) and issubclass(kind, Message):
        return from_record(kind, value)
    if kind is datetime:
        return _time(value)
    return value if isinstance(value, kind) else kind(value)


def _time(value: Any) -> datetime:
    """Return a time in UTC; a default that the writer left out comes as milliseconds."""
    if isinstance(value, int):
        return EPOCH + timedelta(milliseconds=value)
    time: datetime = value
    return time.replace(tzinfo=UTC) if time.tzinfo is None else time.astimezone(UTC)
