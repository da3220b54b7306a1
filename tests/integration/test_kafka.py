"""Ranges, messages and partitions on the real broker."""

import time
import uuid
from collections.abc import Callable, Iterator

import pytest
from confluent_kafka import Producer as Client
from confluent_kafka import TopicPartition

from broker import kafka as wire
from broker.errors import TransientError
from broker.kafka_connection import admin_client
from broker.kafka_owner import HEARD_IN_VAIN
from broker.kafka_types import Message

pytestmark = [pytest.mark.integration, pytest.mark.xdist_group("kafka")]

PATIENCE_S = 30


@pytest.fixture
def producer(kafka) -> Iterator[wire.Producer]:
    producer = wire.Producer(wire.own_connection())
    yield producer
    producer.close()


@pytest.fixture
def reader(kafka) -> Iterator[wire.RangeReader]:
    reader = wire.RangeReader(wire.own_connection(), "nightjar-")
    yield reader
    reader.close()


def _numbered(topic: str, count: int) -> list[Message]:
    return [Message(topic, b"key", b"%d" % n, [("n", b"%d" % n)]) for n in range(count)]


def _delete_before(topic: str, offset: int) -> None:
    admin = admin_client()
    for future in admin.delete_records([TopicPartition(topic, 0, offset)]).values():
        future.result(15)


def test_what_was_sent_is_read_range_by_range(producer, reader, make_topic):
    topic = make_topic()
    outcome = producer.send(_numbered(topic, 100))

    first, second, again = (
        reader.read(topic, 0, 0, 49),
        reader.read(topic, 0, 50, 99),
        reader.read(topic, 0, 20, 22),
    )

    assert outcome == [None] * 100
    assert [packet.value for packet in first.packets] == [b"%d" % n for n in range(50)]
    assert [packet.offset for packet in second.packets] == list(range(50, 100))
    assert [packet.offset for packet in again.packets] == [20, 21, 22]
    assert first.gaps == second.gaps == again.gaps == []
    assert abs(first.packets[0].timestamp_ms / 1000 - time.time()) < 3600


def test_a_range_is_read_in_parts_that_end_with_the_message_that_fills_them(
    producer, reader, make_topic
):
    topic = make_topic()
    values = [b"x" * size for size in (400, 400, 400, 1500, 10, 10)]
    producer.send([Message(topic, None, value, []) for value in values])

    parts = list(reader.parts(topic, 0, 0, 5, 1000))

    assert [[p.offset for p in result.packets] for result, _ in parts] == [[0, 1, 2], [3], [4, 5]]
    assert [end for _, end in parts] == [2, 3, 5]
    assert [result.gaps for result, _ in parts] == [[], [], []]


def test_parts_know_their_gaps(reader, make_topic, kafka):
    topic = make_topic()
    client = Client({**wire.own_connection("admin"), "transactional.id": f"nightjar-{topic}"})
    client.init_transactions(PATIENCE_S)
    for value in (b"a" * 100, b"b" * 100):
        client.begin_transaction()
        client.produce(topic, value)
        client.commit_transaction(PATIENCE_S)

    parts = [(result.gaps, end) for result, end in reader.parts(topic, 0, 0, 3, 50)]

    assert parts == [([], 0), ([(1, 1)], 2), ([(3, 3)], 3)]


def test_a_reader_goes_from_partition_to_partition(producer, reader, make_topic):
    topic = make_topic(partitions=2)
    other = make_topic()
    producer.send([*_numbered(topic, 40), *_numbered(other, 10)])
    filled = next(n for n in (0, 1) if _end(topic, n) == 40)

    read = [
        reader.read(topic, filled, 0, 9),
        reader.read(other, 0, 5, 9),
        reader.read(topic, filled, 10, 39),
    ]

    assert [len(result.packets) for result in read] == [10, 5, 30]


def _end(topic: str, partition: int) -> int:
    return wire.watermarks(wire.own_connection(), [(topic, partition)])[topic, partition].high


def test_offsets_without_a_message_are_told_as_gaps(reader, make_topic, kafka):
    topic = make_topic()
    client = Client({**wire.own_connection("admin"), "transactional.id": f"nightjar-{topic}"})
    client.init_transactions(PATIENCE_S)
    for value in (b"a", b"b"):
        client.begin_transaction()
        client.produce(topic, value)
        client.commit_transaction(PATIENCE_S)  # leaves a marker in the log

    result = reader.read(topic, 0, 0, 3)

    assert [(packet.offset, packet.value) for packet in result.packets] == [(0, b"a"), (2, b"b")]
    assert result.gaps == [(1, 1), (3, 3)]


