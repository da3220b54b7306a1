"""Avro in Confluent framing: a zero byte, the id of the writer schema, the bare record."""

import struct
from typing import Any

from broker.avro import UnreadableError, read_datum
from broker.avro_schema import SchemaCache, WriterSchema

CONFLUENT_PREFIX = struct.Struct(">bI")
"""Magic byte 0 and the schema id; big-endian, whatever one official text says."""


def read_confluent(schemas: SchemaCache, value: bytes) -> Any:
    """Return the record of a value in Confluent framing, decoded with the schema of its id.

    Raises
    ------
    UnreadableError
        As ``confluent_schema`` and ``read_datum``.
    SchemaUnreachableError
        If the schema is not to be found out now.
    """
    schema = confluent_schema(schemas, value)
    try:
        return read_datum(schema, value, CONFLUENT_PREFIX.size, len(value))
    except UnreadableError as error:
        _, schema_id = CONFLUENT_PREFIX.unpack_from(value)
        raise UnreadableError(error.reason, f"with schema id {schema_id}: {error}") from error


def confluent_schema(schemas: SchemaCache, value: bytes) -> WriterSchema:
    """Return the schema that a value in Confluent framing names; the record follows its prefix.

    Raises
    ------
    UnreadableError
        ``unknown_schema`` names an id that no source knows.
    SchemaUnreachableError
        If that is not to be found out now.
    """
    if len(value) < CONFLUENT_PREFIX.size:
        raise UnreadableError("truncated", f"{len(value)} bytes hold no schema id")
    magic, schema_id = CONFLUENT_PREFIX.unpack_from(value)
    if magic != 0:
        raise UnreadableError("bad_value", f"the first byte is {magic:#04x}, not Confluent's 0")
    try:
        return schemas.get(schema_id)
    except LookupError as error:
        raise UnreadableError("unknown_schema", str(error)) from error
