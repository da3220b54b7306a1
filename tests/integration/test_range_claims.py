"""Ranges are claimed by one worker at a time, released, rung for again, and dropped when done."""

import pytest
from sqlalchemy import text

from broker.db import transaction
from broker.ranges import bookkeeping
from broker.ranges.claim import Counts, cut_into_singles, finish, free_lost, release, still_mine
from broker.ranges.planning import Cut, release_delay_s
from tests.integration.range_rows import (
    PLACE,
    STREAM,
    change,
    claimed,
    cut,
    due,
    inserted,
    rows,
    take,
)

pytestmark = [pytest.mark.integration, pytest.mark.usefixtures("database")]


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
