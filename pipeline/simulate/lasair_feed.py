"""Simulated filters on their way: messages sent to our own Kafka."""

from collections.abc import Iterable, Iterator

from broker.errors import TransientError
from broker.kafka import Producer, own_connection
from broker.kafka_types import Message


def send(messages: Iterable[tuple[str, bytes]]) -> Iterator[Message]:
    """Send messages, each with its topic; yield each once Kafka has it.

    Raises
    ------
    TransientError
        If Kafka refuses one.
    """
    producer = Producer(own_connection("feed"))
    try:
        for topic, value in messages:
            message = Message(topic, None, value, [])
            (error,) = producer.send([message])
            if error is not None:
                raise TransientError(f"a message did not reach {topic}: {error.text}")
            yield message
    finally:
        producer.close()
