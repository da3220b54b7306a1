"""Mock events on their way: notices sent to our own Kafka, each at its time."""

import time
from collections.abc import Iterable, Iterator

from broker.errors import TransientError
from broker.kafka import Producer, own_connection
from broker.kafka_types import Message
from pipeline import topics
from pipeline.simulate.gw import MockEvent, Notice

STREAM = "igwn"


def send(event: MockEvent, notices: Iterable[Notice]) -> Iterator[Notice]:
    """Send notices, each so long after the first as it says; yield each once Kafka has it.

    Parameters
    ----------
    event : MockEvent
        Whose.
    notices : iterable of Notice
        In order.

    Raises
    ------
    TransientError
        If Kafka refuses one.
    """
    topic = topics.notice_stream(STREAM).topics[0]
    producer = Producer(own_connection("feed"))
    started = time.monotonic()
    for notice in notices:
        time.sleep(max(0.0, started + notice.after.total_seconds() - time.monotonic()))
        (error,) = producer.send([Message(topic, event.superevent_id.encode(), notice.raw, [])])
        if error is not None:
            raise TransientError(f"{event.superevent_id} did not reach {topic}: {error.text}")
        yield notice
