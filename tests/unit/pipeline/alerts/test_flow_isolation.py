"""What isolates packets: want of memory does, the time limit never; neighbours go on."""

from contextlib import nullcontext
from types import SimpleNamespace

import pytest
from billiard.exceptions import SoftTimeLimitExceeded

from broker.kafka_types import Packet, ReadResult
from pipeline.alerts import flow, reading, settling, storing

PACKETS = [Packet(7, 0, b"one"), Packet(8, 0, b"two")]


class Batch(list):
    """As much of a batch as isolation looks at."""

    packets = PACKETS
    candid = (1, 2)

    def take(self, index):
        return Batch(self[int(i)] for i in index)


@pytest.fixture
def work():
    survey = SimpleNamespace(decode=lambda packets: (Batch(packets), []))
    return SimpleNamespace(survey=survey, stage=nullcontext, chosen={})


def test_a_range_out_of_time_is_given_back_and_not_taken_apart(work, monkeypatch):
    def out_of_time(*_):
        raise SoftTimeLimitExceeded

    monkeypatch.setattr(reading, "archive", lambda *_: {})
    monkeypatch.setattr(storing, "store_batch", out_of_time)
    monkeypatch.setattr(storing, "store_one_by_one", lambda *_: pytest.fail("taken apart"))

    with pytest.raises(SoftTimeLimitExceeded):
        flow._carry_part(work, ReadResult(PACKETS, []), 7, 8, is_last=True)


def test_time_that_ends_in_isolation_buries_nobody(work, monkeypatch):
    buried = []

    def store(_work, batch, rejected, _gaps, _slices):
        buried.extend(rejected)
        if len(batch):
            raise SoftTimeLimitExceeded

    monkeypatch.setattr(storing, "store_batch", store)
    with pytest.raises(SoftTimeLimitExceeded):
        storing.store_one_by_one(work, Batch(PACKETS), [], [], {})

    assert buried == []


class Eater:
    """A survey whose packet ``two`` eats all memory, and every other much of it."""

    def __init__(self, most_at_once):
        self.most_at_once = most_at_once

    def decode(self, packets):
        if len(packets) > self.most_at_once or any(p.value == b"two" for p in packets):
            raise MemoryError
        return Batch(packets), []


@pytest.mark.parametrize("most_at_once", [1, 100], ids=["all are hungry", "one is hungry"])
def test_a_packet_that_eats_the_memory_is_buried_alone(work, monkeypatch, most_at_once):
    packets = [Packet(offset, 0, value) for offset, value in enumerate([b"one", b"two", b"six"])]
    stored, published = [], []

    def store(_work, batch, rejected, gaps, _slices):
        stored.append((list(batch), [(bad.packet, bad.reason) for bad in rejected], gaps))

    def publish(_work, first, last, *, is_last):
        published.append((first, last, is_last))

    work.survey = Eater(most_at_once)
    monkeypatch.setattr(flow, "strike", lambda _: None)
    monkeypatch.setattr(reading, "archive", lambda *_: {})
    monkeypatch.setattr(storing, "store_batch", store)
    monkeypatch.setattr(settling, "publish_part", publish)

    flow._carry_part(work, ReadResult(packets, [(3, 3)]), 0, 4, is_last=True)

    one, two, six = packets
    assert stored == [
        ([one], [], []),
        ([], [(two, "too_large")], []),
        ([six], [], [(3, 3)]),
    ]
    assert published == [(0, 0, False), (1, 1, False), (2, 4, True)]
