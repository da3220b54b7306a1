"""What people read of a command: by a table of cases."""

from datetime import UTC, datetime, timedelta

import pytest

from pipeline.telescope.tables import TelescopeAcknowledgment, TelescopeCommand, TelescopeEvent
from pipeline.telescope.timeline import clock_off_s, deadline, ending, span, timeline

T0 = datetime(2026, 3, 1, 22, tzinfo=UTC)


def after(seconds):
    return T0 + timedelta(seconds=seconds)


def row(**values):
    start = {"state": "requested", "created_at": T0, "requested_by": "owl", "origin": "console"}
    return TelescopeCommand(**start | values)


def ack(status, at_s, *, clock_s=None, **more):
    clock_ms = round(1000 * (T0.timestamp() + (at_s if clock_s is None else clock_s)))
    values = {"source_application": "robotics", "disposition": "applied"}
    return TelescopeAcknowledgment(
        status=status, received_at=after(at_s), timestamp=clock_ms, **values | more
    )


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0, "0 s"), (59.6, "1 min"), (192, "3 min 12 s"), (3600, "1 h"), (86461, "24 h 1 min 1 s"),
     (-5, "0 s")],
)  # fmt: skip
def test_a_time_as_people_say_it(seconds, words):
    assert span(timedelta(seconds=seconds)) == words


def test_all_that_happened_stands_in_order_of_time():
    command = row(state="completed", sent_at=after(2), finished_at=after(9))
    asked = TelescopeEvent(what="requested", who="owl", why="", at=after(1))
    said = [ack("completed", 9), ack("received", 3)]

    found = timeline(command, said, [asked], 30)

    assert [(each.what, each.who) for each in found] == [
        ("requested", "owl"),
        ("sent", "nightjar"),
        ("received", "robotics"),
        ("completed", "robotics"),
    ]


def test_a_command_without_events_says_who_asked():
    [only] = timeline(row(), [], [], 30)

    assert (only.what, only.who, only.at) == ("requested", "owl", T0)


@pytest.mark.parametrize(
    ("status", "disposition", "tone"),
    [("completed", "applied", "ok"), ("failed", "applied", "bad"), ("rejected", "late", "warn"),
     ("completed", "conflict", "warn"), ("rejected", "not_counted", ""), ("started", "duplicate", ""), ("received", "progress", "ok")],
)  # fmt: skip
def test_what_counts_is_told_from_what_does_not(status, disposition, tone):
    found = timeline(row(), [ack(status, 5, disposition=disposition)], [], 30)

    assert found[-1].tone == tone


@pytest.mark.parametrize(
    ("clock_s", "note"),
    [(-25, ""), (35, ""), (36, "its clock is 31 s ahead"), (-26, "its clock is 31 s behind")],
)
def test_a_clock_that_is_off_is_warned_of(clock_s, note):
    said = ack("received", 5, clock_s=clock_s)

    assert clock_off_s(said) == clock_s - 5
    assert timeline(row(), [said], [], 30)[-1].note == note


@pytest.mark.parametrize(
    ("timestamp", "word"),
    [(1_772_402_400_000_000_000, "ahead"), (2**63 - 1, "ahead"), (-(2**63), "behind"),
     (253_402_300_800_000, "ahead"), (0, "behind")],
)  # fmt: skip
def test_a_clock_of_another_unit_or_year_is_warned_of_all_the_same(timestamp, word):
    said = ack("received", 5)
    said.timestamp = timestamp

    assert timeline(row(), [said], [], 30)[-1].note == f"its clock is more than a day {word}"


def test_long_texts_are_cut():
    said = ack("failed", 5, message="m" * 2**20, error_details="d" * 2**20)

    found = timeline(row(), [said], [], 30)[-1]

    assert len(found.note) < 1500
    assert "(1048576 characters)" in found.note
    assert len(ending(row(state="failed", error_code="e" * 2**20))) < 700


def test_our_own_timeout_has_a_line():
    command = row(
        state="timeout", ended_by="deadline", timeout_stage="start", finished_at=after(300)
    )

    assert [each.what for each in timeline(command, [], [], 30)] == ["requested", "timeout"]
    assert ending(command) == "it was not started in time"


def test_what_came_late_says_how_late():
    command = row(
        state="timeout", timeout_stage="finish", finished_at=after(60), late_status="completed",
        late_at=after(252),
    )  # fmt: skip

    assert ending(command) == "it was not finished in time; completed, 3 min 12 s late"


def test_the_code_of_what_ended_it_is_told():
    assert ending(row(state="rejected", error_code="expired")) == "expired"
    assert ending(row(state="completed")) == ""


@pytest.mark.parametrize(
    ("values", "what", "by_s"),
    [
        ({"state": "requested", "receive_by": after(30)}, "to be received", 30),
        ({"state": "sent", "receive_by": after(30)}, "to be received", 30),
        ({"state": "received", "start_by": after(300)}, "to be started", 300),
        ({"state": "started", "finish_by": after(400)}, "to be finished", 400),
        ({"state": "sent", "cancels": "cmd-1", "due_at": after(60)}, "to be answered", 60),
    ],
)
def test_the_deadline_is_that_of_the_stage(values, what, by_s):
    found = deadline(row(**values), T0, 5)

    assert (found.what, found.by) == (what, after(by_s))


@pytest.mark.parametrize("state", ["completed", "timeout", "unknown", "cancelled"])
def test_what_waits_for_nothing_has_no_deadline(state):
    assert deadline(row(state=state, receive_by=after(30)), T0, 5) is None


@pytest.mark.parametrize(("now_s", "is_slow"), [(4, False), (5, False), (5.1, True)])
def test_what_is_sent_and_not_received_is_slow_after_5_s(now_s, is_slow):
    command = row(state="sent", sent_at=T0, receive_by=after(30))

    assert deadline(command, after(now_s), 5).is_slow is is_slow
