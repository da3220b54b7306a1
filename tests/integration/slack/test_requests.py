"""What Slack sends: believed when signed, kept once, answered at once whatever else is away."""

import pytest
from django.contrib.auth.models import Group, User
from django.test import Client

from tests.integration.slack.requests import URL, kept, pressed, send
from tests.slack import GW, SHIFTER

pytestmark = [pytest.mark.integration, pytest.mark.django_db, pytest.mark.usefixtures("rings")]


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
