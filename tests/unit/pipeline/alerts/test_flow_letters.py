"""What a dead letter says of its packet is for people: to fail at it decides nothing."""

from datetime import date
from types import SimpleNamespace

import pytest
from billiard.exceptions import SoftTimeLimitExceeded

from broker.archive import Slice
from broker.kafka_types import Packet
from pipeline.alerts import storing
from pipeline.alerts.batch import Rejected

PIECE = Slice(3, 100, 6, 0)
WORK = SimpleNamespace(
    source=SimpleNamespace(id=1, partition=2),
    survey=SimpleNamespace(night=lambda _: date(2026, 11, 20)),
)
BAD = Rejected(Packet(7, 1_000, b"packet"), "schema_not_allowed", "why")


def test_a_packet_whose_ids_cannot_be_read_keeps_its_reason_and_its_bytes(monkeypatch):
    def fail(_value):
        raise ValueError("a schema that nobody thought of")

    monkeypatch.setattr(storing, "identify", fail)

    (letter,) = storing._letters(WORK, [BAD], {7: PIECE})

    assert (letter.offset, letter.reason, letter.packet) == (7, "schema_not_allowed", b"packet")
    assert letter.archive == (3, 100, 6)
    assert (letter.candid, letter.object_id) == (None, None)


def test_the_time_limit_of_the_task_is_not_taken_for_a_broken_packet(monkeypatch):
    def late(_value):
        raise SoftTimeLimitExceeded

    monkeypatch.setattr(storing, "identify", late)

    with pytest.raises(SoftTimeLimitExceeded):
        storing._letters(WORK, [BAD], {7: PIECE})
