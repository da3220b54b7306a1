"""Packets that a stranger made: each is refused with its reason, and its neighbours go on."""

import pytest

from broker.dead_letters import REASONS
from broker.kafka_types import Packet
from pipeline import surveys
from tests import hostile

NAMES = [(survey, name) for survey in ("ztf", "lsst") for name in hostile.poisons(survey)]


def decode(survey, values):
    packets = [Packet(offset, 0, value) for offset, value in enumerate(values)]
    return surveys.survey(survey).decode(packets)


@pytest.mark.parametrize(("survey", "name"), NAMES, ids=map("-".join, NAMES))
def test_poison_is_refused_with_its_reason_and_disturbs_nobody(survey, name):
    value, reasons = hostile.poisons(survey)[name]
    good = hostile.good(survey)

    batch, rejected = decode(survey, [good, value, good])

    assert [packet.offset for packet in batch.packets] == [0, 2]
    ((offset, reason),) = [(one.packet.offset, one.reason) for one in rejected]
    assert (offset, {reason} <= reasons) == (1, True), reason
    assert reasons <= set(REASONS)


@pytest.mark.parametrize("survey", ["ztf", "lsst"])
def test_all_poisons_together_leave_the_good_packets(survey):
    values = []
    for poison in hostile.poisons(survey).values():
        values += [hostile.good(survey), poison.value]

    batch, rejected = decode(survey, values)

    assert [packet.offset for packet in batch.packets] == list(range(0, len(values), 2))
    assert [one.packet.offset for one in rejected] == list(range(1, len(values), 2))


@pytest.mark.parametrize("survey", ["ztf", "lsst"])
def test_what_the_poisons_are_made_from_is_good(survey):
    row = hostile.smallest_row(survey)
    history = b"\2" + hostile.zigzag(3) + row * 3 + b"\0"
    values = [
        hostile.good(survey),
        hostile.packed(survey, hostile.record(survey)),
        hostile.wrapped(survey, hostile.body(survey, hostile.good(survey))),
        hostile.wrapped(survey, hostile.with_history(survey, history)),
        hostile.wrapped(survey, hostile.with_text(survey, hostile.zigzag(3) + b"ABC")),
    ]
    batch, rejected = decode(survey, values)

    assert (len(batch), rejected) == (5, [])
