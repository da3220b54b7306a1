"""Facts that the collector asks for: of real Kafka and Postgres, and of sources that do not answer."""

import threading
import time
import uuid

import pytest

from broker import kafka as wire
from broker import kafka_consumption, metrics, metrics_facts, metrics_parts
from broker.errors import TransientError
from broker.kafka_cluster import Watermarks
from broker.kafka_lag import GroupLag
from broker.kafka_messages import MessageReader
from broker.kafka_types import Message
from broker.metrics_facts import Facts, Source, Told
from pipeline.watch import metrics_flows, metrics_streams
from tests import native

pytestmark = pytest.mark.integration


def until(is_so):
    give_up_at_s = time.monotonic() + 20
    while not is_so():
        assert time.monotonic() < give_up_at_s
        time.sleep(0.01)


def look(lag):
    """Look as soon as the broker knows who keeps the group."""
    found = []
    native.patiently(lambda: found.append(lag.look()))
    return found[0]


def samples(facts):
    return {
        (sample.name, *sample.labels.values()): sample.value
        for family in facts.collect()
        for sample in family.samples
    }


def produce(topic, count):
    producer = wire.Producer(wire.own_connection())
    assert producer.send([Message(topic, None, b"x", []) for _ in range(count)]) == [None] * count
    producer.close()


def read(topic, group, count):
    """Read and commit so many messages as a listener does."""
    reader = MessageReader(wire.own_connection(), group, "x", [topic], start="earliest")
    found = []
    while len(found) < count:
        found += reader.batch(count - len(found), 2**20, 1.0)
    reader.commit_all({(m.topic, m.partition): m.offset + 1 for m in found})
    reader.close()


@pytest.mark.xdist_group("kafka")
def test_a_group_is_behind_by_its_oldest_unread_message(kafka, make_topic):
    topic, group = make_topic(), f"nightjar-{uuid.uuid4().hex}"
    lag = GroupLag(wire.own_connection(), group, [topic])
    produce(topic, 2)
    before_ms = time.time() * 1000
    assert look(lag) is None  # it never committed anything

    read(topic, group, 2)
    done = look(lag)
    time.sleep(0.05)
    after_ms = time.time() * 1000
    produce(topic, 3)
    behind = look(lag)
    lag.close()

    assert (done.messages, done.oldest_ms) == (0, None)
    assert done.newest_ms <= before_ms + 1
    assert behind.messages == 3
    assert after_ms - 1 <= behind.oldest_ms <= behind.newest_ms


@pytest.mark.xdist_group("kafka")
def test_the_facts_of_a_stream_whose_listener_is_away_say_for_how_long(kafka, make_topic):
    topic, group = make_topic(), f"nightjar-{uuid.uuid4().hex}"
    produce(topic, 1)
    read(topic, group, 1)
    sent_s = time.time()
    produce(topic, 1)
    lag = GroupLag(wire.own_connection(), group, [topic])
    time.sleep(0.2)

    found = {told.fact.name: told.value for told in metrics_streams.stream("x", lambda: lag)}
    lag.close()

    assert (
        0.2 <= found["stream_lag_seconds"] <= time.time() - sent_s + 0.001
    )  # Kafka's times are whole ms
    assert found["stream_unread_messages"] == 1
    assert found["stream_silent_seconds"] == pytest.approx(found["stream_lag_seconds"])


def test_a_broker_that_is_away_is_no_lag_of_zero():
    lag = GroupLag({"bootstrap.servers": "127.0.0.1:1", "log_level": 0}, "nightjar-x", ["x"])
    with pytest.raises(TransientError):
        lag.look()
    lag.close()


def test_what_people_have_read_is_summed_by_topic():
    marks = {("t", 0): Watermarks(100, 200), ("t", 1): Watermarks(0, 100)}

    found = kafka_consumption.read("g", "t", {("t", 0): 50, ("t", 1): 50}, marks)

    assert found == ("g", "t", 100, 150, 0.25)  # 50 of partition 0 expired unread


def test_a_source_that_hangs_keeps_no_other_waiting_and_one_that_fails_is_told(set_up):
    set_up(metrics__keep_s=0.01)
    ends = threading.Event()

    def hang():
        ends.wait(30)
        return []

    def fail():
        raise TransientError("away")

    disk = Told(metrics.DISK_FREE, 0.5, ("archive",))
    facts = Facts([Source("hangs", hang), Source("fails", fail), Source("well", lambda: [disk])])
    until(lambda: samples(facts).get(("disk_free_fraction", "archive")) == 0.5)
    found = samples(facts)
    ends.set()

    assert [found["facts_known", name] for name in ("hangs", "fails", "well")] == [0, 0, 1]


def test_what_is_old_is_not_told_any_more(set_up):
    set_up(metrics__keep_s=0.05)
    answers = [[Told(metrics.DRIFT, 7)]]
    facts = Facts([Source("credentials", answers.pop)])
    until(lambda: samples(facts).get(("credential_drift",)) == 7)

    until(lambda: ("credential_drift",) not in samples(facts))

    assert samples(facts)["facts_known", "credentials"] == 0


def test_every_source_of_an_installation_is_asked(set_up):
    names = {each.name for each in metrics_facts.sources()}

    assert {"health", "disk", "credentials", "consumers", "deliveries"} <= names
    assert {"stream-ztf", "stream-lsst", "stream-igwn", "stream-selected"} <= names


def test_disks_are_told_by_what_lies_on_them():
    found = {told.labels: told.value for told in metrics_parts.disks()}

    assert found.keys() == {("archive",), ("output",)}
    assert all(0 < share < 1 for share in found.values())


def test_deliveries_that_wait_are_counted_by_kind(db, session):
    session.execute(
        metrics_flows.Delivery.__table__.insert(),
        [
            {"channel": "C", "kind": "M1", "key": "1", "state": "pending"},
            {"channel": "C", "kind": "M1", "key": "2", "state": "sending"},
            {"channel": "C", "kind": "M1", "key": "3", "state": "sent"},
            {"channel": "C", "kind": "M2", "key": "1", "state": "sent"},
        ],
    )
    session.commit()

    found = {told.labels: told.value for told in metrics_flows.deliveries()}

    assert found == {("M1",): 2, ("M2",): 0}
