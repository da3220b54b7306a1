"""The rows of the range protocol in a real Postgres: claims, releases, epochs."""

import threading
from datetime import UTC, date, datetime, timedelta

import pytest
from sqlalchemy import text

from broker.db import transaction
from broker.kafka import Fenced
from broker.ranges import bookkeeping, stops, vanished
from broker.ranges.claim import (
    Counts,
    claim,
    cut_into_singles,
    finish,
    free_lost,
    release,
    still_mine,
)
from broker.ranges.holdings import Holdings, OwnedPartition
from broker.ranges.planning import Cut, RangeRow, release_delay_s

pytestmark = [pytest.mark.integration, pytest.mark.usefixtures("database")]

CAME = datetime(2024, 11, 21, 6, tzinfo=UTC)
STREAM, PLACE = "ztf", ("ztf_20260101_programid1", 0)


def take(owner="listener"):
    with transaction() as session:
        taken = bookkeeping.take(session, STREAM, PLACE, owner)
        bookkeeping.begin(session, STREAM, PLACE, taken, "id-1", 0, 0)
    return bookkeeping.Guard(taken.epoch, taken.server_start)


def cut(guard, *cuts, ring_after_s=30.0):
    with transaction() as session:
        return bookkeeping.insert_cuts(session, STREAM, [(c, guard) for c in cuts], ring_after_s)


def inserted(first, last):
    assert cut(take(), Cut(PLACE, first, last))


def claimed(first=0, owner="task-1"):
    return claim(STREAM, *PLACE, first, 0, owner)


def rows(columns="first_offset, last_offset, state, attempts"):
    with transaction() as session:
        return [
            tuple(row)
            for row in session.execute(
                text(f"SELECT {columns} FROM stream_ranges ORDER BY first_offset")
            )
        ]


def change(assignments):
    with transaction() as session:
        session.execute(text(f"UPDATE stream_ranges SET {assignments}"))


def due(cursor=0):
    with transaction() as session:
        found = bookkeeping.take_due(session, STREAM, {PLACE: cursor}, 30)
    return [(ring.first, ring.last) for ring in found]


def test_a_claim_returns_the_row_as_it_is_and_only_once():
    inserted(0, 9)
    held = claimed()
    assert (held.first, held.last, held.attempts, held.owner) == (0, 9, 1, "task-1")
    assert claimed(owner="task-2") is None


def test_a_claim_without_a_row_does_nothing():
    assert claimed() is None


def test_finishing_ends_a_range_and_keeps_its_counts():
    inserted(0, 9)
    held = claimed()
    with transaction() as session:
        assert still_mine(session, held)
        assert finish(session, held, Counts(10, 8, 1, 1, 7))
    assert rows(
        "state, read_count, stored_count, duplicate_count, dead_count, published_count"
    ) == [("done", 10, 8, 1, 1, 7)]
    assert claimed(owner="task-2") is None


def test_a_worker_that_lost_its_range_cannot_touch_it():
    inserted(0, 0)
    zombie = claimed()
    change("lease_until = now() - interval '1 s'")
    successor = claimed(owner="task-2")
    assert successor.attempts == 2
    with transaction() as session:
        assert not still_mine(session, zombie)
        assert not finish(session, zombie, Counts())
    release(zombie, "late", infrastructure=True)
    assert rows("state, owner, attempts") == [("running", "task-2", 2)]


def test_a_redelivered_task_does_not_speak_for_its_earlier_self():
    inserted(0, 0)
    zombie = claimed()
    change("lease_until = now() - interval '1 s'")
    assert claimed().owner == zombie.owner
    with transaction() as session:
        assert not still_mine(session, zombie)


def test_an_outage_does_not_count_and_lets_the_range_rest_longer_each_time():
    inserted(0, 9)
    rests = []
    for number in range(7):
        held = claimed(owner=f"task-{number}")
        assert held.attempts == 1
        release(held, ConnectionError("Kafka is away"), infrastructure=True)
        [(seconds, state, attempts)] = rows(
            "extract(epoch FROM ring_at - now())::float, state, attempts"
        )
        assert (state, attempts) == ("queued", 0)
        rests.append(seconds)
    for releases, seconds in enumerate(rests):
        assert release_delay_s(releases) - 1 < seconds <= release_delay_s(releases)
    assert rows("error") == [("ConnectionError: Kafka is away",)]


