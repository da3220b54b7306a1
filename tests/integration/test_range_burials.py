"""What no worker can carry any more is buried once: deadly packets, expired and deleted logs."""

from datetime import UTC, date, datetime

import pytest
from sqlalchemy import text

from broker.db import transaction
from broker.ranges import bookkeeping, vanished
from broker.ranges.claim import Counts, claim, finish, release
from broker.ranges.planning import Cut
from tests.integration.range_rows import (
    PLACE,
    STREAM,
    change,
    claimed,
    cut,
    held_by,
    inserted,
    rows,
    take,
)

pytestmark = [pytest.mark.integration, pytest.mark.usefixtures("database")]
CAME = datetime(2024, 11, 21, 6, tzinfo=UTC)


def test_a_single_packet_is_tried_four_times_and_then_buried():
    inserted(7, 7)
    for attempt in range(1, 5):
        held = claimed(7, f"task-{attempt}")
        assert held.attempts == attempt
        release(held, f"death {attempt}", infrastructure=False)
    assert claimed(7, "task-5") is None
    assert rows("state, attempts, read_count, dead_count") == [("done", 5, 1, 1)]
    with transaction() as session:
        letters = session.execute(
            text("""
                SELECT l.reason, l.source_offset, l.last_offset, l.message, s.topic_id
                FROM dead_letters AS l JOIN sources AS s ON s.id = l.source_id
            """)
        ).all()
    assert letters == [("worker_died", 7, 7, "4 attempts failed; the last: death 4", "id-1")]


def died_four_times(first=7):
    for attempt in range(1, 5):
        release(claimed(first, f"task-{attempt}"), "death", infrastructure=False)


def buried():
    with transaction() as session:
        found = session.execute(text("SELECT reason, kafka_timestamp, night FROM dead_letters"))
        return [tuple(row) for row in found]


def test_a_packet_is_buried_with_the_time_when_it_came_and_its_night():
    inserted(7, 7)
    died_four_times()
    asked = []

    def arrived(held):
        asked.append(held.first)
        return CAME, date(2024, 11, 20)

    assert claim(STREAM, *PLACE, 7, 0, "task-5", arrived) is None
    assert asked == [7]
    assert buried() == [("worker_died", CAME, date(2024, 11, 20))]


def test_a_packet_that_kills_whoever_asks_for_its_time_is_buried_without():
    inserted(7, 7)
    died_four_times()

    def arrived(_):
        raise SystemExit("as if the plug were pulled")

    with pytest.raises(SystemExit):
        claim(STREAM, *PLACE, 7, 0, "task-5", arrived)
    assert (rows("state"), buried()) == ([("running",)], [])
    change("lease_until = now() - interval '1 s'")

    assert claim(STREAM, *PLACE, 7, 0, "task-6", arrived) is None
    assert rows("state") == [("done",)]
    assert buried() == [("worker_died", None, None)]


def test_a_range_that_was_lost_while_it_was_asked_for_is_not_buried():
    inserted(7, 7)
    died_four_times()

    def arrived(_):
        change("lease_until = now() - interval '1 s'")
        assert claim(STREAM, *PLACE, 7, 0, "task-6") is None
        return CAME, date(2024, 11, 20)

    claim(STREAM, *PLACE, 7, 0, "task-5", arrived)
    assert buried() == [("worker_died", None, None)]


def test_an_expired_interval_is_done_and_buried_in_one_transaction():
    holdings = held_by(take(), high=100)
    holdings.owned[PLACE].low = 60
    holdings.cut(4, 250, 30)
    assert rows() == [(0, 59, "done", 0), (60, 99, "queued", 0)]
    holdings.read_states(lambda *_: None)
    assert holdings.owned[PLACE].cursor == 60
    with transaction() as session:
        letters = session.execute(
            text("SELECT reason, source_offset, last_offset FROM dead_letters")
        ).all()
    assert letters == [("expired_offsets", 0, 59)]


def test_a_topic_made_anew_buries_what_was_unfinished_of_the_old_one():
    guard = take()
    cut(guard, Cut(PLACE, 0, 9), Cut(PLACE, 10, 19), Cut(PLACE, 20, 29))
    with transaction() as session:
        finish(session, claimed(10), Counts())
        bookkeeping.commit(session, STREAM, {PLACE: (guard, 0, 40)})
    with transaction() as session:
        taken = bookkeeping.take(session, STREAM, PLACE, "listener")
        bookkeeping.forget(session, STREAM, PLACE, taken, "the topic was made anew")
    assert rows() == []
    with transaction() as session:
        letters = session.execute(
            text("SELECT source_offset, last_offset FROM dead_letters ORDER BY 1")
        ).all()
    assert letters == [(0, 9), (20, 39)]


def test_a_deleted_topic_is_buried_once():
    guard = take()
    cut(guard, Cut(PLACE, 0, 9))
    with transaction() as session:
        bookkeeping.commit(session, STREAM, {PLACE: (guard, 0, 25)})
        assert vanished.unfinished_topics(session, STREAM) == [PLACE[0]]
        vanished.retire_topic(session, STREAM, PLACE[0])
        assert vanished.unfinished_topics(session, STREAM) == []
        letters = session.execute(text("SELECT source_offset, last_offset FROM dead_letters")).all()
    assert letters == [(0, 24)]
    assert rows() == []
