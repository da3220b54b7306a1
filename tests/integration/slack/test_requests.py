"""What Slack sends: believed when signed, kept once, answered at once whatever else is away."""

import json
import time
from datetime import UTC, datetime, timedelta
from urllib.parse import urlencode

import pytest
from django.contrib.auth.models import Group, User
from django.test import Client
from sqlalchemy import select

from accounts.models import StaffRecord
from broker.config import ConfigError, build, config
from pipeline.clients.slack import connect
from pipeline.gw.action_tables import GwSlackAction
from pipeline.simulate.slack import clicks, triggers
from pipeline.simulate.slack.faults import Fault
from pipeline.web import slack_actions
from tests.slack import GW, SECRET, SHIFTER, TEAM

pytestmark = [pytest.mark.integration, pytest.mark.django_db]
URL = "/api/slack/actions"
OF_REQUESTS = slack_actions._impatient_slack.__wrapped__
"""What makes the client of requests, anew."""
BUTTON = {"type": "button", "text": {"type": "plain_text", "text": "x"}, "value": "7"}


@pytest.fixture(autouse=True)
def rings(set_up, monkeypatch):
    rung = []
    monkeypatch.setattr(slack_actions, "enqueue", lambda *ring: rung.append(ring))
    # A busy machine is no reason to fail: a dialog may take its time here.
    monkeypatch.setattr(triggers, "TRIGGER_S", 60)
    patient = connect(config(), 30, retries=0)
    monkeypatch.setattr(slack_actions, "_impatient_slack", lambda: patient)
    return rung


@pytest.fixture
def shifter(session):
    user = User.objects.create(username="vera", is_staff=True)
    user.groups.add(Group.objects.get(name="shifter"))
    return StaffRecord.objects.create(user=user, slack_user_id=SHIFTER).user


def pressed(standin, action_id, user=SHIFTER, **button):
    """Return what Slack would send for a button, which may open a dialog."""
    element = BUTTON | {"action_id": action_id} | button
    entry = {"channel": GW, "ts": "1.000001", "thread_ts": "1.000000", "text": ""}
    entry["blocks"] = [{"type": "actions", "elements": [element]}]
    payload = clicks.press(standin.workspace, user, entry, action_id)
    standin.workspace.triggers.make(payload["trigger_id"], user)
    return payload


def send(payload, **given):
    return answered(payload, **given).status_code


def answered(payload, *, secret=SECRET, late_s=0, body=None):
    body = urlencode({"payload": json.dumps(payload)}).encode() if body is None else body
    at_s = int(time.time()) - late_s
    return Client(headers={"host": "localhost"}).post(
        URL,
        body,
        content_type="application/x-www-form-urlencoded",
        headers={
            "X-Slack-Request-Timestamp": str(at_s),
            "X-Slack-Signature": clicks.sign(secret, at_s, body),
        },
    )


def kept(session):
    session.expire_all()
    return list(session.scalars(select(GwSlackAction).order_by(GwSlackAction.id)))


def test_a_wrong_signature_is_refused(standin, session):
    assert send(pressed(standin, "follow_up"), secret="another") == 400
    assert kept(session) == []


def test_a_request_of_yesterday_is_refused(standin, session):
    assert send(pressed(standin, "follow_up"), late_s=301) == 400
    assert kept(session) == []


def test_a_request_without_signature_is_refused(session):
    answer = Client(headers={"host": "localhost"}).post(URL, {"payload": "{}"})

    assert answer.status_code == 400


def test_without_a_signing_secret_nothing_is_believed(standin, set_up, session):
    set_up(NIGHTJAR_SLACK__SIGNING_SECRET="")

    assert send(pressed(standin, "follow_up"), secret="") == 400


@pytest.mark.parametrize(
    "body", [b"", b"payload=", b"payload=%7B", b"payload=[]", b"payload=%7B%7D", b"other=1"]
)
def test_what_is_signed_and_is_no_payload_is_refused(body, session):
    assert send(None, body=body) == 400
    assert kept(session) == []


def test_a_click_is_kept_with_everything_it_said(standin, session, rings, shifter):
    payload = pressed(standin, "follow_up")

    assert send(payload) == 200

    [row] = kept(session)
    assert (row.action_id, row.value, row.user_id, row.user_name) == (
        "follow_up",
        "7",
        SHIFTER,
        "vera",
    )
    assert (row.channel, row.message_ts, row.thread_ts) == (GW, "1.000001", "1.000000")
    assert (row.role, row.state) == ("shifter", "wanted")
    assert rings == [("gw.act", "gw", row.id)]


def test_a_request_that_comes_twice_is_one_click(standin, session, rings, shifter):
    payload = pressed(standin, "run_obs_plan")

    assert [send(payload), send(payload)] == [200, 200]

    assert len(kept(session)) == len(rings) == 1


def test_nobody_listed_means_nobody_may(standin, session):
    assert send(pressed(standin, "run_obs_plan")) == 200

    assert [row.role for row in kept(session)] == [None]


@pytest.mark.parametrize("change", ["inactive", "no staff", "other role"])
def test_a_record_alone_is_no_right(standin, session, shifter, change):
    if change == "other role":
        shifter.groups.set([Group.objects.get(name="data_manager")])
    User.objects.update(is_active=change != "inactive", is_staff=change != "no staff")

    send(pressed(standin, "run_obs_plan"))

    assert [row.role for row in kept(session)] == [None]


