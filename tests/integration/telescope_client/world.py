"""Topics of one telescope on the real Kafka, and clients for them."""

import asyncio
import uuid
from collections.abc import Awaitable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from confluent_kafka import Producer
from confluent_kafka.schema_registry import Schema, SchemaRegistryClient
from nightjar_telescope import KafkaAvroConsumer, KafkaAvroProducer
from nightjar_telescope.messages import KINDS, Message
from nightjar_telescope.schema import schema_text

from broker.config import config
from broker.kafka import own_connection
from broker.kafka_admin import TopicSpec, ensure_topics
from tests import native
from tests.conftest import TOPIC_PREFIX

HOUR_MS = 3_600_000
LARGE = str(9 * 2**20)
PATIENCE_S = 90.0

_T = TypeVar("_T")


def run(story: Awaitable[_T]) -> _T:
    """Live through a story, if it ends in time."""

    async def within_time() -> _T:
        async with asyncio.timeout(PATIENCE_S):
            return await story

    return asyncio.run(within_time())


def write(topic: str, *values: bytes | None, headers: Sequence[tuple[str, bytes]] = ()) -> None:
    """Write values as they are, in order."""
    producer = Producer(own_connection())
    for value in values:
        producer.produce(topic, value, headers=list(headers))
    assert producer.flush(PATIENCE_S) == 0


def login(principal: str = "pipeline") -> dict[str, Any]:
    """Return how an application logs in on the inside listener."""
    found = own_connection(principal)
    return {name: found[name] for name in found if name.startswith(("security.", "sasl."))}


def registry_client() -> SchemaRegistryClient:
    """Return the published client of the real registry, to be entered."""
    return SchemaRegistryClient({"url": config().registry.url})


@dataclass(frozen=True)
class Bus:
    """Four topics of a telescope that is only a test's.

    Attributes
    ----------
    prefix : str
        Its topics begin so.
    """

    prefix: str

    def topic(self, kind: type[Message]) -> str:
        return self.prefix + next(
            each.topic_end for each in KINDS if issubclass(kind, each.message)
        )

    def group(self) -> str:
        return f"nightjar-{uuid.uuid4().hex[:12]}"

    def producer(self, kind: type[Message], **changes: Any) -> KafkaAvroProducer[Any]:
        settings = {
            "bootstrap_servers": config().kafka.bootstrap_servers,
            "schema_registry_url": config().registry.url,
            "topic": self.topic(kind),
            "schema_class": kind,
            "security": login(),
        }
        return KafkaAvroProducer(**settings | changes)

    def consumer(self, kind: type[Message], **changes: Any) -> KafkaAvroConsumer[Any]:
        settings = {
            "bootstrap_servers": config().kafka.bootstrap_servers,
            "schema_registry_url": config().registry.url,
            "topic": self.topic(kind),
            "group_id": self.group(),
            "message_class": kind,
            "auto_offset_reset": "earliest",
            "security": login(),
        }
        return KafkaAvroConsumer(**settings | changes)

    def register(self, *kinds: type[Message]) -> dict[type[Message], int]:
        """Register schemas as an operator does; return their ids."""
        wanted = kinds or tuple(each.message for each in KINDS)
        return {kind: register_schema(kind, self.topic(kind)) for kind in wanted}


def register_schema(kind: type[Message], topic: str) -> int:
    """Register a message's schema for a topic; return its id."""
    with registry_client() as client:
        found: int = client.register_schema(f"{topic}-value", Schema(schema_text(kind), "AVRO"))
        return found


def new_bus() -> Bus:
    """Make the topics of a telescope; nothing is registered yet."""
    bus = Bus(f"{TOPIC_PREFIX}{uuid.uuid4().hex[:12]}.")
    topics = [
        TopicSpec(bus.topic(each.message), 1, HOUR_MS, {"max.message.bytes": LARGE})
        for each in KINDS
    ]
    native.patiently(lambda: ensure_topics(topics))
    return bus
