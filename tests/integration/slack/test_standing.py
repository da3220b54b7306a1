"""What a notice that counts no more may still start: nothing, whoever asks, and whenever."""

import pytest
from sqlalchemy import func, select

from pipeline import ledger
from pipeline.gw import orders, steps
from pipeline.gw.plan_tables import GwClaim, GwPlan, GwTelescopeOutage
from pipeline.gw.tables import GwAlert, GwStep
from tests.gw_rows import make_group, make_plan
from tests.slack import OBSERVATIONS, TEAM, texts

pytestmark = [pytest.mark.integration, pytest.mark.django_db]

ENDS = pytest.mark.parametrize(
    ("ended_by", "why"),
    [("RETRACTION", "S260102ab was retracted."), ("UPDATE", "N°2 of S260102ab is newer")],
)


@ENDS
def test_a_planning_step_whose_worker_died_plans_no_notice_that_has_ended(
    take, session, later, ended_by, why
):
    take()
    step_id = session.scalars(select(GwStep.id).where(GwStep.step == "plans")).one()
    ledger.claim(GwStep, step_id, "dies", lease_s=600)
    take(ended_by, minute=9, event={"classification": {"Terrestrial": 1.0}})
    later()

    steps.run(step_id, "next")

    session.expire_all()
    step = session.get_one(GwStep, step_id)
    assert step.state == "skipped"
    assert why in step.last_error
    assert session.scalars(select(GwPlan)).all() == []
    assert set(session.scalars(select(GwAlert.is_process_running))) == {False}


@ENDS
def test_tiles_of_a_notice_that_has_ended_are_not_taken(
    plan, take, press, session, standin, ended_by, why
):
    take(ended_by, minute=9)

    row = press("1.0", "claim_all_tiles", TEAM, role=None, value=str(plan.id))

    assert (row.state, why in row.last_error) == ("skipped", True)
    assert session.scalars(select(GwClaim)).all() == []
    assert texts(standin, OBSERVATIONS) == []


@ENDS
def test_tiles_that_were_taken_before_may_be_noted_as_observed(plan, take, press, ended_by, why):
    press("1.0", "claim_all_tiles", TEAM, role=None, value=str(plan.id))
    take(ended_by, minute=9)

    form = {"tiles": "1-2"}
    row = press("1.0", "observation_done", TEAM, role=None, value=str(plan.id), form=form)

    assert row.state == "done"


@ENDS
def test_a_failed_plan_of_a_notice_that_has_ended_is_not_tried_again(
    told, take, press, session, ended_by, why
):
    failed = make_plan(session, make_group(session, told, state="failed"), state="failed")
    session.commit()
    take(ended_by, minute=9)

    row = press("1.0", "retry_plan", value=str(failed.id))

    assert (row.state, why in row.last_error) == ("skipped", True)
    assert session.scalars(select(GwPlan.generation)).all() == [1]


@ENDS
def test_admins_plan_no_notice_that_has_ended(told, take, session, ended_by, why):
    take(ended_by, minute=9)

    assert orders.plan_again(session, told.id_gw) == []


def test_a_failed_plan_of_a_telescope_that_is_out_is_not_tried_again(told, press, session):
    failed = make_plan(session, make_group(session, told, state="failed"), state="failed")
    until = func.now() + func.make_interval(0, 0, 0, 1)
    session.add(GwTelescopeOutage(telescope="TCA", reason="snow", until_at=until, reported_by="A"))
    session.commit()

    row = press("1.0", "retry_plan", value=str(failed.id))

    assert row.state == "skipped"
    assert row.last_error.endswith("UTC: snow")


def test_a_plan_that_is_tried_again_says_whether_its_telescope_was_reviewed(told, press, session):
    failed = make_plan(session, make_group(session, told, state="failed"), state="failed")
    session.commit()

    press("1.0", "retry_plan", value=str(failed.id))

    again = session.scalars(select(GwPlan).where(GwPlan.generation == 2)).one()
    assert again.telescope_reviewed is not None
