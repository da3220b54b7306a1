"""Figures of topics, asked of a real Kafka."""

import time
from threading import Event

import pytest
from confluent_kafka import Producer

from broker.errors import TransientError
from broker.kafka import own_connection
from broker.kafka_admin import Acl, ensure_acls
from pipeline import topics
from pipeline.topics import OutputTopic
from pipeline.web import figures, topic_pages

pytestmark = pytest.mark.integration
HOUR_S = 3600


@pytest.fixture
def topic(make_topic, monkeypatch):
    """Make one topic, the only one that figures are asked of."""
    ensure_acls(
        [Acl("pipeline", "group", "nightjar-", is_prefix=True, operations=("READ", "DESCRIBE"))]
    )
    name = make_topic(2)
    monkeypatch.setattr(topics, "OUTPUTS", (OutputTopic(name, "ztf", "A test.", is_public=False),))
    monkeypatch.setattr(topics, "STEADY", ())
    yield name
    figures._cluster.cache_clear()


def write(topic, *ages_s, partition=0):
    """Write a message for each age [s]; its value is its age."""
    now_ms = int(time.time() * 1000)
    client = Producer(own_connection("admin"))
    for age_s in ages_s:
        client.produce(
            topic, str(age_s).encode(), partition=partition, timestamp=now_ms - age_s * 1000
        )
        client.flush(30)  # one by one, so that offsets follow time


def look(topic):
    return figures._look()[topic]


def test_an_empty_topic_has_no_last_message(topic):
    found = look(topic)

    assert (found.kept, found.last_day, found.last_at_s, found.newest) == (0, 0, None, None)


def test_messages_are_counted_by_their_age(topic):
    write(topic, 30 * HOUR_S, 2 * HOUR_S, 10 * 60, 60)
    write(topic, 3 * HOUR_S, 120, partition=1)

    found = look(topic)

    assert (found.kept, found.last_day, found.last_hour, found.last_5_minutes) == (6, 5, 3, 2)
    assert found.per_minute == pytest.approx(0.4)
    assert found.week_mean == pytest.approx(6 / 7)
    assert found.last_at_s == pytest.approx(time.time() - 60, abs=30)


def test_the_newest_message_of_all_partitions_is_read(topic):
    write(topic, 3 * HOUR_S, 600)
    write(topic, 2 * HOUR_S, 7, partition=1)
    figures._kept.cache_clear()

    assert figures._read_newest(topic).value == b"7"  # however busy the machine is
    assert figures.newest_message("babamul.nothing") is None


def test_no_page_waits_for_a_slow_kafka_and_the_last_sample_is_shown(monkeypatch):
    answers, packets = Event(), ["first", "second"]

    def slow(_topic):
        if len(packets) == 1:
            answers.wait(30)
        return packets.pop(0)

    monkeypatch.setattr(figures, "SAMPLE_KEEP_S", 0.0)
    monkeypatch.setattr(figures, "_read_newest", slow)
    figures._newest_of.cache_clear()

    assert figures.newest_message("babamul.none") == "first"
    figures._newest_of("babamul.none")._took_s = 0.0  # else it is kept a while
    assert figures.newest_message("babamul.none") == "first"
    answers.set()


def test_sizes_are_the_mean_of_the_newest(topic):
    write(topic, 1000, 10, 5)  # of four, two and one bytes
    figures._kept.cache_clear()
    figures._size_of.cache_clear()

    assert figures.mean_bytes(topic) == pytest.approx(7 / 3)


def test_without_kafka_there_are_no_figures(monkeypatch):
    def fail():
        raise TransientError("away")

    monkeypatch.setattr(figures, "_look", fail)
    figures._kept.cache_clear()

    assert figures.figures() is None
    assert topic_pages.known("babamul.none") is None
    assert figures.newest_message("babamul.none") is None
