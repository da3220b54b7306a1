"""Packets whose workers died are sent through once more by themselves."""

from datetime import UTC, date, datetime, timedelta

import pytest

from broker import dead_letter_tasks
from broker.dead_letters import DeadLetter, Letter, bury
from broker.errors import TransientError
from broker.kafka import Watermarks
from broker.ranges import second_tries, whereabouts
from broker.ranges.replay_tables import ReplayPlace
from tests import factories

pytestmark = pytest.mark.integration


class Cluster:
    """Has the topic, with offsets 40 to 49."""

    def __init__(self, _connection):
        """Nothing is opened."""

    def topic_ids(self, topics):
        return dict.fromkeys(topics, "abc")

    def watermarks(self, places):
        return dict.fromkeys(places, Watermarks(40, 50))


class Away(Cluster):
    def topic_ids(self, _topics):
        raise TransientError("Kafka is away")


@pytest.fixture(autouse=True)
def kafka(monkeypatch):
    monkeypatch.setattr(whereabouts, "Cluster", Cluster)


@pytest.fixture
def make_letter(session, source):
    def make(age_min=15, **given):
        seen = datetime.now(UTC) - timedelta(minutes=age_min)
        values = {"reason": "worker_died", "sha256": None, "first_seen_at": seen}
        return factories.make_dead_letter(session, source, **values | given)

    return make


def test_a_packet_whose_workers_died_is_sent_again_after_ten_minutes(session, make_letter):
    letter = make_letter()

    dead_letter_tasks.retry_died()

    session.refresh(letter)
    (place,) = session.query(ReplayPlace).all()
    assert letter.state == "retried"
    assert (place.letter_id, place.first_offset, place.last_offset) == (letter.id, 43, 43)


def test_a_packet_that_dies_again_is_left_to_an_operator(session, source, make_letter):
    came = datetime(2026, 8, 2, 3, 0, tzinfo=UTC)
    letter = make_letter(night=date(2026, 8, 1), kafka_timestamp=came)
    dead_letter_tasks.retry_died()
    again = Letter(3, 43, "worker_died", "again", night=date(2026, 8, 9))
    bury(session, "ztf", letter.topic, source.id, [again])
    session.refresh(letter)
    assert (letter.state, letter.attempts) == ("open", 2)
    assert (letter.night, letter.kafka_timestamp) == (date(2026, 8, 1), came)

    dead_letter_tasks.retry_died()

    session.refresh(letter)
    assert letter.state == "open"


def test_a_packet_that_can_be_read_this_time_tells_its_night(session, source, make_letter):
    letter = make_letter(night=date(2026, 8, 9), kafka_timestamp=None)
    dead_letter_tasks.retry_died()
    came = datetime(2026, 8, 2, 3, 0, tzinfo=UTC)
    again = Letter(
        3, 43, "bad_value", "why", kafka_timestamp=came, night=date(2026, 8, 1), packet=b"x"
    )
    bury(session, "ztf", letter.topic, source.id, [again])

    session.refresh(letter)
    assert (letter.night, letter.kafka_timestamp) == (date(2026, 8, 1), came)


@pytest.mark.parametrize(
    "given",
    [
        {"age_min": 5},
        {"age_min": 180},
        {"reason": "bad_value"},
        {"state": "ignored"},
        {"state": "resolved"},
    ],
    ids=["young", "old", "another reason", "ignored", "resolved"],
)
def test_others_are_left_alone(session, make_letter, given):
    letter = make_letter(**given)
    before = letter.state

    dead_letter_tasks.retry_died()

    session.refresh(letter)
    assert letter.state == before
    assert session.query(ReplayPlace).count() == 0


def test_a_packet_that_is_nowhere_does_not_hold_up_the_others(session, make_letter):
    gone = make_letter(source_offset=7, last_offset=7)
    there = make_letter()

    dead_letter_tasks.retry_died()

    states = {letter.id: letter.state for letter in session.query(DeadLetter).populate_existing()}
    assert states == {gone.id: "open", there.id: "retried"}


def test_while_kafka_is_away_the_letter_waits(session, make_letter, monkeypatch):
    letter = make_letter()
    monkeypatch.setattr(whereabouts, "Cluster", Away)

    dead_letter_tasks.retry_died()

    session.refresh(letter)
    assert letter.state == "open"


@pytest.mark.parametrize("is_named", [True, False], ids=["named segment", "any of that day"])
def test_a_packet_that_may_lie_on_another_machine_does_not_hold_up_the_others(
    session, make_letter, is_named
):
    before = datetime.now(UTC) - timedelta(hours=2)
    segment = factories.make_segment(session, host="elsewhere", created_at=before)
    named = {"archive_segment_id": segment.id} if is_named else {}
    away = make_letter(source_offset=7, last_offset=7, **named)
    there = make_letter()

    tried = second_tries.try_again([away.id, there.id], "ada")

    assert tried.taken == [there.id]
    assert "written on elsewhere and is not on this machine" in tried.refused[away.id]


def test_what_letters_have_in_common_is_read_once(session, make_letter, monkeypatch):
    asked = []
    known = whereabouts.known_resets
    monkeypatch.setattr(
        whereabouts, "known_resets", lambda *given: asked.append(given) or known(*given)
    )
    letters = [make_letter(source_offset=at, last_offset=at) for at in range(40, 45)]

    tried = second_tries.try_again([letter.id for letter in letters], "ada")

    assert len(tried.taken) == len(letters)
    assert len(asked) == 1
