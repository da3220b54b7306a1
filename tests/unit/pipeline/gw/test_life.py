"""What a notice means for its event, whatever the order in which notices came."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.gw.life import Rules, Situation, Told, is_silent, states, wanted_steps

T0 = datetime(2026, 11, 21, 20, tzinfo=UTC)

FIRST = Situation(state="current", kind="real", alert_type="PRELIMINARY")


def told(alert_type: str, minute: int, sha256: str = "") -> Told:
    return Told(alert_type, T0 + timedelta(minutes=minute), sha256 or f"{alert_type}{minute}")


PRELIMINARY, INITIAL, UPDATE = told("PRELIMINARY", 5), told("INITIAL", 60), told("UPDATE", 120)
RETRACTION = told("RETRACTION", 90)

notices = st.lists(
    st.builds(told, st.sampled_from(["INITIAL", "UPDATE", "RETRACTION"]), st.integers(0, 4)),
    max_size=7,
    unique=True,
)


@pytest.mark.parametrize(
    ("known", "expected"),
    [
        ([PRELIMINARY], ["current"]),
        ([PRELIMINARY, INITIAL, UPDATE], ["superseded", "superseded", "current"]),
        ([INITIAL, PRELIMINARY], ["current", "superseded"]),
        ([PRELIMINARY, INITIAL, RETRACTION], ["retracted"] * 3),
        ([RETRACTION], ["ignored"]),
        ([RETRACTION, PRELIMINARY], ["retracted", "retracted"]),
        ([RETRACTION, UPDATE], ["ignored", "current"]),
        ([PRELIMINARY, RETRACTION, UPDATE], ["retracted", "retracted", "current"]),
        ([told("UPDATE", 90), RETRACTION], ["retracted", "retracted"]),
        ([told("UPDATE", 5, "a"), told("UPDATE", 5, "b")], ["superseded", "current"]),
        ([], []),
    ],
    ids=[
        "first",
        "three in order",
        "a late one",
        "retracted",
        "a retraction of nothing",
        "older than a stored retraction",
        "only newer than a retraction",
        "back again after a retraction",
        "made in the moment of the retraction",
        "two of one moment",
        "nothing",
    ],
)
def test_the_states_of_an_event(known, expected):
    assert states(known) == expected


@given(st.data(), notices)
def test_any_order_of_arrival_gives_the_same_states(data, known):
    shuffled = data.draw(st.permutations(known))

    assert dict(zip(shuffled, states(shuffled), strict=True)) == dict(
        zip(known, states(known), strict=True)
    )


@given(notices)
def test_at_most_one_notice_counts_and_no_retraction_does(known):
    current = [each for each, state in zip(known, states(known), strict=True) if state == "current"]

    assert len(current) <= 1
    assert not any(each.is_retraction for each in current)


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, ["thread", "card", "picture", "folders", "notice_files"]),
        (
            {"plans_itself": True},
            ["thread", "card", "picture", "folders", "notice_files", "plans"],
        ),
        ({"has_thread": True}, ["card", "picture", "folders", "notice_files"]),
        ({"has_map": False}, ["thread", "card", "folders", "notice_files"]),
        ({"is_significant": False}, []),
        (
            {"is_significant": False, "has_thread": True, "has_map": False},
            ["card", "folders", "notice_files"],
        ),
        ({"is_silent": True, "plans_itself": True}, []),
        (
            {"state": "superseded", "has_thread": True, "plans_itself": True},
            ["card", "picture", "folders", "notice_files"],
        ),
        ({"state": "retracted", "has_thread": True, "plans_itself": True}, []),
        ({"kind": "mock"}, ["thread", "card", "picture"]),
        ({"kind": "test", "plans_itself": True}, ["thread", "card", "picture", "plans"]),
        ({"kind": "mock", "shares_mocks": True}, ["thread", "card", "picture", "folders"]),
    ],
    ids=[
        "first",
        "first, good score",
        "known event",
        "no map",
        "not significant",
        "not significant any more",
        "too old",
        "late",
        "after its retraction",
        "mock",
        "mock that plans",
        "mock that has folders",
    ],
)
def test_what_is_done_with_a_notice(changes, expected):
    assert wanted_steps(replace(FIRST, **changes)) == expected


@pytest.mark.parametrize(
    ("state", "has_thread", "expected"),
    [
        ("retracted", True, ["card", "retract", "withdraw"]),
        ("retracted", False, ["withdraw"]),
        ("ignored", False, []),
    ],
    ids=["of a told event", "of an event nobody was told of", "of an unknown event"],
)
@pytest.mark.parametrize("silent", [False, True], ids=["fresh", "old"])
def test_a_retraction_is_told_where_the_event_was(state, has_thread, expected, silent):
    retraction = Situation(
        state=state, kind="real", alert_type="RETRACTION", has_thread=has_thread, is_silent=silent
    )

    assert wanted_steps(retraction) == expected


@pytest.mark.parametrize(("hours", "expected"), [(24, False), (24.01, True), (-1, False)])
def test_a_notice_is_silent_when_it_is_older_than_a_day(hours, expected):
    assert is_silent(T0, T0 + timedelta(hours=hours), Rules()) is expected
