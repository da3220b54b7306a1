"""Real Kafka, the real registry, and the Confluent serializers on the other side."""

import asyncio
import struct
from typing import Any

import pytest
from confluent_kafka import Consumer, Producer
from confluent_kafka.schema_registry.avro import AvroDeserializer, AvroSerializer
from confluent_kafka.serialization import MessageField, SerializationContext
from nightjar_telescope.avro import as_record, from_record
from nightjar_telescope.messages import KINDS
from nightjar_telescope.schema import schema_text

from broker.kafka import own_connection
from tests.integration.telescope_client.world import registry_client
from tests.unit.telescope_client.messages import data, one_of_each

pytestmark = [pytest.mark.integration, pytest.mark.slow, pytest.mark.xdist_group("registry")]

PATIENCE_S = 60.0
EACH = pytest.mark.parametrize("message", one_of_each(), ids=lambda each: type(each).__name__)


def received(topic: str) -> Any:
    """Return the first message of a topic, by librdkafka alone."""
    consumer = Consumer(
        own_connection() | {"group.id": "nightjar-look", "auto.offset.reset": "earliest"}
    )
    consumer.subscribe([topic])
    found = consumer.poll(PATIENCE_S)
    consumer.close()
    assert found is not None
    assert found.error() is None
    return found


def first(consumer: Any) -> Any:
    """Return what a consumer is handed first, and its record."""

    async def read() -> Any:
        async with consumer, asyncio.timeout(PATIENCE_S):
            return await anext(consumer.stream()), consumer.record

    return asyncio.run(read())


@EACH
def test_the_published_deserializer_reads_what_we_send(bus, message):
    kind = next(each for each in KINDS if each.message is type(message))
    schema_id = bus.register(kind.message)[kind.message]

    async def send() -> None:
        async with bus.producer(kind.message) as producer:
            await producer.send(message, headers={"telescope": "SIM", "expires_at": b"1"})

    asyncio.run(send())

    found = received(bus.topic(kind.message))
    with registry_client() as client:
        read = AvroDeserializer(client)
        record = read(found.value(), SerializationContext(found.topic(), MessageField.VALUE))
    assert from_record(kind.message, record) == message
    assert found.value()[:5] == struct.pack(">bI", 0, schema_id)
    assert found.key() == getattr(message, kind.key_field).encode()
    assert found.headers() == [("telescope", b"SIM"), ("expires_at", b"1")]


@EACH
def test_we_read_what_the_published_serializer_sends(bus, message):
    topic = bus.topic(type(message))
    with registry_client() as client:
        known = {"auto.register.schemas": False}
        serialize = AvroSerializer(client, schema_text(type(message)), conf=known)
        value = serialize(as_record(message), SerializationContext(topic, MessageField.VALUE))
    producer = Producer(own_connection())
    producer.produce(topic, value, b"k", headers=[("origin", b"console")])
    assert producer.flush(PATIENCE_S) == 0

    found, record = first(bus.consumer(type(message), refuse_expired=False))

    assert found == message
    assert (record.topic, record.partition, record.offset, record.key) == (topic, 0, 0, "k")
    assert record.value == value
    assert record.header("origin") == "console"


def test_eight_mebibytes_of_data_pass_with_headers(bus):
    large = data(data_payload=bytes(range(256)) * (8 * 4096))

    async def send() -> None:
        async with bus.producer(type(large), compression_type="none") as producer:
            await producer.send(large, headers={"telescope": "x" * 1000})

    asyncio.run(send())

    assert first(bus.consumer(type(large)))[0] == large
