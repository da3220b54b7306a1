"""Cutting and finishing, against a plain reading offset by offset."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from broker.ranges.planning import (
    Backlog,
    Cut,
    RangeRow,
    choose_start,
    done_prefix,
    holes,
    next_cuts,
    plan_cuts,
    release_delay_s,
)

A, B, C = ("night", 0), ("night", 1), ("night", 2)


@st.composite
def disjoint_rows(draw):
    """Rows as the protocol leaves them: disjoint, in any order, with holes."""
    at, rows = draw(st.integers(0, 20)), []
    for _ in range(draw(st.integers(0, 8))):
        at += draw(st.integers(0, 5))
        length = draw(st.integers(1, 6))
        rows.append(RangeRow(at, at + length - 1, is_done=draw(st.booleans())))
        at += length
    return draw(st.permutations(rows))


any_rows = st.lists(
    st.builds(
        lambda first, length, is_done: RangeRow(first, first + length, is_done),
        st.integers(0, 30),
        st.integers(0, 6),
        st.booleans(),
    ),
    max_size=8,
)
offsets = st.integers(0, 40)


@given(offsets, any_rows)
def test_the_done_prefix_holds_only_offsets_of_done_ranges(cursor, rows):
    reached = done_prefix(cursor, rows)
    assert reached >= cursor
    for offset in range(cursor, reached):
        covering = [row for row in rows if row.first <= offset <= row.last]
        assert covering
        assert all(row.is_done for row in covering)


@given(offsets, disjoint_rows())
def test_the_done_prefix_is_as_long_as_it_can_be(cursor, rows):
    done = {offset for row in rows if row.is_done for offset in range(row.first, row.last + 1)}
    expected = cursor
    while expected in done:
        expected += 1
    if not any(row.first < cursor <= row.last for row in rows):  # a cursor stands on an edge
        assert done_prefix(cursor, rows) == expected


@given(offsets, offsets, any_rows)
def test_holes_are_exactly_the_offsets_in_no_row(cursor, high, rows):
    found = [o for first, last in holes(cursor, high, rows) for o in range(first, last + 1)]
    covered = {offset for row in rows for offset in range(row.first, row.last + 1)}
    assert found == [offset for offset in range(cursor, high) if offset not in covered]


@given(offsets, offsets, offsets, any_rows, st.integers(1, 7))
def test_cuts_cover_every_hole_once_and_none_is_too_long(cursor, low, high, rows, longest):
    cuts = list(next_cuts(Backlog(A, cursor, low, high, rows), longest))
    covered = [offset for cut in cuts for offset in range(cut.first, cut.last + 1)]
    assert covered == [
        o for first, last in holes(cursor, high, rows) for o in range(first, last + 1)
    ]
    for cut in cuts:
        assert cut.is_expired == (cut.last < low)
        assert cut.is_expired or cut.first >= low
        assert cut.is_expired or cut.last - cut.first < longest


def backlog(place, high, rows=(), *, low=0):
    return Backlog(place, 0, low, high, rows)


def test_a_single_new_alert_is_a_range_of_one():
    assert plan_cuts([backlog(A, 1)], 4, 250) == [Cut(A, 0, 0)]


def test_all_that_waits_goes_out_at_once():
    assert plan_cuts([backlog(A, 137)], 4, 250) == [Cut(A, 0, 136)]


def test_one_alert_per_task_is_obeyed():
    assert plan_cuts([backlog(A, 3)], 4, 1) == [Cut(A, 0, 0), Cut(A, 1, 1), Cut(A, 2, 2)]


def test_a_full_window_cuts_nothing():
    assert plan_cuts([backlog(A, 1000)], 0, 250) == []
    assert plan_cuts([backlog(A, 1000)], -3, 250) == []


def test_partitions_take_turns():
    cuts = plan_cuts([backlog(A, 1000), backlog(B, 1000), backlog(C, 100)], 4, 250)
    assert [cut.place for cut in cuts] == [A, B, C, A]


def test_the_partition_after_the_last_served_comes_first():
    cuts = plan_cuts([backlog(A, 1000), backlog(B, 1000), backlog(C, 100)], 2, 250, after=A)
    assert [cut.place for cut in cuts] == [B, C]


def test_a_stuck_range_does_not_stop_what_comes_after_it():
    stuck = RangeRow(0, 9, is_done=False)
    assert plan_cuts([backlog(A, 30, [stuck])], 4, 250) == [Cut(A, 10, 29)]


def test_a_cut_ends_before_the_next_row():
    later = RangeRow(10, 19, is_done=True)
    assert plan_cuts([backlog(A, 30, [later])], 4, 250) == [Cut(A, 0, 9), Cut(A, 20, 29)]


def test_an_expired_interval_is_one_range_and_needs_no_slot():
    assert plan_cuts([backlog(A, 2000, low=1000)], 1, 250) == [
        Cut(A, 0, 999, is_expired=True),
        Cut(A, 1000, 1249),
    ]


@given(
    st.lists(st.tuples(st.integers(0, 60), any_rows), min_size=1, max_size=4),
    st.integers(-1, 9),
    st.integers(1, 7),
)
def test_plans_fill_the_window_and_never_overlap(partitions, slots, longest):
    backlogs = [backlog(("t", n), high, rows) for n, (high, rows) in enumerate(partitions)]
    cuts = plan_cuts(backlogs, slots, longest)
    possible = sum(len(list(next_cuts(b, longest))) for b in backlogs)
    assert len(cuts) == max(0, min(slots, possible))
    cells = [(cut.place, o) for cut in cuts for o in range(cut.first, cut.last + 1)]
    assert len(cells) == len(set(cells))


@pytest.mark.parametrize(
    ("kafka", "stored", "policy", "expected"),
    [
        (None, None, "earliest", (100, False)),
        (None, None, "latest", (500, False)),
        (300, None, "latest", (300, False)),
        (None, 310, "latest", (310, False)),  # Kafka forgot the group after 7 days
        (300, 250, "earliest", (250, False)),  # an older Postgres was restored
        (250, 300, "earliest", (250, False)),
        (20, 20, "earliest", (20, False)),  # expired: must be accounted for, not skipped
        (700, 600, "earliest", (100, True)),  # the log is shorter than what we remember
        (500, 500, "earliest", (500, False)),
    ],
)
def test_a_listener_begins_where_nothing_can_be_lost(kafka, stored, policy, expected):
    assert choose_start(kafka, stored, 100, 500, policy) == expected


def test_a_range_rests_longer_each_time_it_is_given_back():
    assert [release_delay_s(n) for n in range(8)] == [1, 2, 4, 8, 16, 30, 30, 30]
