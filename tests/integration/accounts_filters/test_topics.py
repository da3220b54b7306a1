"""Topics of filters on a real broker: made, kept, made again, deleted."""

import uuid

import pytest

from accounts import filter_topics, filters
from accounts.filter_models import UserFilter
from broker import kafka_topics
from broker.errors import TransientError
from broker.kafka import Producer, own_connection
from broker.kafka_types import Message

pytestmark = [pytest.mark.integration, pytest.mark.xdist_group("kafka"), pytest.mark.django_db]


@pytest.fixture
def started(vera, make, topics_made):
    name = f"test-{uuid.uuid4().hex[:12]}"
    make(name)
    filters.start(vera, name, 1)
    yield name
    kafka_topics.delete_topics([f"babamul.filter.{name}"])


def row(name):
    return UserFilter.objects.get(name=name)


def test_a_topic_is_made_kept_made_again_and_deleted(vera, started):
    topic = f"babamul.filter.{started}"
    filter_topics.settle()
    assert (row(started).topic_state, row(started).topic_error) == ("there", "")
    assert topic in kafka_topics.topic_names()

    kafka_topics.delete_topics([topic])
    assert filter_topics.look_after() == 1
    assert row(started).topic_state == "wanted"
    assert "lost" in row(started).topic_error
    filter_topics.settle()
    assert filter_topics.look_after() == 0

    filters.delete(vera, started)
    filter_topics.settle()
    filter_topics.settle()
    assert row(started).topic_state == "gone"
    assert topic not in kafka_topics.topic_names()


def test_workers_may_write_there(started):
    filter_topics.settle()
    topic = f"babamul.filter.{started}"

    outcomes = Producer(own_connection()).send([Message(topic, b"k", b"v", [])])

    assert outcomes == [None]


def test_while_kafka_refuses_one_the_row_says_so_and_others_go_on(vera, make, started, monkeypatch):
    other = f"{started}-2"
    make(other)
    filters.start(vera, other, 1)

    def ensure(specs):
        if specs[0].name.endswith(started):
            raise TransientError("the broker is away")

    monkeypatch.setattr(kafka_topics, "ensure_topics", ensure)

    filter_topics.settle()

    assert (row(started).topic_state, row(started).topic_error) == ("wanted", "the broker is away")
    assert row(other).topic_state == "there"
