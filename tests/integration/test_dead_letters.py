"""Dead letters in Postgres: buried once, sent again, opened again, ignored for a reason."""

from datetime import UTC, date, datetime

import pytest

from broker.dead_letters import DeadLetter, Letter, bury, ignore, resolve
from tests import factories

pytestmark = pytest.mark.integration


@pytest.fixture
def bury_one(session, source):
    def buried(letter):
        bury(session, source.stream, source.topic, source.id, [letter])
        session.expire_all()

    return buried


def letters(session):
    return session.query(DeadLetter).order_by(DeadLetter.id).all()


def test_a_retried_letter_that_fails_for_another_reason_is_the_same_letter(
    session, source, bury_one
):
    bury_one(Letter(3, 10, "worker_died", "killed"))
    (first,) = letters(session)
    first.state = "retried"
    session.flush()

    bury_one(
        Letter(
            3, 10, "truncated", "cut", packet=b"abc", archive=(5, 6, 7), candid=9,
            kafka_timestamp=datetime(2024, 11, 21, tzinfo=UTC), night=date(2024, 11, 20),
        )
    )  # fmt: skip

    (letter,) = letters(session)
    assert (letter.state, letter.reason, letter.attempts) == ("open", "truncated", 2)
    assert (letter.archive_segment_id, letter.archive_start, letter.archive_length) == (5, 6, 7)
    assert (letter.candid, letter.night) == (9, date(2024, 11, 20))


def test_what_was_known_of_a_packet_survives_an_attempt_that_learns_less(session, source, bury_one):
    bury_one(Letter(3, 10, "bad_value", "jd", packet=b"abc", archive=(5, 6, 7), candid=9))
    letters(session)[0].state = "retried"
    session.flush()

    bury_one(Letter(3, 10, "worker_died", "killed"))

    (letter,) = letters(session)
    assert (letter.reason, letter.candid, letter.archive_segment_id) == ("worker_died", 9, 5)


def test_an_ignored_letter_stays_ignored_when_its_packet_fails_again(session, bury_one):
    letter = Letter(3, 10, "truncated", "cut", packet=b"abc")
    bury_one(letter)
    ignore(session, [letters(session)[0].id], "ada", "a test night")

    bury_one(letter)

    assert [row.state for row in letters(session)] == ["ignored"]


def test_ignoring_says_who_and_why(session, bury_one):
    bury_one(Letter(3, 10, "truncated", "cut", packet=b"abc"))
    (letter,) = letters(session)

    assert ignore(session, [letter.id], "ada", "  the telescope was in maintenance \n") == [
        letter.id
    ]

    session.refresh(letter)
    assert (letter.state, letter.resolved_by, letter.note) == (
        "ignored", "ada", "the telescope was in maintenance",
    )  # fmt: skip


@pytest.mark.parametrize("state", ["ignored", "resolved"])
def test_what_is_closed_is_not_ignored_again(session, source, state):
    letter = factories.make_dead_letter(session, source, state=state, resolved_by="ada")

    assert ignore(session, [letter.id], "bob", "again") == []

    session.refresh(letter)
    assert letter.resolved_by == "ada"


@pytest.mark.parametrize("why", ["", " \n\t"], ids=["empty", "blank"])
def test_nothing_is_ignored_without_a_reason(session, source, why):
    letter = factories.make_dead_letter(session, source)

    with pytest.raises(ValueError, match="for a reason"):
        ignore(session, [letter.id], "ada", why)


@pytest.mark.parametrize("state", ["open", "retried", "ignored"])
def test_a_packet_that_became_an_alert_closes_its_letter(session, source, state):
    letter = factories.make_dead_letter(session, source, state=state)

    resolve(session, source.id, 3, [43])

    session.refresh(letter)
    assert letter.state == "resolved"


def test_letters_without_a_packet_stand_beside_each_other_by_reason(session, bury_one):
    bury_one(Letter(3, 10, "expired_offsets", "gone", last_offset=19))
    bury_one(Letter(3, 10, "worker_died", "killed"))
    for _ in range(2):
        bury_one(Letter(3, 10, "too_large", "its message has 9 MB"))

    assert [row.reason for row in letters(session)] == [
        "expired_offsets", "worker_died", "too_large",
    ]  # fmt: skip


def test_an_interval_that_grew_is_buried_whole(session, bury_one):
    for last in (19, 59, 39):
        bury_one(Letter(3, 10, "expired_offsets", f"10 to {last}", last_offset=last))

    (letter,) = letters(session)
    assert (letter.last_offset, letter.message) == (59, "10 to 59")


def test_a_packet_that_is_no_longer_too_large_closes_its_letter_but_not_its_messages(
    session, source, bury_one
):
    bury_one(Letter(3, 10, "too_large", "the packet has 9 MB", packet=b"abc"))
    bury_one(Letter(3, 10, "too_large", "its message has 9 MB"))

    resolve(session, source.id, 3, [10])
    session.expire_all()

    assert [row.state for row in letters(session)] == ["resolved", "open"]


def test_a_letter_without_a_topic_is_buried_once(session):
    for _ in range(2):
        bury(session, "ztf", "ztf_20260101_programid1", None, [Letter(3, 10, "worker_died", "x")])

    assert len(letters(session)) == 1
