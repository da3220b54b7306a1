"""The time limit is no packet's fault: it never isolates and never buries."""

from types import SimpleNamespace

import numpy as np
import pytest
from billiard.exceptions import SoftTimeLimitExceeded

from broker.kafka_types import Packet, ReadResult
from pipeline.alerts import flow

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
    stage = lambda _: np.errstate()  # noqa: E731 any context that does nothing
    return SimpleNamespace(survey=survey, stage=stage)


def test_a_range_out_of_time_is_given_back_and_not_taken_apart(work, monkeypatch):
    def out_of_time(*_):
        raise SoftTimeLimitExceeded

    monkeypatch.setattr(flow, "_archive", lambda *_: {})
    monkeypatch.setattr(flow, "_store", out_of_time)
    monkeypatch.setattr(flow, "_store_one_by_one", lambda *_: pytest.fail("taken apart"))

    with pytest.raises(SoftTimeLimitExceeded):
        flow._carry_part(work, ReadResult(PACKETS, []), 7, 8, is_last=True)


def test_time_that_ends_in_isolation_buries_nobody(work, monkeypatch):
    buried = []

    def store(_work, batch, rejected, _gaps, _slices):
        buried.extend(rejected)
        if len(batch):
            raise SoftTimeLimitExceeded

    monkeypatch.setattr(flow, "_store", store)
    with pytest.raises(SoftTimeLimitExceeded):
        flow._store_one_by_one(work, Batch(PACKETS), [], [], {})

    assert buried == []
