"""The telescope console: the board, commands and their timelines, and what is pressed."""

import html
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import func, select

from pipeline.telescope import board
from pipeline.telescope.tables import (
    TelescopeAcknowledgment,
    TelescopeCommand,
    TelescopeEvent,
    TelescopeStatus,
)
from tests.integration.console.conftest import signed_in
from tests.integration.telescope.conftest import ASKED

pytestmark = pytest.mark.integration

FORM = {name: str(value) for name, value in ASKED.items()} | {
    "center_frequency": "1420",
    "key": "form:1",
}


def text(answer):
    return html.unescape(answer.content.decode())


def count(session):
    return session.scalar(select(func.count()).select_from(TelescopeCommand))


def ack(row, status, **more):
    at = more.pop("received_at", datetime.now(UTC))
    values = {
        "telescope": "beam",
        "ack_id": f"{status}-{at}",
        "command_id": row.command_id,
        "timestamp": round(at.timestamp() * 1000),
        "status": status,
        "source_application": "robotics",
        "source_id": 1,
        "source_partition": 0,
        "source_offset": 0,
        "received_at": at,
        "disposition": "applied",
    }
    return TelescopeAcknowledgment(**values | more)


@pytest.mark.parametrize("role", [None, "shifter", "data_manager"])
def test_other_staff_may_not_look(db, beam, role):
    assert signed_in(role).get("/telescopes").status_code == 403


@pytest.mark.parametrize("path", ["/telescopes/nosuch", "/telescopes/commands/cmd-nosuch"])
def test_what_is_not_there_is_not_found(operator, beam, path):
    assert operator.get(path).status_code == 404


@pytest.mark.parametrize("page", ["0", "x", "99999"])
def test_a_page_that_is_none_is_not_found(operator, beam, page):
    assert operator.get(f"/telescopes?page={page}").status_code == 404


def test_without_a_telescope_the_page_says_how_to_begin(operator, session, set_up):
    set_up(telescopes="{}")

    assert "[telescopes.NAME]" in text(operator.get("/telescopes"))


def test_a_telescope_that_was_never_heard_says_how_to_begin(operator, beam):
    page = text(operator.get("/telescopes"))

    assert "manage.py telescope_credential beam APPLICATION" in page
    assert "robotics has not been heard of yet" in page
    assert "Nobody has asked for anything yet" in page


def test_the_board_shows_the_last_status_of_each_component(operator, heard):
    heard("robotics", cpu_usage_percent=12.5, disk_usage_percent=91.0)
    heard("handler", component="", age_s=400, message="asleep")

    page = text(operator.get("/telescopes"))

    assert "tracking" in page
    assert "12.5 %" in page
    assert "91 %" in page
    assert page.count('<span class="badge warn">stale</span>') == 1
    assert "handler has not been heard of since" in page


def test_what_is_critical_is_shown(operator, heard):
    heard("robotics", level="critical", message="dish is falling", is_operational=False)

    assert "<strong>Critical</strong>: robotics, mount: dish is falling" in text(
        operator.get("/telescopes")
    )


def test_uptime_counts_the_minutes_in_which_all_was_well(operator, session, heard):
    heard("robotics")
    now = datetime.now(UTC).replace(second=30, microsecond=0)
    told = [(2, True), (2, True), (3, True), (3, False), (5, True), (1500, True)]
    for number, (minutes, is_operational) in enumerate(told):
        at = now - timedelta(minutes=minutes)
        session.add(
            TelescopeStatus(
                telescope="beam", status_id=f"{number}", timestamp=0, level="info", message="",
                source_application="robotics", component="mount", is_operational=is_operational,
                source_id=1, source_partition=0, source_offset=number, received_at=at,
            )
        )  # fmt: skip
    session.commit()

    page = text(operator.get("/telescopes"))

    assert "0.1 %" in page  # 2 of 1440 minutes


def test_a_part_is_the_fragment_alone(operator, beam, command):
    row = command()

    for path in ("/telescopes?part=live", "/telescopes/beam?part=board",
                 f"/telescopes/commands/{row.command_id}?part=live"):  # fmt: skip
        page = text(operator.get(path))
        assert "<html" not in page
        assert 'hx-swap="outerHTML"' in page


def test_a_command_that_has_ended_is_not_asked_for_again_by_its_page(operator, command):
    row = command(state="completed", finished_at=datetime.now(UTC))

    assert "hx-get" not in text(operator.get(f"/telescopes/commands/{row.command_id}"))


