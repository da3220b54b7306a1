"""What can be said of a packet that does not decode: its schema, its alert's id and object."""

from typing import Any

from broker.anatomy import leading_values
from broker.avro_confluent import CONFLUENT_PREFIX
from pipeline.surveys.lsst import known_schema

CANDID_NAMES = ("candid", "diaSourceId")
OBJECT_NAMES = ("objectId", "diaObjectId")
MAX_ID = 2**63 - 1
NO_ID = "0"
"""Rubin's "no such object"."""


def schema_of(value: bytes) -> Any:
    """Return the schema that a packet in Confluent framing names; None where nobody knows it.

    Containers bring their own.
    """
    if len(value) < CONFLUENT_PREFIX.size:
        return None
    magic, schema_id = CONFLUENT_PREFIX.unpack_from(value)
    return known_schema(schema_id) if magic == 0 else None


def identify(value: bytes | None) -> tuple[int | None, str | None]:
    """Return alert id and object name of a broken packet, each None if it breaks before it.

    Never raises; reads no more than the first few fields.
    """
    if not value:
        return None, None
    found = leading_values(value, schema_of(value), (*CANDID_NAMES, *OBJECT_NAMES))
    numbers = (found.get(name, "") for name in CANDID_NAMES)
    candid = next((int(text) for text in numbers if text.isdecimal()), None)
    names = (found.get(name) for name in OBJECT_NAMES)
    object_id = next((name for name in names if name not in (None, "null", NO_ID)), None)
    return candid if candid is not None and candid <= MAX_ID else None, object_id
