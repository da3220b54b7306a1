"""Offsets that expired after they were stored are still published."""

from types import SimpleNamespace

import numpy as np

from broker.kafka_types import Packet, ReadResult
from broker.ranges.claim import Claim
from pipeline.alerts import flow, reading, settling, storing
from pipeline.alerts.work import Tally


def published_after(monkeypatch, result, first):
    """Return the intervals that are published when reading begins at ``first`` of 10 to 19."""
    published = []
    settings = SimpleNamespace(ranges=SimpleNamespace(bytes_per_task=1000))
    work = SimpleNamespace(
        claim=Claim("ztf", "t", 0, 0, 10, 19, 2, "me"),
        settings=settings,
        tally=Tally(),
        stage=lambda _: np.errstate(),
        survey=SimpleNamespace(name="ztf", decode=lambda _: (SimpleNamespace(candid=[]), [])),
        replay=None,
        is_silent=False,
        chosen={},
    )
    monkeypatch.setattr(reading, "read", lambda _: (result, first))
    monkeypatch.setattr(reading, "archive", lambda *_: {})
    monkeypatch.setattr(storing, "store_batch", lambda *_: None)
    monkeypatch.setattr(
        settling, "publish_part", lambda _work, first, last, **_: published.append((first, last))
    )
    flow.carry(work)
    return published


def test_a_range_whose_beginning_expired_is_published_from_its_beginning(monkeypatch):
    packets = [Packet(offset, 0, b"x") for offset in range(15, 20)]

    assert published_after(monkeypatch, ReadResult(packets, []), 15) == [(10, 19)]


def test_a_range_that_expired_whole_is_published_whole(monkeypatch):
    assert published_after(monkeypatch, ReadResult([], []), 20) == [(10, 19)]


def test_parts_are_published_each_by_itself(monkeypatch):
    packets = [Packet(offset, 0, b"x" * 600) for offset in (10, 12)]

    assert published_after(monkeypatch, ReadResult(packets, []), 10) == [(10, 11), (12, 19)]