def test_a_time_limit_counts_and_rings_at_once():
    inserted(0, 0)
    release(claimed(), "soft time limit", infrastructure=False)
    assert rows("state, attempts, owner, ring_at <= now()") == [("queued", 1, None, True)]
    assert due() == [(0, 0)]


def test_the_second_attempt_of_several_cuts_them_into_single_packets():
    inserted(10, 13)
    release(claimed(10), "died", infrastructure=False)
    assert claimed(10, "task-2") is None
    assert rows() == [(n, n, "queued", 1) for n in (10, 11, 12, 13)]
    assert sorted(due(10)) == [(n, n) for n in (10, 11, 12, 13)]
    assert claimed(12, "task-3").attempts == 2


def test_a_range_can_be_cut_by_its_holder():
    inserted(0, 2)
    cut_into_singles(claimed())
    assert rows() == [(n, n, "queued", 1) for n in range(3)]


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


def test_the_parent_frees_the_range_of_a_dead_child_at_once():
    inserted(0, 9)
    claimed()
    free_lost("task-1", [STREAM, *PLACE, 0, 9, 0], "WorkerLostError: signal 9")
    assert rows("state, attempts, owner, error") == [
        ("queued", 1, None, "WorkerLostError: signal 9")
    ]


def test_the_parent_frees_no_range_of_another():
    inserted(0, 9)
    claimed(owner="task-2")
    free_lost("task-1", [STREAM, *PLACE, 0, 9], "late")
    assert rows("state, owner") == [("running", "task-2")]


def test_what_was_queued_is_not_rung_twice_in_a_tick():
    inserted(0, 9)
    assert due() == []
    change("ring_at = now()")
    assert due() == [(0, 9)]
    assert due() == []


def test_one_task_delivered_twice_ends_only_the_range_that_it_claimed():
    inserted(0, 4)
    frozen = claimed()
    change("state = 'done'")
    with transaction() as session:
        session.execute(text("TRUNCATE stream_ranges, stream_partitions"))
    inserted(0, 9)
    awake = claimed()

    with transaction() as session:
        assert not still_mine(session, frozen)
        assert not finish(session, frozen, Counts())
        assert finish(session, awake, Counts())


def test_a_new_owner_rings_at_once_for_what_it_adopts():
    inserted(0, 9)
    assert due() == []
    take("successor")
    assert due() == [(0, 9)]


def test_a_lease_that_is_over_frees_the_range_and_counts():
    inserted(0, 9)
    claimed()
    assert due() == []
    change("lease_until = now() - interval '1 s'")
    assert due() == [(0, 9)]
    assert rows("state, owner, attempts, error") == [("queued", None, 1, "the lease ended")]


@pytest.mark.parametrize("again", ["listener", "worker"])
def test_a_lease_that_postgres_cut_short_does_not_count(again):
    inserted(0, 9)
    claimed()
    change(
        "lease_until = now() - interval '1 s', "
        "claimed_at = pg_postmaster_start_time() - interval '1 s'"
    )
    if again == "listener":
        assert due() == [(0, 9)]
    assert claimed(owner="task-2").attempts == 1


def test_a_locked_row_does_not_hold_the_listener_up():
    inserted(0, 9)
    held = claimed()
    with transaction() as session:
        assert still_mine(session, held)
        with transaction() as other:
            other.execute(text("SET LOCAL lock_timeout = '2s'"))
            found = bookkeeping.take_due(other, STREAM, {PLACE: 0}, 30)
    assert found == []


def test_every_new_owner_has_a_higher_epoch_even_when_the_table_was_emptied():
    epochs = [take(), take()]
    with transaction() as session:
        session.execute(text("TRUNCATE stream_partitions"))
    epochs.append(take())
    assert epochs == sorted(set(epochs))


def test_a_zombie_cannot_cut():
    old = take()
    new = take("successor")
    assert cut(old, Cut(PLACE, 0, 9)) == []
    assert cut(new, Cut(PLACE, 0, 9)) == [Cut(PLACE, 0, 9)]


