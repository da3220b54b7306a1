"""What comes of a dialog that was filled in: a run of plans, an outage, or the reason why not."""

from datetime import timedelta

import pytest
from sqlalchemy import select

from pipeline.gw import steps
from pipeline.gw.plan_tables import GwPlan, GwPlanGroup, GwTelescopeOutage
from pipeline.gw.tables import GwStep
from tests.slack import GW, TEAM, texts, unix_s

pytestmark = [pytest.mark.integration, pytest.mark.django_db]


def plan_form(**changed):
    """Return what somebody fills in: two telescopes, twelve hours from in an hour on."""
    begin_s = unix_s(3600)
    filled_in = {
        "telescopes": ["TCA", "TRE"],
        "strategy": "tiling",
        "max_tiles": "12",
        "exposure_s": "60",
        "window_start": begin_s,
        "window_end": begin_s + 12 * 3600,
    }
    return filled_in | changed


@pytest.fixture
def begin_planning(session):
    """Return a function that does the step that makes groups and plans."""

    def do():
        steps.run(session.scalars(select(GwStep.id).where(GwStep.step == "plans")).one(), "worker")
        session.expire_all()

    return do


def test_options_become_a_group_of_plans(told, press, session, begin_planning):
    press(told.message_ts, "plan_options", form=plan_form())
    begin_planning()

    [group] = session.scalars(select(GwPlanGroup))
    assert (group.origin, group.requested_by, group.strategy) == ("manual", "somebody", "tiling")
    assert (group.telescopes, group.max_tiles) == (["TCA", "TRE"], [12, 12])
    assert group.exposure_s == 60.0
    assert group.window_end - group.window_start == timedelta(hours=12)
    plans = session.scalars(select(GwPlan).order_by(GwPlan.telescope))
    assert [(each.telescope, each.max_tiles) for each in plans] == [("TCA", 12), ("TRE", 12)]


def test_a_run_that_could_not_begin_is_named_in_the_thread(
    told, press, work, session, standin, begin_planning
):
    press(told.message_ts, "plan_options", form=plan_form(exposure_s="1e9"))
    begin_planning()
    work()

    [said] = [text for text in texts(standin, GW) if text.startswith("❌ No plans")]
    assert said.startswith("❌ No plans for S260102ab: the form cannot be planned: exposure_s: ")
    assert "7200" in said
    assert "http" not in said
    assert session.scalars(select(GwPlanGroup)).all() == []


@pytest.mark.parametrize("changed", [{"reason": " "}, {"reason": "x" * 201}, {"until": 1e9}])
def test_an_outage_that_makes_no_sense_is_refused(plan, press, session, standin, changed):
    form = {"reason": "clouds", "until": unix_s(3600)} | changed
    row = press("1.0", "cannot_observe", TEAM, role=None, value=str(plan.id), form=form)

    assert row.state == "skipped"
    assert "Nothing was noted" in standin.workspace.whispers[0]["text"]
    assert session.scalars(select(GwTelescopeOutage)).all() == []