def test_commands_are_filtered(operator, command):
    one, other = command(state="completed"), command(trigger_id="S1")

    page = text(operator.get("/telescopes?state=completed"))
    assert one.command_id[-12:] in page
    assert other.command_id[-12:] not in page
    assert other.command_id[-12:] in text(operator.get("/telescopes?trigger_id=S1"))
    assert "No command is like that" in text(operator.get("/telescopes?telescope=sim"))


def test_a_command_is_sent(operator, session, well, bells):
    answer = operator.post("/telescopes/beam", FORM, follow=True)

    [row] = session.scalars(select(TelescopeCommand))
    assert answer.redirect_chain == [(f"/telescopes/commands/{row.command_id}", 302)]
    assert (row.state, row.requested_by, row.origin) == ("requested", "staff-operator", "console")
    assert row.request["ra"] == 10.68
    assert bells == [("telescope.send", "commands", "beam")]


def test_a_second_click_makes_no_second_command(operator, session, well, bells):
    operator.post("/telescopes/beam", FORM)
    answer = operator.post("/telescopes/beam", FORM, follow=True)

    assert "was asked for before" in text(answer)
    assert count(session) == 1


@pytest.mark.parametrize(
    ("field", "value", "limit"),
    [
        ("ra", "360", "0 to less than 360"),
        ("dec", "90.0001", "90"),
        ("integration_time", "0", "0"),
        ("integration_time", "nan", "Enter a number"),
        ("integration_time", "3601", "at most 3600 s at BEAM"),
        ("output_filename", "../x.fits", "no dot first"),
        ("center_frequency", "1", "not one of the available choices"),
        ("observation_type", "nap", "not one of the available choices"),
        ("target_name", "", "required"),
    ],
)
def test_a_wrong_field_says_so_beside_it(operator, session, well, bells, field, value, limit):
    answer = operator.post("/telescopes/beam", FORM | {field: value})

    assert answer.status_code == 400
    assert field in answer.context["form"].errors
    assert limit in text(answer)
    assert (count(session), bells) == (0, [])


def test_a_silent_telescope_asks_first_and_keeps_the_answer(operator, session, heard, bells):
    heard("robotics", age_s=120)
    heard("handler")

    asked = operator.post("/telescopes/beam", FORM)
    assert asked.status_code == 409
    assert "robotics has not been heard of since" in text(asked)
    assert 'value="M31"' in text(asked)
    assert (count(session), bells) == (0, [])

    operator.post("/telescopes/beam", FORM | {"is_confirmed": "true"})
    event = session.scalars(select(TelescopeEvent)).one()
    assert event.who == "staff-operator"
    assert "confirmed although robotics has not been heard of since" in event.why


def test_a_busy_telescope_asks_first(operator, session, well, command):
    row = command()

    answer = operator.post("/telescopes/beam", FORM)

    assert answer.status_code == 409
    assert f"unfinished command: {row.command_id}" in text(answer)


def test_the_timeline_shows_who_said_what_and_when(operator, session, command):
    now = datetime.now(UTC)
    row = command(
        state="timeout", ended_by="deadline", timeout_stage="finish", sent_at=now,
        finished_at=now + timedelta(seconds=60), late_status="completed",
        late_at=now + timedelta(seconds=252), progress_percent=50.0, kafka_offset=7,
    )  # fmt: skip
    session.add_all(
        [
            ack(row, "received", received_at=now + timedelta(seconds=1), source_offset=1),
            ack(row, "started", received_at=now + timedelta(seconds=2), source_offset=2,
                progress_percent=50.0, message="slewing", disposition="progress"),
            ack(row, "started", received_at=now + timedelta(seconds=3), source_offset=3,
                disposition="duplicate"),
            ack(row, "completed", received_at=now + timedelta(seconds=252), source_offset=4,
                disposition="late", timestamp=round(now.timestamp() * 1000)),
        ]
    )  # fmt: skip
    session.commit()

    page = text(operator.get(f"/telescopes/commands/{row.command_id}"))

    assert "it was not finished in time; completed, 3 min 12 s late" in page
    assert "slewing" in page
    assert "said before" in page
    assert "its clock is 4 min 12 s behind" in page
    assert "offset 7 of its topic" in page
    assert '<progress max="100" value="50"' in page
    assert "4 acknowledgments as they came" in page


def test_a_command_that_is_not_received_within_5_s_turns_amber(operator, command):
    now = datetime.now(UTC)
    early = command(state="sent", sent_at=now - timedelta(seconds=2))
    slow = command(state="sent", sent_at=now - timedelta(seconds=6))

    warning = "most telescopes receive within 5 s"
    assert warning not in text(operator.get(f"/telescopes/commands/{early.command_id}"))
    assert warning in text(operator.get(f"/telescopes/commands/{slow.command_id}"))