@pytest.mark.parametrize("action_id", ["open_gracedb", "snooze", "anything"])
def test_buttons_that_only_open_an_address_are_answered_and_forgotten(standin, session, action_id):
    assert send(pressed(standin, action_id, url="https://example.org")) == 200
    assert kept(session) == []


@pytest.mark.parametrize("kind", ["view_closed", "shortcut"])
def test_requests_of_another_kind_are_answered_and_forgotten(session, kind):
    assert send({"type": kind}) == 200
    assert kept(session) == []


def test_plan_options_open_a_dialog_for_a_shifter(standin, session, shifter):
    payload = pressed(standin, "plan_options")

    assert send(payload) == 200

    assert kept(session) == []
    _, view = standin.workspace.triggers.view(
        standin.workspace.triggers.opened_by(payload["trigger_id"])
    )
    assert [block["block_id"] for block in view["blocks"]] == [
        "telescopes",
        "strategy",
        "max_tiles",
        "exposure_s",
        "window_start",
        "window_end",
    ]


def test_plan_options_open_nothing_for_others(standin, session):
    payload = pressed(standin, "plan_options")

    assert send(payload) == 200

    assert standin.calls == []
    assert [row.role for row in kept(session)] == [None]


@pytest.mark.parametrize("kind", ["broken", "busy", "cut"])
def test_a_dialog_that_does_not_open_leaves_a_click_to_be_answered(standin, session, shifter, kind):
    standin.faults.add("views.open", Fault(kind, seconds=60))

    assert send(pressed(standin, "plan_options")) == 200

    assert [row.action_id for row in kept(session)] == ["plan_options"]
    assert standin.calls == ["views.open"]


def test_a_click_is_kept_without_waiting_for_slack_that_hangs(
    standin, session, shifter, monkeypatch
):
    """Slack wants its answer within 3 s: one call, with the limit of time that the settings bound.

    A request that waited for the call would have opened the dialog, and kept no click.
    """
    monkeypatch.setattr(slack_actions, "_impatient_slack", OF_REQUESTS)
    standin.faults.add("views.open", Fault("hang", seconds=20))
    payload = pressed(standin, "plan_options")

    assert send(payload) == 200

    assert [row.action_id for row in kept(session)] == ["plan_options"]
    assert standin.workspace.triggers.opened_by(payload["trigger_id"]) == ""
    assert standin.calls == ["views.open"]


def test_no_setting_lets_a_dialog_take_as_long_as_slack_waits():
    with pytest.raises(ConfigError, match="dialog_timeout_s"):
        build({"NIGHTJAR_SLACK__DIALOG_TIMEOUT_S": "3"})


def filled_in(begin, **changed):
    """Return what somebody typed into *Plan options*, for twelve hours."""
    end = begin + timedelta(hours=12)
    values = {
        "telescopes": ["TCA", "TRE"],
        "strategy": ["galaxies"],
        "max_tiles": ["12"],
        "exposure_s": ["60"],
        "window_start": [f"{begin:%Y-%m-%dT%H:%M}"],
        "window_end": [f"{end:%Y-%m-%dT%H:%M}"],
    }
    return {f"{block}/field": given for block, given in (values | changed).items()}


@pytest.mark.parametrize(
    ("changed", "fault"),
    [
        ({"exposure_s": ["1000000000"]}, {"exposure_s": "at most 7200"}),
        ({"window_end": ["2001-01-01T00:00"]}, {"window_end": "the window is over"}),
        ({"telescopes": []}, {"telescopes": "choose at least one telescope"}),
    ],
)
def test_a_dialog_that_cannot_be_planned_stays_open_and_says_why(
    standin, session, shifter, changed, fault
):
    payload = pressed(standin, "plan_options")
    send(payload)
    _, view = standin.workspace.triggers.view(
        standin.workspace.triggers.opened_by(payload["trigger_id"])
    )
    form = filled_in(datetime.now(UTC) + timedelta(hours=1), **changed)
    answer = answered(clicks.submit(standin.workspace, SHIFTER, view, form))

    told = answer.json()
    assert answer.status_code == 200
    assert told["response_action"] == "errors"
    assert told["errors"].keys() == fault.keys()
    assert all(words in told["errors"][block] for block, words in fault.items())
    assert kept(session) == []


def test_a_filled_in_dialog_is_kept_once(standin, session, shifter):
    payload = pressed(standin, "plan_options")
    send(payload)
    _, view = standin.workspace.triggers.view(
        standin.workspace.triggers.opened_by(payload["trigger_id"])
    )
    begin = datetime.now(UTC).replace(second=0, microsecond=0) + timedelta(hours=1)
    submitted = clicks.submit(standin.workspace, SHIFTER, view, filled_in(begin))

    assert [send(submitted), send(submitted)] == [200, 200]

    [row] = kept(session)
    assert row.form == {
        "telescopes": ["TCA", "TRE"],
        "strategy": "galaxies",
        "max_tiles": "12",
        "exposure_s": "60",
        "window_start": begin.timestamp(),
        "window_end": begin.timestamp() + 12 * 3600,
    }
    assert (row.channel, row.message_ts, row.value) == (GW, "1.000001", "7")


def test_a_team_that_cannot_observe_is_asked_why(standin, session):
    payload = pressed(standin, "cannot_observe", TEAM)

    assert send(payload) == 200

    opened = standin.workspace.triggers.opened_by(payload["trigger_id"])
    _, view = standin.workspace.triggers.view(opened)
    assert [block["block_id"] for block in view["blocks"]] == ["reason", "until"]
