"""Which commands are over, and what they are answered."""

import pytest
from nightjar_telescope import validate
from nightjar_telescope.expiry import expired_answer, expired_by_ms
from nightjar_telescope.messages import AckStatus
from nightjar_telescope.record import Record

from tests.unit.telescope_client.messages import acknowledgment, command

ISSUED_MS = 1_700_000_000_000


def record(*headers):
    return Record("telescope.commands", 0, 0, 0, None, b"", headers)


@pytest.mark.parametrize(
    ("headers", "at_ms", "late_ms"),
    [
        ((), ISSUED_MS + 300_000, 0),
        ((), ISSUED_MS + 300_001, 1),
        ((), ISSUED_MS, -300_000),
        ((("expires_at", b"1700000000500"),), ISSUED_MS + 501, 1),
        ((("expires_at", b"1700000900000"),), ISSUED_MS + 300_001, -599_999),
        ((("expires_at", b"1"), ("expires_at", b"1700000000500")), ISSUED_MS, -500),
        ((("expires_at", b"soon"),), ISSUED_MS + 300_001, 1),
        ((("expires_at", b"-5"),), ISSUED_MS + 300_001, 1),
        ((("expires_at", "٣".encode()),), ISSUED_MS + 300_001, 1),
        ((("expires_at", b"\xff"),), ISSUED_MS + 300_001, 1),
        ((("expires_at", None),), ISSUED_MS + 300_001, 1),
        ((("expires-at", b"1"),), ISSUED_MS, -300_000),
    ],
    ids=[
        "last moment",
        "over by age",
        "new",
        "over by header",
        "header allows more",
        "last header counts",
        "no number",
        "negative",
        "foreign digits",
        "no text",
        "null",
        "hyphen",
    ],
)
def test_a_command_is_over_by_its_header_or_its_age(headers, at_ms, late_ms):
    assert expired_by_ms(command(timestamp=ISSUED_MS), record(*headers), at_ms) == late_ms


@pytest.mark.parametrize(
    "message",
    [command(timestamp=0, command_type="cancel_observation"), acknowledgment(timestamp=0)],
    ids=["cancel", "no command"],
)
def test_cancels_and_other_messages_are_never_over(message):
    assert expired_by_ms(message, record(("expires_at", b"1")), ISSUED_MS) <= 0


def test_a_command_of_a_type_that_nobody_knows_expires_too():
    assert expired_by_ms(command(timestamp=0, command_type="park"), record(), ISSUED_MS) > 0


def test_the_answer_rejects_by_name_and_may_be_sent():
    one = expired_answer(command(), 1500, "telescope-robotics")
    other = expired_answer(command(), 1500, "telescope-robotics")

    validate(one)
    assert (one.command_id, one.status, one.error_code) == ("cmd-1", AckStatus.REJECTED, "expired")
    assert one.source_application == "telescope-robotics"
    assert "1.5 s" in one.message
    assert one.ack_id != other.ack_id
