"""What is on the public topics, as a consumer sees it."""

import io
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import fastavro
from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition

from broker.kafka import own_connection
from pipeline import topics as registry

CONSUME_S = 10.0
OUTPUTS = tuple(output.name for output in registry.OUTPUTS)


@dataclass(frozen=True)
class Published:
    """One message as a consumer sees it."""

    topic: str
    key: str
    headers: dict[str, str]
    value: bytes
    timestamp_ms: int = 0
    partition: int = 0
    offset: int = 0

    @property
    def alert(self) -> dict[str, Any]:
        """Return the decoded alert."""
        return next(fastavro.reader(io.BytesIO(self.value)))


def consume(topics: Iterable[str], starts: Mapping[tuple[str, int], int]) -> list[Published]:
    """Return every message of ``topics`` from ``starts`` (by topic and partition) to the end."""
    consumer = Consumer(
        {
            **own_connection("admin"),
            "group.id": "nightjar-e2e",
            "enable.auto.commit": False,
            "auto.offset.reset": "earliest",
            "enable.partition.eof": True,
        }
    )
    try:
        return list(_consumed(consumer, set(topics), starts))
    finally:
        consumer.close()


def ends(topics: Iterable[str]) -> dict[tuple[str, int], int]:
    """Return where each partition ends now, to consume only what comes after."""
    consumer = Consumer({**own_connection("admin"), "group.id": "nightjar-e2e"})
    try:
        return {
            (topic, partition): _end(consumer, TopicPartition(topic, partition))
            for topic in topics
            for partition in consumer.list_topics(topic, CONSUME_S).topics[topic].partitions
        }
    finally:
        consumer.close()


def _end(consumer: Consumer, place: TopicPartition) -> int:
    """Return where a partition ends; one that has no leader for a moment is asked again."""
    give_up_at = time.monotonic() + CONSUME_S
    while True:
        try:
            return int(consumer.get_watermark_offsets(place, CONSUME_S)[1])
        except KafkaException:
            if time.monotonic() > give_up_at:
                raise
            time.sleep(0.2)


def _consumed(
    consumer: Consumer, topics: set[str], starts: Mapping[tuple[str, int], int]
) -> Iterator[Published]:
    places = [
        TopicPartition(topic, partition, starts.get((topic, partition), 0))
        for topic in topics
        for partition in consumer.list_topics(topic, CONSUME_S).topics[topic].partitions
    ]
    consumer.assign(places)
    open_places = {(place.topic, place.partition) for place in places}
    while open_places:
        message = consumer.poll(CONSUME_S)
        assert message is not None, f"nothing for {CONSUME_S} s; open: {open_places}"
        if message.error() is None:
            yield Published(
                message.topic(),
                message.key().decode(),
                {name: text.decode() for name, text in message.headers() or ()},
                message.value(),
                message.timestamp()[1],
                message.partition(),
                message.offset(),
            )
        else:
            assert message.error().code() == KafkaError._PARTITION_EOF, message.error()
            open_places.discard((message.topic(), message.partition()))
