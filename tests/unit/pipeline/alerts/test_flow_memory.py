"""A range under a real memory limit, in a process of its own: the hungry packet alone is buried."""

import multiprocessing
import resource
from contextlib import nullcontext
from pathlib import Path
from types import SimpleNamespace

import pytest

from broker.kafka_types import Packet, ReadResult
from broker.memory import limit_memory
from tests import hostile

HEADROOM_BYTES = 24 * 2**20
"""Less than the 16 MiB that the hungry packet inflates to, twice; plenty for small packets."""
PATIENCE_S = 120


def hungry():
    """A packet of some kilobytes that inflates to almost all that a packet may have."""
    text = b"x" * (15 * 2**20)
    datum = hostile.with_text("ztf", hostile.zigzag(len(text)) + text)
    return hostile.wrapped("ztf", hostile.deflate(datum), "deflate")


def carry_under_limit(values, answer):
    """Carry a range with little memory left; answer who was stored, buried, and published."""
    from pipeline import surveys
    from pipeline.alerts import flow, reading, settling, storing

    stored, buried, published = [], [], []

    def store(_work, batch, rejected, _gaps, _slices):
        stored.extend(packet.offset for packet in batch.packets)
        buried.extend((bad.packet.offset, bad.reason, bad.message) for bad in rejected)

    def publish(_work, first, last, *, is_last):
        published.append((first, last, is_last))

    reading.archive = lambda *_: {}
    storing.store_batch, settling.publish_part = store, publish
    work = SimpleNamespace(survey=surveys.survey("ztf"), stage=lambda _: nullcontext(), chosen={})
    packets = [Packet(offset, 0, value) for offset, value in enumerate(values)]
    work.survey.decode(packets[:1])
    mapped_bytes = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    limit_memory(mapped_bytes + HEADROOM_BYTES)

    flow._carry_part(work, ReadResult(packets, []), 0, len(packets) - 1, is_last=True)

    answer.send((stored, buried, published))


def test_a_packet_that_inflates_beyond_the_memory_left_is_buried_and_the_others_go_on():
    good = hostile.good("ztf")
    ours, theirs = multiprocessing.Pipe(duplex=False)
    process = multiprocessing.get_context("spawn").Process(
        target=carry_under_limit, args=([good, hungry(), good, good], theirs)
    )
    process.start()
    try:
        assert ours.poll(PATIENCE_S)
        stored, buried, published = ours.recv()
    finally:
        process.kill()
        process.join()

    assert stored == [0, 2, 3]
    ((offset, reason, message),) = buried
    assert (offset, reason) == (1, "too_large")
    assert "ranges.worker_memory_bytes" in message
    assert published == [(0, 0, False), (1, 1, False), (2, 2, False), (3, 3, True)]


def test_with_memory_enough_the_same_packet_is_an_alert_with_an_unusable_name():
    from pipeline import surveys

    _, rejected = surveys.survey("ztf").decode([Packet(0, 0, hungry())])

    assert [one.reason for one in rejected] == ["bad_value"]


@pytest.mark.parametrize("hard_bytes", [resource.RLIM_INFINITY, 2**33, 2**31])
def test_the_limit_never_exceeds_what_the_owner_of_the_machine_allows(monkeypatch, hard_bytes):
    asked = []
    monkeypatch.setattr(resource, "getrlimit", lambda _: (resource.RLIM_INFINITY, hard_bytes))
    monkeypatch.setattr(resource, "setrlimit", lambda what, limits: asked.append((what, limits)))

    limit_memory(2**32)

    soft_bytes = 2**31 if hard_bytes == 2**31 else 2**32
    assert asked == [(resource.RLIMIT_AS, (soft_bytes, hard_bytes))]
