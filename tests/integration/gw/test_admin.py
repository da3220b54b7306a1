"""Notices in the admin: seen by staff, and what shifters may ask for."""

from datetime import UTC, datetime, timedelta

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Group, User
from django.test import Client
from sqlalchemy import select, update

from accounts.roles import PERMISSIONS
from pipeline.gw import outages
from pipeline.gw.plan_tables import GwPlan
from pipeline.gw.tables import Delivery, GwAlert, GwStep
from tests.gw_messages import BNS, notice, whole_sky
from tests.gw_rows import make_group, make_plan, make_step

pytestmark = pytest.mark.integration

PAGES = ("gwalert", "gwstep", "delivery", "gwplan", "gwskymap", "gwdecision", "grbalert")


@pytest.fixture
def shifter(db: None) -> Client:
    """Return a browser of a member of staff with the role shifter."""
    browser = Client(headers={"host": "localhost"})
    user = User.objects.create(username="shifter", is_staff=True)
    user.groups.add(Group.objects.get(name="shifter"))
    browser.force_login(user)
    return browser


def ask(browser: Client, page: str, action: str, *keys: int) -> str:
    words = {"action": action, "_selected_action": list(keys)}
    return browser.post(f"/admin/pipeline/{page}/", words, follow=True).text


def stored(take, session) -> GwAlert:
    take(notice(classification=BNS, skymap=whole_sky()))
    return session.scalars(select(GwAlert)).one()


def wanted(session, name: str) -> list[tuple[str, str]]:
    found = select(GwStep.key, GwStep.state).where(GwStep.step == name).order_by(GwStep.id)
    return [tuple(row) for row in session.execute(found)]


@pytest.mark.parametrize("page", PAGES)
def test_every_page_opens(staff, take, session, page):
    stored(take, session)

    answer = staff.get(f"/admin/pipeline/{page}/")

    assert answer.status_code == 200


def test_a_notice_and_its_map_are_shown_but_not_the_file(staff, take, session):
    row = stored(take, session)

    shown = staff.get(f"/admin/pipeline/gwalert/{row.id_gw}/change/").text
    sky_map = staff.get(f"/admin/pipeline/gwskymap/{row.skymap_id}/change/").text

    assert "S261121a" in shown
    assert "SIMPLE  =" not in sky_map


def test_planning_again_is_one_run_until_it_ended(shifter, take, session, bells):
    row = stored(take, session)
    ask(shifter, "gwalert", "plan_again", row.id_gw)
    assert wanted(session, "plans") == [("", "wanted")]  # it is being planned
    session.execute(update(GwAlert).values(is_process_running=False))
    session.execute(update(GwStep).values(state="done"))

    for _ in range(2):
        ask(shifter, "gwalert", "plan_again", row.id_gw)

    assert wanted(session, "plans") == [("", "done"), ("replan-2", "wanted")]
    assert len(bells) == 1
    assert {each.get_change_message() for each in LogEntry.objects.all()} == {"Planned again."}


def test_what_was_given_up_is_sent_again(shifter, take, session, bells):
    row = stored(take, session)
    session.execute(update(GwStep).where(GwStep.step == "card").values(state="failed", attempts=8))
    session.add(Delivery(id_gw=row.id_gw, channel="C1", kind="M2", key="1", state="dead"))
    session.flush()

    told = ask(shifter, "gwalert", "send_again", row.id_gw)

    assert "Sent again. To be done: card." in told
    assert wanted(session, "card") == [("", "wanted")]
    assert session.scalars(select(Delivery.state)).all() == ["pending"]
    assert len(bells) == 1


def test_an_event_becomes_a_mock_and_its_plans_end(shifter, take, session, bells):
    row = stored(take, session)

    ask(shifter, "gwalert", "mark_as_mock", row.id_gw)

    session.expire_all()
    assert (row.kind, row.score, row.action, row.is_process_running) == ("mock", 0, "NO", False)
    assert wanted(session, "plans") == [("", "cancelled")]


def test_a_failed_step_is_retried(shifter, take, session, bells):
    stored(take, session)
    session.execute(update(GwStep).where(GwStep.step == "thread").values(state="failed"))
    step_id = session.scalars(select(GwStep.id).where(GwStep.step == "thread")).one()

    ask(shifter, "gwstep", "retry", step_id)

    assert wanted(session, "thread") == [("", "wanted")]
    assert bells == [("gw.step", "gw", step_id)]


@pytest.mark.parametrize(("page", "action"), [("gwstep", "retry"), ("gwalert", "send_again")])
def test_a_failed_plan_is_made_again_as_another(shifter, take, session, bells, page, action):
    row = stored(take, session)
    group = make_group(session, row, state="failed")
    failed = make_plan(session, group, state="failed")
    step = make_step(session, step="plan", id_gw=row.id_gw, key=str(failed.id), state="failed")
    session.commit()

    ask(shifter, page, action, step.id if page == "gwstep" else row.id_gw)

    session.expire_all()
    again = session.scalars(select(GwPlan).where(GwPlan.generation == 2)).one()
    assert (again.telescope, again.state) == (failed.telescope, "wanted")
    assert (failed.state, group.state, row.is_process_running) == ("failed", "running", True)
    assert wanted(session, "plan") == [(str(failed.id), "failed"), (str(again.id), "wanted")]


def mark_out(browser: Client, **changed: str) -> str:
    until = datetime.now(UTC) + timedelta(hours=3)
    form = {
        "telescope": "TCA",
        "reason": " snow ",
        "until_at_0": f"{until:%Y-%m-%d}",
        "until_at_1": f"{until:%H:%M:%S}",
    }
    page = "/admin/pipeline/gwtelescopeoutage/add/"
    return browser.post(page, form | changed, follow=True).text


@pytest.mark.parametrize(
    ("changed", "fault"),
    [
        ({"telescope": "Hubble"}, "not one of the available choices"),
        ({"reason": " "}, "required"),
        ({"until_at_0": "2001-01-01"}, "the end must lie between now and a year ahead"),
    ],
)
def test_an_outage_that_makes_no_sense_says_why(shifter, session, changed, fault):
    assert fault in mark_out(shifter, **changed)
    assert outages.current(session, datetime.now(UTC)) == {}


def test_a_telescope_is_marked_out_and_taken_back(shifter, session):
    mark_out(shifter)

    marked = outages.current(session, datetime.now(UTC))["TCA"]
    assert (marked.reason, marked.reported_by) == ("snow", "shifter")
    assert "snow" in shifter.get(f"/admin/pipeline/gwtelescopeoutage/{marked.id}/change/").text

    assert "Taken back." in ask(shifter, "gwtelescopeoutage", "take_back", marked.id)
    assert outages.current(session, datetime.now(UTC)) == {}


def test_looking_is_not_enough_to_ask_for_anything(take, session, bells):
    row = stored(take, session)
    browser = Client(headers={"host": "localhost"})
    user = User.objects.create(username="manager", is_staff=True)
    user.groups.add(Group.objects.get(name="data_manager"))
    browser.force_login(user)

    ask(browser, "gwalert", "mark_as_mock", row.id_gw)
    mark_out(browser)

    session.expire_all()
    assert row.kind == "real"
    assert outages.current(session, datetime.now(UTC)) == {}
    assert bells == []


def test_only_shifters_and_admins_follow_up():
    may = {role for role, rights in PERMISSIONS.items() if "follow_up_" in str(rights)}

    assert may == {"admin", "shifter"}
