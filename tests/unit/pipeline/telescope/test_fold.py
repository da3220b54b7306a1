"""What acknowledgments amount to: by a table of cases, and whatever their order."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.telescope.facts import Ack, Cancel, Facts, Limits, Outcome
from pipeline.telescope.fold import fold, judge

SENT = datetime(2026, 3, 1, 22, tzinfo=UTC)
LIMITS = Limits(
    start_within_s=300,
    finish_factor=1.2,
    finish_margin_s=300,
    estimate_margin_s=120,
    cancel_within_s=60,
)


def after(seconds):
    return SENT + timedelta(seconds=seconds)


FACTS = Facts(
    published="sent",
    dropped_at=None,
    is_cancel=False,
    integration_s=100,
    sent_at=SENT,
    receive_by=after(30),
    required=(),
    cancels=(),
    limits=LIMITS,
)


def ack(status, at_s, *, by="robotics", clock_s=None, **more):
    clock_ms = round(1000 * (at_s if clock_s is None else clock_s))
    name = more.pop("ack_id", f"{by}-{status}-{at_s}")
    return Ack(name, status, clock_ms, by, after(at_s), **more)


def states(acks, now_s=1, **changes):
    found = fold(replace(FACTS, **changes), acks, after(now_s))
    return found.state, found.timeout_stage


def test_a_run_in_order():
    acks = [
        ack("received", 1),
        ack("started", 2, progress_percent=25.0),
        ack("started", 3, progress_percent=75.0),
        ack("started", 4, progress_percent=50.0),
        ack("completed", 5),
    ]

    found = fold(FACTS, acks, after(6))

    assert (found.state, found.ended_by, found.progress_percent) == ("completed", "telescope", 75)
    times = (found.received_at, found.started_at, found.finished_at)
    assert times == (after(1), after(2), after(5))
    assert (found.due_at, found.late) == (None, frozenset())


@pytest.mark.parametrize("order", list(permutations(range(4))), ids=str)
def test_every_order_of_four_ends_alike(order):
    said = [("received", None), ("started", 25.0), ("started", 50.0), ("completed", None)]
    acks = [
        ack(said[which][0], at_s, clock_s=which, progress_percent=said[which][1])
        for at_s, which in enumerate(order, 1)
    ]

    found = fold(FACTS, acks, after(10))

    assert (found.state, found.progress_percent) == ("completed", 50)
    assert None not in (found.received_at, found.started_at, found.finished_at)


@pytest.mark.parametrize(
    ("acks", "now_s", "expected"),
    [
        ([], 30, ("sent", None)),
        ([], 31, ("timeout", "receive")),
        ([ack("received", 29)], 329, ("received", None)),
        ([ack("received", 29)], 330, ("timeout", "start")),
        # 1.2 × 100 s + 300 s behind the start
        ([ack("started", 10)], 430, ("started", None)),
        ([ack("started", 10)], 431, ("timeout", "finish")),
        ([ack("started", 10), ack("completed", 430)], 500, ("completed", None)),
        ([ack("timeout", 10)], 11, ("timeout", "telescope")),
        ([ack("rejected", 10)], 9999, ("rejected", None)),
        ([ack("completed", 31)], 31, ("timeout", "receive")),
    ],
)
def test_deadlines_are_of_the_arrival(acks, now_s, expected):
    assert states(acks, now_s) == expected


def test_an_estimate_moves_the_deadline_but_not_for_ever():
    said = ack("started", 10, estimate_ms=round(1000 * after(1000).timestamp()))
    never = replace(said, estimate_ms=round(1000 * after(10**7).timestamp()))

    assert states([said], 1120) == ("started", None)
    assert states([said], 1121) == ("timeout", "finish")
    assert fold(FACTS, [never], after(20)).finish_by == after(10 + 86_400)


def test_what_comes_late_is_told_and_changes_nothing():
    acks = [ack("received", 40), ack("completed", 222)]

    found = fold(FACTS, acks, after(223))

    assert (found.state, found.timeout_stage, found.finished_at) == (
        "timeout",
        "receive",
        after(30),
    )
    assert (found.late_status, found.late_at) == ("completed", after(222))
    assert found.late == {each.ack_id for each in acks}


def test_who_looks_at_the_deadline_first_does_not_matter():
    in_time = ack("received", 29)
    assert states([], 31) == ("timeout", "receive")

    assert states([in_time], 31) == ("received", None)


def test_of_two_ends_the_smaller_clock_counts_and_ties_break_by_id():
    early, later = ack("completed", 20, clock_s=5), ack("failed", 10, clock_s=6)
    same = replace(later, timestamp_ms=early.timestamp_ms, ack_id="a")

    assert states([early, later], 30) == ("completed", None)
    assert states([early, same], 30) == ("failed", None)


@pytest.mark.parametrize(
    ("acks", "expected"),
    [
        ([ack("completed", 2)], "started"),
        ([ack("completed", 2), ack("completed", 3, by="handler")], "completed"),
        ([ack("completed", 2), ack("failed", 3, by="handler")], "failed"),
        ([ack("failed", 2), ack("completed", 3, by="handler")], "failed"),
        ([ack("completed", 2), ack("completed", 3, by="stranger")], "started"),
        ([ack("received", 2), ack("failed", 3, by="stranger")], "received"),
    ],
)
def test_two_required_applications(acks, expected):
    found = fold(replace(FACTS, required=frozenset({"robotics", "handler"})), acks, after(4))

    assert found.state == expected


DAYS_S = 3 * 86_400


def expired(at_s, **more):
    return ack("rejected", at_s, error_code="expired", **more)


@pytest.mark.parametrize(
    ("acks", "required", "expected"),
    [
        # A new consumer group reads all that the topic keeps, and refuses each old command.
        ([ack("completed", 5), expired(DAYS_S, by="handler")], (), "completed"),
        ([ack("failed", 5), expired(DAYS_S, by="handler")], (), "failed"),
        ([ack("received", 5), expired(20, by="handler")], (), "received"),
        ([expired(5, by="handler"), ack("received", 6)], (), "received"),
        ([expired(5, by="handler"), ack("completed", 6)], (), "completed"),
        ([expired(5, by="handler"), ack("rejected", 6, clock_s=1)], (), "rejected"),
        ([expired(5, by="handler"), expired(6)], (), "rejected"),
        ([ack("received", 5), expired(20)], (), "rejected"),
        # The same application anew, on a machine with another clock.
        ([ack("completed", 5), expired(20, clock_s=1)], (), "completed"),
        ([ack("completed", 5), expired(20, clock_s=1)], ("robotics",), "completed"),
        # Without a required one it cannot be completed.
        ([ack("started", 5), expired(20, by="handler")], ("robotics", "handler"), "rejected"),
        ([ack("started", 5), expired(20, by="handler")], ("robotics",), "started"),
    ],
)
def test_who_reads_it_too_late_ends_nothing_that_another_received(acks, required, expected):
    found = fold(replace(FACTS, required=frozenset(required)), acks, after(21))

    assert found.state == expected
    is_left_out = expected != "rejected" or acks[-1].error_code is None
    theirs = {each.ack_id for each in acks if each.error_code == "expired"}
    assert found.uncounted == (theirs if is_left_out else frozenset())


def test_behind_an_end_the_others_have_as_long_as_the_command_had():
    done = ack("completed", 10)  # finished by 10 + 1.2 × 100 + 300 s
    in_time, later = ack("failed", 430, by="handler"), ack("failed", 431, by="handler")

    assert fold(FACTS, [done, in_time], after(500)).state == "failed"
    found = fold(FACTS, [done, later], after(500))
    assert (found.state, found.ended_by, found.finished_at) == ("completed", "telescope", after(10))
    assert (found.late, found.late_status) == ({later.ack_id}, "failed")


OPEN = Cancel("sent", None)
DONE = Cancel("completed", after(20))
REFUSED = Cancel("rejected", after(20))
GIVEN_UP = ack("failed", 10, error_code="cancelled")


@pytest.mark.parametrize(
    ("acks", "cancels", "now_s", "expected"),
    [
        ([ack("started", 5)], [OPEN], 25, "started"),
        ([ack("started", 5)], [DONE], 25, "cancelled"),
        ([ack("started", 5)], [REFUSED], 25, "started"),
        ([ack("started", 5), ack("completed", 15)], [DONE], 25, "completed"),
        ([ack("started", 5), ack("completed", 21)], [DONE], 25, "cancelled"),
        ([GIVEN_UP], [OPEN], 25, "cancelled"),
        ([GIVEN_UP], [DONE], 25, "cancelled"),
        ([GIVEN_UP], [], 25, "failed"),
        ([replace(GIVEN_UP, arrived_at=after(21))], [REFUSED], 25, "failed"),
        ([], [Cancel("completed", after(50))], 60, "cancelled"),
        ([ack("completed", 40)], [Cancel("completed", after(50))], 60, "timeout"),
    ],
)
def test_a_cancel(acks, cancels, now_s, expected):
    assert states(acks, now_s, cancels=cancels)[0] == expected


def test_a_cancel_itself_has_one_deadline_behind_its_sending():
    cancel = {"is_cancel": True, "receive_by": None}

    assert states([], 60, **cancel) == ("sent", None)
    assert states([], 61, **cancel) == ("timeout", "finish")
    assert states([ack("received", 59)], 61, **cancel) == ("timeout", "finish")
    assert states([], 10**6, published="requested", sent_at=None, **cancel) == ("requested", None)


@pytest.mark.parametrize(
    ("published", "now_s", "expected"),
    [
        ("requested", 30, ("requested", None)),
        ("requested", 31, ("timeout", "send")),
        ("sending", 31, ("sending", None)),
        ("unknown", 10**6, ("unknown", None)),
    ],
)
def test_before_it_is_sent(published, now_s, expected):
    assert states([], now_s, published=published, sent_at=None) == expected


def test_an_acknowledgment_proves_that_it_was_sent():
    for published in ("sending", "unknown"):
        assert states([ack("started", 500)], 501, published=published, sent_at=None) == (
            "started",
            None,
        )


def test_what_was_dropped_before_it_was_sent_stays_so():
    found = fold(replace(FACTS, dropped_at=after(3)), [ack("started", 5)], after(6))

    assert (found.state, found.ended_by, found.finished_at) == ("cancelled", "operator", after(3))
    assert found.late_status == "started"


@pytest.mark.parametrize(
    ("status", "earlier", "expected"),
    [
        ("received", [], "applied"),
        ("started", ["received"], "applied"),
        ("started", ["started"], "progress"),
        ("received", ["received"], "duplicate"),
        ("completed", ["completed"], "duplicate"),
        ("failed", ["completed"], "conflict"),
        ("received", ["started"], "out_of_order"),
        ("started", ["completed"], "out_of_order"),
    ],
)
def test_what_becomes_of_one(status, earlier, expected):
    before = [ack(each, 1) for each in earlier]

    outcome, new = Outcome("sent"), ack(status, 2, ack_id="new")

    assert judge(new, before, outcome) == expected
    assert judge(ack(status, 2, by="handler", ack_id="new"), before, outcome) == "applied"
    assert judge(new, before, replace(outcome, late=frozenset({"new"}))) == "late"
    assert judge(new, before, replace(outcome, uncounted=frozenset({"new"}))) == "not_counted"


def test_one_that_comes_out_of_order_still_fills_its_own_time():
    found = fold(FACTS, [ack("started", 3), ack("received", 5)], after(6))

    assert (found.received_at, found.started_at) == (after(5), after(3))


def test_words_of_an_application_that_is_not_required_are_not_counted():
    facts = replace(FACTS, required=frozenset({"robotics"}))
    word = ack("failed", 2, by="handler")

    assert fold(facts, [ack("received", 1), word], after(3)).uncounted == {word.ack_id}


STATUSES = ("received", "started", "completed", "failed", "rejected", "timeout", "expired")
SAID = st.builds(
    lambda name, status, clock_s, by, progress: (name, status, clock_s, by, progress),
    st.uuids().map(str),
    st.sampled_from(STATUSES),
    st.integers(0, 4),
    st.sampled_from(("robotics", "handler", "stranger")),
    st.one_of(st.none(), st.floats()),
)
REQUIRED = st.sets(st.sampled_from(("robotics", "handler")))


def expected_state(said, required):
    """Return the state by a second way: of each application, then of the command."""
    ends, reached = {}, 0
    said = [each for each in said if not required or each[3] in required]
    ended = {by for _, status, _, by, _ in said if status in STATUSES[2:6]}
    for name, status, clock_s, by, _ in said:
        others = [each for each in said if each[3] != by and each[1] != "expired"]
        if status == "expired" and (by in ended or (others and not required)):
            continue
        reached = max(reached, min(STATUSES.index(status) + 1, 2))
        if status not in {"received", "started"}:
            ends[by] = min(ends.get(by, (9, "", "")), (clock_s, name, status))
    bad = sorted(end for end in ends.values() if end[2] != "completed")
    if bad:
        return "rejected" if bad[0][2] == "expired" else bad[0][2]
    if ends and (not required or required <= set(ends)):
        return "completed"
    return ("sent", "received", "started")[reached]


@given(st.lists(SAID, max_size=7, unique_by=lambda one: one[0]), REQUIRED, st.randoms())
def test_any_order_of_arrival_ends_in_the_same_state_and_progress(said, required, chance):
    shuffled = list(said)
    chance.shuffle(shuffled)
    found = [
        fold(
            replace(FACTS, required=frozenset(required)),
            [
                (expired if status == "expired" else partial(ack, status))(
                    at_s, by=by, clock_s=clock_s, ack_id=name, progress_percent=progress
                )
                for at_s, (name, status, clock_s, by, progress) in enumerate(order, 1)
            ],
            after(20),
        )
        for order in (said, shuffled)
    ]
    counted = [each[4] for each in said if each[0] not in found[0].uncounted]
    known = [each for each in counted if each is not None and 0 <= each <= 100]

    assert found[0].uncounted == found[1].uncounted
    assert {each.state for each in found} == {expected_state(said, required)}
    assert {each.progress_percent for each in found} == {max(known, default=None)}


@given(
    st.lists(st.tuples(st.sampled_from(STATUSES[:6]), st.integers(0, 600)), max_size=6),
    st.one_of(st.none(), st.integers(0, 600)),
    st.randoms(),
)
def test_the_order_of_storing_never_matters(said, cancelled_s, chance):
    acks = [ack(status, at_s, ack_id=str(n)) for n, (status, at_s) in enumerate(said)]
    cancels = [] if cancelled_s is None else [Cancel("completed", after(cancelled_s))]
    facts = replace(FACTS, cancels=cancels)
    whole = fold(facts, acks, after(700))
    chance.shuffle(acks)

    assert fold(facts, acks, after(700)) == whole
    # What was known before the last one came is forgotten once it has.
    assert fold(facts, acks[:-1], after(700)).late <= {each.ack_id for each in acks}