def test_a_new_owner_waits_for_a_zombie_in_mid_cut_and_sees_its_range():
    old, taken = take(), []
    with transaction() as session:
        bookkeeping.insert_cuts(session, STREAM, [(Cut(PLACE, 0, 9), old)], 30)
        successor = threading.Thread(target=lambda: taken.append(take("successor")))
        successor.start()
        successor.join(0.3)
        assert successor.is_alive()
    successor.join(5)
    assert taken[0] > old
    with transaction() as session:
        assert bookkeeping.read_rows(session, STREAM, {PLACE: 0}) == {
            PLACE: [RangeRow(0, 9, is_done=False)]
        }


def test_a_zombie_that_waits_for_its_successor_is_refused():
    old, cuts = take(), []
    with transaction() as session:
        bookkeeping.take(session, STREAM, PLACE, "successor")
        zombie = threading.Thread(target=lambda: cuts.append(cut(old, Cut(PLACE, 0, 9))))
        zombie.start()
        zombie.join(0.3)
        assert zombie.is_alive()
    zombie.join(5)
    assert cuts == [[]]
    assert rows() == []


def held_by(guard, *, cursor=0, high=10):
    holdings = Holdings(STREAM)
    holdings.owned[PLACE] = OwnedPartition(PLACE, guard, "id-1", cursor, 0, high)
    return holdings


def test_a_zombie_learns_that_it_is_one_when_it_cuts_or_commits():
    zombie = held_by(take())
    take("successor")
    with pytest.raises(Fenced):
        zombie.cut(4, 250, 30)
    zombie.note_committed({PLACE: 5})
    with pytest.raises(Fenced):
        zombie.write_committed()


def test_emptied_bookkeeping_makes_the_owner_begin_anew():
    holdings = held_by(take())
    with transaction() as session:
        session.execute(text("TRUNCATE stream_partitions, stream_ranges"))
    assert holdings.cut(4, 250, 30) == []
    assert holdings.to_take == {PLACE}
    assert not holdings.owned


def test_an_older_postgres_makes_the_owner_begin_anew():
    holdings = held_by(take())
    with transaction() as session:
        session.execute(text("UPDATE stream_partitions SET epoch = epoch - 1"))
    assert holdings.cut(4, 250, 30) == []
    assert holdings.to_take == {PLACE}


def test_a_postgres_that_restarted_makes_the_owner_begin_anew_and_changes_nothing_before():
    guard = take()
    earlier = guard._replace(server_start=guard.server_start - timedelta(seconds=9))
    for act in (lambda held: held.cut(4, 250, 30), Holdings.write_committed):
        holdings = held_by(earlier)
        holdings.note_committed({PLACE: 5})
        act(holdings)
        assert holdings.to_take == {PLACE}
    assert rows() == []
    with transaction() as session:
        assert session.scalar(text("SELECT committed_offset FROM stream_partitions")) == 0


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


def test_done_ranges_are_dropped_below_the_committed_offset_only():
    guard = take()
    cut(guard, Cut(PLACE, 0, 9), Cut(PLACE, 10, 19), Cut(PLACE, 20, 29))
    for first in (0, 10):
        held = claimed(first)
        with transaction() as session:
            finish(session, held, Counts())
    change("done_at = done_at - interval '2 days'")
    with transaction() as session:
        bookkeeping.commit(session, STREAM, {PLACE: (guard, 10, 30)})
        bookkeeping.delete_done(session, STREAM)
    assert [first for first, *_ in rows()] == [10, 20]


def test_a_stream_is_stopped_with_its_first_reason_and_resumed():
    with transaction() as session:
        assert stops.stop_reason(session, STREAM) is None
        stops.stop(session, STREAM, "51 of the last 100 packets became dead letters")
        stops.stop(session, STREAM, "another")
        assert stops.stop_reason(session, STREAM).startswith("51 of the last 100")
        assert stops.resume(session, STREAM)
        assert not stops.resume(session, STREAM)
        assert stops.stop_reason(session, STREAM) is None
        stops.stop(session, STREAM, "again")
        assert stops.stop_reason(session, STREAM) == "again"


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