def test_a_range_of_nothing_but_gaps_is_read_to_its_end(reader, make_topic, kafka):
    topic = make_topic()
    client = Client({**wire.own_connection("admin"), "transactional.id": f"nightjar-{topic}"})
    client.init_transactions(PATIENCE_S)
    client.begin_transaction()
    client.produce(topic, b"a")
    client.commit_transaction(PATIENCE_S)

    assert reader.read(topic, 0, 1, 1) == ([], [(1, 1)])


def test_an_expired_range_names_the_oldest_offset(producer, reader, make_topic):
    topic = make_topic()
    producer.send(_numbered(topic, 30))
    _delete_before(topic, 12)

    with pytest.raises(wire.OffsetsExpired) as expired:
        reader.read(topic, 0, 5, 20)

    assert expired.value.low == 12
    assert [packet.offset for packet in reader.read(topic, 0, 12, 20).packets] == list(
        range(12, 21)
    )


def test_a_range_beyond_the_end_is_trouble_that_may_pass(producer, reader, make_topic, monkeypatch):
    monkeypatch.setattr(wire, "READ_S", 0.5)
    topic = make_topic()
    producer.send(_numbered(topic, 3))

    with pytest.raises(TransientError, match="offset 3"):
        reader.read(topic, 0, 0, 9)
    with pytest.raises(TransientError):
        reader.read(topic, 0, 50, 59)

    assert len(reader.read(topic, 0, 0, 2).packets) == 3


def test_an_absent_topic_is_trouble_that_may_pass(reader, monkeypatch):
    monkeypatch.setattr(wire, "READ_S", 0.5)

    with pytest.raises(TransientError):
        reader.read("nightjar-test-never-made", 0, 0, 9)


def test_three_megabytes_pass_and_nine_are_refused_alone(producer, reader, make_topic):
    topic = make_topic()
    noise = uuid.uuid4().bytes * 65_536  # 1 MiB
    sizes = [3 * noise, 9 * noise, b"small"]

    outcome = producer.send([Message(topic, None, value, []) for value in sizes])

    assert [error and error.is_too_large for error in outcome] == [None, True, None]
    assert outcome[1].code == "MSG_SIZE_TOO_LARGE"
    assert [packet.value for packet in reader.read(topic, 0, 0, 1).packets] == [sizes[0], b"small"]


def test_each_message_has_its_own_outcome(producer, make_topic):
    topic = make_topic()

    good, refused, also_good = producer.send(
        [*_numbered(topic, 1), *_numbered("babamul.somebody-elses", 1), *_numbered(topic, 1)]
    )

    assert (good, also_good) == (None, None)
    assert refused is not None
    assert not refused.is_too_large


def test_watermarks_tell_both_ends(producer, make_topic):
    topic = make_topic()
    producer.send(_numbered(topic, 30))
    _delete_before(topic, 12)

    assert wire.watermarks(wire.own_connection(), [(topic, 0)]) == {(topic, 0): (12, 30)}


def test_a_topic_made_anew_has_another_id(make_topic, kafka):
    one, other = make_topic(), make_topic()

    ids = wire.topic_ids(wire.own_connection(), [one, other, "nightjar-test-never-made"])

    assert set(ids) == {one, other}
    assert ids[one] != ids[other]
    cluster = wire.Cluster(wire.own_connection())
    assert cluster.topic_id(one) == ids[one]
    with pytest.raises(TransientError, match="does not know the topic nightjar-test-never-made"):
        cluster.topic_id("nightjar-test-never-made")


class _Slot:
    """A listener's slot that writes down what it is told."""

    def __init__(self, group: str, topic: str, instance: str = "slot-0") -> None:
        self.told: list[tuple[str, list[tuple[str, int]]]] = []
        self.owner = wire.PartitionOwner(
            wire.own_connection(),
            group,
            instance,
            topic,
            wire.Listeners(
                lambda came: self.told.append(("assigned", sorted(came))),
                lambda gone: self.told.append(("revoked", sorted(gone))),
                lambda gone: self.told.append(("lost", sorted(gone))),
            ),
            session_timeout_ms=6000,
        )

    def poll_until(self, check: Callable[[], object]) -> None:
        deadline = time.monotonic() + PATIENCE_S
        while not check():
            assert time.monotonic() < deadline, f"waited in vain: {self.told}"
            self.owner.poll(0.1)


@pytest.fixture
def group(kafka) -> str:
    return f"nightjar-{uuid.uuid4().hex[:8]}"


