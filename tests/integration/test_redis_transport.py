"""A worker's window of messages, on a real Redis behind a wire that falls silent."""

import uuid
from collections.abc import Iterator
from typing import Any

import pytest
from kombu import Connection, Consumer, Queue
from kombu.message import Message
from redis.exceptions import TimeoutError as RedisTimeoutError

from broker.redis_transport import TRANSPORT, TRANSPORT_OPTIONS
from tests import native
from tests.drill.proxy import BLACKHOLE, PASS, Proxy

pytestmark = pytest.mark.integration

PATIENCE_S = 20
SILENCE_S = 0.3


@pytest.fixture
def wire(parts: native.Parts) -> Iterator[Proxy]:
    with Proxy(int(parts.redis_url.rpartition(":")[2].partition("/")[0])) as made:
        yield made


@pytest.fixture
def connection(parts: native.Parts, wire: Proxy) -> Iterator[Connection]:
    port = parts.redis_url.rpartition(":")[2].partition("/")[0]
    url = parts.redis_url.replace(f":{port}/", f":{wire.port}/")
    options = {**TRANSPORT_OPTIONS, "socket_timeout": SILENCE_S}
    with Connection(url, transport=TRANSPORT, transport_options=options) as made:
        yield made


def test_messages_come_after_acknowledgments_that_redis_did_not_hear(
    connection: Connection, wire: Proxy
) -> None:
    queue = Queue(f"test-{uuid.uuid4().hex}", routing_key="", durable=False)
    held: list[Message] = []

    def keep(_body: Any, message: Message) -> None:
        held.append(message)

    with Consumer(connection, [queue], callbacks=[keep], prefetch_count=1):
        producer = connection.Producer()
        for number in range(2):
            producer.publish(number, routing_key=queue.name)
        connection.drain_events(timeout=PATIENCE_S)
        wire.set(BLACKHOLE)
        with pytest.raises(RedisTimeoutError):
            held[0].ack()
        wire.set(PASS)

        connection.drain_events(timeout=PATIENCE_S)

    assert [message.payload for message in held] == [0, 1]
    queue(connection.default_channel).delete()
