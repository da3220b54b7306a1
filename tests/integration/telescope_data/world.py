"""Data topics of telescopes on the real broker and registry: messages written, ranges worked."""

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from io import BytesIO
from typing import Any

import fastavro
from confluent_kafka import Consumer, TopicPartition
from confluent_kafka import Producer as Client
from confluent_kafka.schema_registry import Schema
from nightjar_telescope import TelescopeData
from nightjar_telescope.avro import PREFIX, as_record, frame, parsed_schema
from nightjar_telescope.schema import schema_text
from sqlalchemy import text

from broker.db import transaction
from broker.kafka import Cluster, own_connection
from broker.ranges.sources import known_source
from broker.sections.telescope import DATA_STREAM
from pipeline.telescope import sink_tasks
from pipeline.telescope.record import Telescope
from tests import native
from tests.integration.telescope_client.world import registry_client

AT_MS = 1_780_000_000_000


def piece(
    data_id: str, number: int = 0, payload: bytes | None = b"spectrum", **changes: Any
) -> Any:
    """Return a message; whether it may be sent is the test's business."""
    values = {"observation_id": "sim-1", "sequence_number": number, "timestamp": AT_MS}
    return TelescopeData(**{"data_id": data_id, "data_payload": payload} | values | changes)


def register(topic: str) -> int:
    """Register our schema of data as an operator does; return its id."""
    with registry_client() as client:
        schema = Schema(schema_text(TelescopeData), "AVRO")
        return int(client.register_schema(f"{topic}-value", schema))


def unchecked(schema_id: int, message: TelescopeData) -> bytes:
    """Return a message as a program writes it that checks nothing."""
    out = BytesIO()
    fastavro.schemaless_writer(out, parsed_schema(TelescopeData), as_record(message))
    return PREFIX.pack(0, schema_id) + out.getvalue()


def wait_for_rights(telescopes: Sequence[Telescope]) -> None:
    """Return once the broker knows that we may read these telescopes' data."""
    names = [each.data for each in telescopes]
    native.patiently(lambda: Cluster(own_connection()).topic_ids(names))


@dataclass
class Copy:
    """A message on a topic of what could not be stored."""

    key: bytes | None
    value: bytes
    headers: Mapping[str, str]


@dataclass
class DataTopic:
    """One telescope's data topic."""

    telescope: Telescope
    schema_id: int
    end: int = 0
    _client: Any = field(default_factory=lambda: Client(own_connection("admin") | LARGE))

    def write(self, values: Sequence[bytes], key: bytes | None = b"key") -> tuple[int, int]:
        """Write raw values; return their first and last offset."""
        for value in values:
            while True:
                try:
                    self._client.produce(self.telescope.data, value, key)
                except BufferError:
                    self._client.poll(0.1)
                else:
                    break
        assert self._client.flush(60) == 0
        first, self.end = self.end, self.end + len(values)
        return first, self.end - 1

    def send(self, *messages: TelescopeData) -> tuple[int, int]:
        """Write messages as an application does; return their first and last offset."""
        return self.write([frame(self.schema_id, message) for message in messages])

    def work(self, first: int, last: int, attempts: int = 0) -> Mapping[str, Any]:
        """Let the task store a range that nobody has done; return the range's row.

        ``attempts`` ended with the death of their worker.
        """
        topic = self.telescope.data
        place = {"stream": DATA_STREAM, "topic": topic, "first": first, "last": last}
        topic_id = Cluster(own_connection()).topic_ids([topic])[topic]
        with transaction() as session:
            known_source(session, DATA_STREAM, topic, topic_id)
            session.execute(
                text("DELETE FROM stream_ranges WHERE topic = :topic AND first_offset = :first"),
                place,
            )
            session.execute(
                text(
                    "INSERT INTO stream_ranges (stream, topic, partition, replay_id, first_offset,"
                    " last_offset, attempts) VALUES (:stream, :topic, 0, 0, :first, :last, :tries)"
                ),
                place | {"tries": attempts},
            )
        run(DATA_STREAM, topic, 0, first, last)
        with transaction() as session:
            row = session.execute(
                text("SELECT * FROM stream_ranges WHERE topic = :topic AND first_offset = :first"),
                place,
            ).one()
        return dict(row._mapping)

    def copies(self) -> list[Copy]:
        """Return what lies on the topic of what could not be stored."""
        consumer = Consumer(own_connection("admin") | {"group.id": f"nightjar-{uuid.uuid4().hex}"})
        place = TopicPartition(self.telescope.data_dlq, 0, 0)
        _, high = consumer.get_watermark_offsets(place, 10)
        consumer.assign([place])
        found = consumer.consume(high, 20) if high else []
        consumer.close()
        assert len(found) == high
        return [
            Copy(m.key(), m.value(), {name: value.decode() for name, value in m.headers()})
            for m in found
        ]


LARGE = {"message.max.bytes": 9 * 2**20}


def run(*arguments: Any) -> None:
    """Run the task here and now."""
    sink_tasks.store.apply(args=arguments, throw=True)


def rows() -> dict[str, Any]:
    """Return every row of data by its id."""
    with transaction() as session:
        found = session.execute(text("SELECT * FROM telescope_data_raw")).all()
    return {row.data_id: row for row in found}


def letters() -> list[Any]:
    """Return every dead letter, oldest first."""
    with transaction() as session:
        return list(session.execute(text("SELECT * FROM dead_letters ORDER BY id")).all())
