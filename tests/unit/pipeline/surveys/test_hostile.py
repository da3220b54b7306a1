"""Spoiled packets: the decoders and an honest reading come to the same verdict."""

import random

import pytest

from broker.kafka_types import Packet
from pipeline.surveys import survey
from tests.drill import hostile
from tests.drill.faults.f07 import simulated

PACKETS = 60


def decoded(stream: str, value: bytes) -> tuple[str, int | None]:
    """Return what our decoder makes of a packet, in the words of the honest reading."""
    batch, rejected = survey(stream).decode([Packet(0, 0, value)])
    assert len(batch) + len(rejected) == 1
    return (hostile.ALERT, int(batch.candid[0])) if len(batch) else (hostile.BURIED, None)


@pytest.fixture(scope="module")
def originals() -> list[hostile.Original]:
    return simulated()


def test_a_good_packet_is_an_alert(originals):
    for original in originals:
        verdict = hostile.verdict(original, original.value)
        assert verdict[0] == hostile.ALERT
        assert decoded(original.stream, original.value) == verdict


@pytest.mark.slow
@pytest.mark.parametrize("way", hostile.WAYS, ids=lambda way: way.__name__)
def test_a_spoiled_packet_is_judged_as_an_honest_reader_would(originals, way):
    draw = random.Random(way.__name__)
    for _ in range(PACKETS):
        original = draw.choice(originals)
        value = way(draw, original)
        verdict = hostile.verdict(original, value)
        if verdict[0] != hostile.EITHER:
            assert decoded(original.stream, value) == verdict
