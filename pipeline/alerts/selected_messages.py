"""Messages of selected alerts: the packet as it came, in the wire form of ``selected.wire``.

A range has its packets in memory. Who publishes later, after an outage or a hold, reads them from
the archive.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from functools import cache, lru_cache
from typing import Any, NamedTuple

from psycopg import Cursor

from broker.archive import Slice
from broker.archive_index import ArchiveError, Segment, read_slice
from broker.avro import CONTAINER_MAGIC, UnreadableError
from broker.avro_confluent import CONFLUENT_PREFIX
from broker.avro_schema import WriterSchema
from broker.config import config, project_path
from broker.errors import TransientError
from broker.kafka_types import Message, Packet
from pipeline.alerts import selecting
from pipeline.alerts.delivery import delivery_id
from pipeline.alerts.schema_ids import SchemaIds
from pipeline.alerts.selected_json import as_json
from pipeline.alerts.selecting import Chosen
from pipeline.alerts.wire import container_header, varint
from pipeline.clients.schema_registry import SchemaRegistry
from pipeline.filters import FILTERS
from pipeline.filters.record import Filter
from pipeline.surveys import survey as survey_named
from pipeline.surveys.lsst import SOLAR_SYSTEM_PREFIX

SYNC_MARKER = b"nightjar.filters"
"""Ends each container's header and block; any 16 bytes do."""
BITS = sum(one.bit | one.json_bit for one in FILTERS)
"""Of ``alerts.outputs``: topics of selected alerts."""
NOT_NOW = (ArchiveError, UnreadableError, TransientError)
"""Why a message may have to wait."""
KNOWN_HEADERS = 64
"""Of writer schemas; one has 70 kB."""


class Place(NamedTuple):
    """Where a selected alert's packet lies in the archive."""

    segment: Segment
    piece: Slice
    kafka_timestamp: datetime


def locate(cur: Cursor[Any], alert_ids: Sequence[int]) -> dict[int, Place]:
    """Return where the packets of these alerts (``alerts.id``) lie."""
    cur.execute(
        "SELECT a.id, g.id, g.host, g.path, g.deleted_at IS NOT NULL,"
        " CASE WHEN g.confirmed_at IS NOT NULL THEN g.s3_key END,"
        " a.archive_start, a.archive_length, a.archive_crc32, a.kafka_timestamp"
        " FROM alerts AS a JOIN archive_segments AS g"
        " ON g.id = a.archive_segment_id WHERE a.id = ANY(%s)",
        (list(alert_ids),),
        binary=True,
    )
    return {
        alert_id: Place(Segment(*segment), Slice(segment[0], start, length, crc32), came)
        for alert_id, *segment, start, length, crc32, came in cur
    }


def archived(survey: str, place: Place) -> Chosen:
    """Read a packet back from the archive, and what the filters say of it.

    Raises
    ------
    ArchiveError
        If it cannot be had here; the message says why.
    UnreadableError, SchemaUnreachableError
        If it does not decode any more.
    """
    settings = config()
    value = read_slice(project_path(settings.archive.path), place.segment, place.piece)
    batch, rejected = survey_named(survey).decode([Packet(0, 0, value)])
    if rejected:
        raise UnreadableError(rejected[0].reason, rejected[0].message)
    return selecting.facts_of(batch, settings.selected)


def messages(survey: str, row: Mapping[str, Any], chosen: Chosen) -> Iterator[tuple[int, Message]]:
    """Yield the messages that wait of one alert, each with its output bit.

    Parameters
    ----------
    survey : str
        Of the alert.
    row : mapping
        ``candid``, ``name`` (of its object, or None), ``kafka_timestamp`` and ``pending`` of the
        alert.
    chosen : Chosen
        Its packet, and what the filters said of it.

    Raises
    ------
    TransientError
        Behind the last message: if a filter fails on the packet, until somebody mends it.
    """
    settings = config().selected
    failed: list[str] = []
    for one in FILTERS:
        if not row["pending"] & (one.bit | one.json_bit):
            continue
        if one.name not in chosen.facts:
            failed.append(one.name)
            continue
        if row["pending"] & one.json_bit:  # first: it waits for no registry
            record = survey_named(survey).read(chosen.packet)
            value = as_json(record, row["name"], chosen.facts[one.name], row["kafka_timestamp"])
            topic = one.json_topic(settings)
            yield one.json_bit, _message(survey, row, one, topic, chosen, value)
        if row["pending"] & one.bit:
            topic = one.topic(settings)
            if settings.wire == "confluent":
                value = as_confluent(survey, chosen.packet, f"{topic}-value", _ids())
            else:
                value = as_container(survey, chosen.packet)
            yield one.bit, _message(survey, row, one, topic, chosen, value)
    if failed:
        raise TransientError(f"filters that fail on this packet: {', '.join(failed)}")


def as_container(survey: str, packet: bytes) -> bytes:
    """Return a packet as a container of one record; the record's bytes stay as they came.

    Raises
    ------
    UnreadableError, SchemaUnreachableError
        If nobody knows its schema any more.
    """
    if packet.startswith(CONTAINER_MAGIC):
        return packet
    return container(*survey_named(survey).split(packet))


def container(schema: WriterSchema, body: bytes) -> bytes:
    """Return a container of one record, of its writer schema and its bytes."""
    return b"".join((_header(schema), _ONE_RECORD, varint(len(body)), body, SYNC_MARKER))


def as_confluent(survey: str, packet: bytes, subject: str, ids: SchemaIds) -> bytes:
    """Return a packet in Confluent framing with our registry's id before the bytes that came.

    Raises
    ------
    UnreadableError, SchemaUnreachableError
        If nobody knows its schema any more.
    TransientError
        If our registry gives no id now.
    """
    schema, body = survey_named(survey).split(packet)
    return CONFLUENT_PREFIX.pack(0, ids.get(subject, schema)) + body


@cache
def _ids() -> SchemaIds:
    settings = config().registry
    return SchemaIds(SchemaRegistry(settings.url, settings.timeout_s))


@lru_cache(maxsize=KNOWN_HEADERS)
def _header(schema: WriterSchema) -> bytes:
    return container_header(schema.text, SYNC_MARKER)


def _message(
    survey: str,
    row: Mapping[str, Any],
    one: Filter,
    topic: str,
    chosen: Chosen,
    value: bytes,
) -> Message:
    headers = [
        ("delivery_id", delivery_id(survey, row["candid"], topic).encode()),
        ("filter", one.name.encode()),
        ("filter_version", one.version.encode()),
        *((name, _text(fact)) for name, fact in chosen.facts[one.name]),
    ]
    return Message(topic, _key(row["name"]), value, headers)


def _text(fact: Any) -> bytes:
    """Return a fact as text: ``true``, ``false``, a number with the digits that it needs, words."""
    if isinstance(fact, bool):
        return str(fact).lower().encode()
    return (fact if isinstance(fact, str) else repr(fact)).encode()


def _key(name: str | None) -> bytes | None:
    """Return an object's bare number: one object's alerts stay in one partition, in order."""
    return None if name is None else name.removeprefix(SOLAR_SYSTEM_PREFIX).encode()


_ONE_RECORD = varint(1)