def test_a_command_is_cancelled_with_a_reason(operator, session, command):
    row = command(state="started", sent_at=datetime.now(UTC))
    path = f"/telescopes/commands/{row.command_id}/cancel"

    assert operator.post(path, {"why": ""}).status_code == 400
    answer = operator.post(path, {"why": "clouds"}, follow=True)

    assert "Cancel of M31" in text(answer)
    cancel = session.scalars(
        select(TelescopeCommand).where(TelescopeCommand.cancels == row.command_id)
    ).one()
    assert cancel.observation_id == row.observation_id
    assert "clouds" in text(operator.get(f"/telescopes/commands/{row.command_id}"))


def test_what_cannot_be_done_says_why(operator, command):
    row = command(state="completed", finished_at=datetime.now(UTC))

    for word, told in (("cancel", "there is nothing to cancel"),
                       ("retry", "cannot be asked for again"), ("resend", "not unknown")):  # fmt: skip
        path = f"/telescopes/commands/{row.command_id}/{word}"
        assert told in text(operator.post(path, {"why": "x"}, follow=True))


def test_sending_again_to_a_silent_telescope_asks_first(operator, session, command, bells):
    row = command(state="unknown", attempts=1)
    path = f"/telescopes/commands/{row.command_id}/resend"

    asked = operator.post(path, {"why": "nothing came"})
    assert asked.status_code == 409
    assert "robotics has not been heard of yet" in text(asked)
    assert f'action="{path}"' in text(asked)
    session.refresh(row)
    assert row.state == "unknown"

    operator.post(path, {"why": "nothing came", "is_confirmed": "true"})
    session.refresh(row)
    assert row.state == "requested"


def test_an_act_that_is_none_is_not_found(operator, command):
    path = f"/telescopes/commands/{command().command_id}/explode"

    assert operator.post(path, {"why": "x"}).status_code == 404


def test_a_retry_of_what_may_still_run_asks_first(operator, session, well, command):
    row = command(
        state="timeout", ended_by="deadline", timeout_stage="receive",
        sent_at=datetime.now(UTC), finished_at=datetime.now(UTC),
    )  # fmt: skip
    path = f"/telescopes/commands/{row.command_id}/retry"

    asked = operator.post(path, {"why": "again"})
    assert asked.status_code == 409
    assert "both would run" in text(asked)
    assert count(session) == 1

    operator.post(path, {"why": "again", "is_confirmed": "true"})
    assert count(session) == 3  # a cancel of the old one, and the new one
    page = text(operator.get(f"/telescopes/commands/{row.command_id}"))
    assert "It was asked for again" in page
    assert "A cancel was made" in page


def test_everything_stops_after_one_question(operator, session, command):
    waiting, running = command(), command(state="started", sent_at=datetime.now(UTC))

    page = text(operator.get("/telescopes/commands/stop"))
    assert "BEAM: 2 unfinished commands" in page
    assert operator.post("/telescopes/commands/stop", {"why": ""}).status_code == 400
    assert board.accepts_commands(session, "beam")

    page = text(operator.post("/telescopes/commands/stop", {"why": "fire"}))

    assert f"{waiting.command_id}</a>: cancelled before it was sent" in page
    assert f"{running.command_id}</a>: a cancel is sent" in page
    for name in ("beam", "sim"):
        assert "Stopped</strong> by staff-operator" in text(operator.get(f"/telescopes/{name}"))


def test_one_telescope_stops_and_goes_on(operator, session, well, bells):
    operator.post("/telescopes/commands/stop", {"why": "wind", "telescope": "beam"})
    assert "accepts no commands" not in text(operator.get("/telescopes/sim"))
    refused = operator.post("/telescopes/beam", FORM)
    assert refused.status_code == 400
    assert count(session) == 0

    assert "Say why" in text(operator.post("/telescopes/beam/resume", {}, follow=True))
    operator.post("/telescopes/beam/resume", {"why": "calm"})

    assert operator.post("/telescopes/beam", FORM).status_code == 302


def test_what_is_asked_for_because_of_an_event_is_taken_back(operator, session, command):
    waiting = command(trigger_id="S1")
    running = command(trigger_id="S1", state="started", sent_at=datetime.now(UTC))

    answer = operator.post("/telescopes/commands/of/S1/withdraw", follow=True)

    page = text(answer)
    assert f"{waiting.command_id}: cancelled before it was sent" in page
    assert f"{running.command_id}: a cancel is sent" in page
    again = operator.post("/telescopes/commands/of/S2/withdraw", follow=True)
    assert "Nothing of this event is under way" in text(again)