def test_an_owner_gets_every_partition_and_commits_without_reading(producer, make_topic, group):
    topic = make_topic(partitions=2)
    producer.send(_numbered(topic, 20))
    slot = _Slot(group, f"^{topic}$")
    slot.poll_until(lambda: len(slot.owner.owned) == 2)
    both = [(topic, 0), (topic, 1)]

    before = slot.owner.committed(both)
    assert slot.owner.commit(topic, 0, 7)
    after = slot.owner.committed(both)
    slot.owner.close()

    assert slot.told[0] == ("assigned", both)
    assert before == {(topic, 0): None, (topic, 1): None}
    assert after == {(topic, 0): 7, (topic, 1): None}


def test_a_watched_log_ends_the_wait_for_each_message_behind_its_end(producer, make_topic, group):
    topic = make_topic(partitions=2)
    producer.send(_numbered(topic, 20))
    slot = _Slot(group, topic)
    slot.poll_until(lambda: len(slot.owner.owned) == 2)
    cluster = wire.Cluster(wire.own_connection())
    for _ in range(3):  # what lies there already is nothing new
        slot.owner.watch(cluster.ends(slot.owner.owned))
        slot.owner.poll(0.1)
        assert slot.owner._is_awaiting

    for _ in range(4):
        producer.send(_numbered(topic, 1))
        slot.owner.poll(10 * PATIENCE_S)
        assert not slot.owner._is_awaiting
        slot.owner.watch(cluster.ends(slot.owner.owned))

    slot.owner.close()


def test_a_log_to_which_much_comes_is_watched_no_longer(producer, make_topic, group):
    topic = make_topic(partitions=2)
    slot = _Slot(group, topic)
    slot.poll_until(lambda: len(slot.owner.owned) == 2)
    slot.owner.watch(dict.fromkeys(slot.owner.owned, 0))

    producer.send(_numbered(topic, 50))
    slot.owner.poll(10 * PATIENCE_S)  # the first one
    slot.poll_until(lambda: not slot.owner._is_watching)

    producer.send(_numbered(topic, 1))
    slot.owner.poll(0.5)
    assert slot.owner._heard <= HEARD_IN_VAIN + 1
    slot.owner.close()


def test_nothing_is_watched_of_a_partition_that_went_to_another(make_topic, group):
    topic = make_topic(partitions=2)
    first = _Slot(group, topic)
    first.poll_until(lambda: len(first.owner.owned) == 2)
    first.owner.watch(dict.fromkeys(first.owner.owned, 0))

    second = _Slot(group, topic, "slot-1")
    while not second.owner.owned:
        first.owner.poll(0.1)
        second.owner.poll(0.1)

    assert not first.owner._is_watching
    first.owner.watch(dict.fromkeys(first.owner.owned, 0))
    assert first.owner._is_watching
    first.owner.close()
    second.owner.close()


def test_a_restarted_slot_is_back_with_its_offsets(make_topic, group):
    topic = make_topic()
    slot = _Slot(group, topic)
    slot.poll_until(lambda: slot.owner.owned)
    slot.owner.commit(topic, 0, 0)
    slot.owner.close()

    back = _Slot(group, topic)
    back.poll_until(lambda: back.owner.owned)
    committed = back.owner.committed([(topic, 0)])
    back.owner.close()

    assert committed == {(topic, 0): 0}


def test_a_doubled_slot_fences_the_first(make_topic, group):
    topic = make_topic()
    first = _Slot(group, topic)
    first.poll_until(lambda: first.owner.owned)

    second = _Slot(group, topic)
    second.poll_until(lambda: second.owner.owned)
    with pytest.raises(wire.Fenced):
        first.poll_until(lambda: False)
    second.owner.close()


def test_a_pattern_that_matches_nothing_yet_waits(group):
    slot = _Slot(group, f"^nightjar-test-{group}-[0-9]+$")

    for _ in range(20):
        slot.owner.poll(0.05)
    slot.owner.close()

    assert slot.told == []


def test_two_slots_share_the_partitions(make_topic, group):
    topic = make_topic(partitions=2)
    first, second = _Slot(group, topic, "slot-0"), _Slot(group, topic, "slot-1")

    def shared() -> bool:
        second.owner.poll(0.05)
        return len(first.owner.owned) == len(second.owner.owned) == 1

    first.poll_until(shared)

    assert first.owner.owned | second.owner.owned == {(topic, 0), (topic, 1)}
    first.owner.close()
    second.owner.close()
