"""What a group has not read of a topic, on real Kafka and on a broker that nobody runs."""

import uuid

import pytest

from broker import kafka as wire
from broker import kafka_unread
from broker.errors import TransientError
from broker.kafka_messages import MessageReader
from broker.kafka_types import Message
from broker.kafka_unread import Place, Unread

pytestmark = [pytest.mark.integration, pytest.mark.xdist_group("kafka")]

HOUR_S = 3600.0


@pytest.fixture
def topic(make_topic):
    """A topic of two partitions with five messages."""
    name = make_topic(2)
    producer = wire.Producer(wire.own_connection())
    messages = [Message(name, str(n).encode(), b"x", []) for n in range(5)]
    assert producer.send(messages) == [None] * 5
    producer.close()
    return name


def asked(topic, group=None, start="earliest", old_s=HOUR_S, connection=None):
    place = Place(
        connection or wire.own_connection(), group or f"nightjar-{uuid.uuid4().hex}", topic, start
    )
    return kafka_unread.unread({"x": place}, old_s=old_s)["x"]


def test_a_group_that_read_nothing_has_all_before_it(topic):
    assert asked(topic) == Unread(5, 0)
    assert asked(topic, start="latest") == Unread(0, 0)


def test_messages_grow_old(topic):
    assert asked(topic, old_s=-HOUR_S) == Unread(5, 5)


def test_what_was_committed_does_not_wait(topic):
    group = f"nightjar-{uuid.uuid4().hex}"
    reader = MessageReader(wire.own_connection(), group, "x", [topic], start="earliest")
    read = []
    while len(read) < 5:
        read += reader.batch(5, 2**20, 1.0)
    reader.commit_all({(m.topic, m.partition): m.offset + 1 for m in read[:4]})
    reader.close()

    assert asked(topic, group, old_s=-HOUR_S).total in {1, 2}  # offsets may come out of order


def test_a_topic_that_is_not_there_is_said(make_topic):
    found = asked(f"{make_topic()}-gone")

    assert isinstance(found, TransientError)
    assert "Unknown topic or partition" in str(found)


def test_a_broker_that_nobody_runs_costs_seconds_and_is_said(monkeypatch):
    monkeypatch.setattr(kafka_unread, "LOOK_S", 1.0)

    found = asked("any", connection={"bootstrap.servers": "127.0.0.1:1"})

    assert isinstance(found, TransientError)
