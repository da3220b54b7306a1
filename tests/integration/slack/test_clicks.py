"""What a click leads to: rows once, and what Slack says of them."""

import pytest
from sqlalchemy import select

from pipeline.gw import act, steps
from pipeline.gw.action_tables import GwDecision, GwSlackAction
from pipeline.gw.plan_tables import GwPlan, GwPlanGroup
from pipeline.gw.tables import GwAlert, GwStep
from tests.gw_rows import make_group, make_plan
from tests.slack import GW, OBSERVATIONS, SHIFTER, TEAM, texts

pytestmark = [pytest.mark.integration, pytest.mark.django_db]


def current(session):
    session.expire_all()
    return session.scalars(select(GwAlert).order_by(GwAlert.reception_count.desc())).first()


def steps_of(session, name):
    session.expire_all()
    return list(session.scalars(select(GwStep.key).where(GwStep.step == name).order_by(GwStep.id)))


def whispers(standin):
    return [(each["to"], each["text"]) for each in standin.workspace.whispers]


@pytest.mark.parametrize("action_id", ["follow_up", "run_obs_plan", "cancel_plan"])
def test_whoever_is_no_shifter_is_told_so_alone(told, press, session, standin, action_id):
    row = press(told.message_ts, action_id, TEAM, role=None)

    assert row.state == "skipped"
    assert whispers(standin) == [(TEAM, row.last_error)]
    assert "Only shifters" in row.last_error
    assert session.scalars(select(GwDecision)).all() == []
    assert steps_of(session, "plans") == []


def test_a_decision_is_a_row_and_stands_on_card_announcement_and_list(
    told, press, session, standin
):
    press(told.message_ts, "follow_up")

    [decided] = session.scalars(select(GwDecision))
    assert (decided.decision, decided.slack_user, decided.id_gw) == (
        "follow_up",
        SHIFTER,
        told.id_gw,
    )
    for ts in (told.thread_ts, told.message_ts):
        assert f"*FOLLOW UP* by <@{SHIFTER}>" in str(standin.workspace.messages[GW, ts]["blocks"])
    [line] = texts(standin, OBSERVATIONS)
    assert line.startswith("New alert: S260102ab · PRELIMINARY · ")
    assert line.endswith("FOLLOW UP, waiting for the plan")


def test_a_decision_about_a_mock_is_not_told_among_observations(
    take, work, press, session, standin
):
    take(superevent_id="MS260102ab")
    work()
    row = current(session)
    session.execute(GwSlackAction.__table__.delete())

    press(row.message_ts, "follow_up", id_gw=None)

    assert texts(standin, OBSERVATIONS) == []


def test_a_card_that_is_not_the_newest_names_the_newer(told, take, work, press, session, standin):
    take("UPDATE", minute=9)
    work()

    press(told.message_ts, "follow_up")

    assert "N°2 of S260102ab is newer" in whispers(standin)[0][1]
    assert session.scalars(select(GwDecision)).all() == []


def test_a_click_that_kills_its_worker_is_given_up(told, press, session, bells):
    row = press(told.message_ts, "follow_up", attempts=act.ATTEMPTS)

    assert (row.state, row.attempts) == ("failed", act.ATTEMPTS + 1)
    assert row.last_error == "its worker died 5 times: None"
    assert session.scalars(select(GwDecision)).all() == []


def test_a_message_of_nothing_is_answered(told, press, standin):
    press("1.000001", "follow_up")

    assert "belongs to no notice" in whispers(standin)[0][1]


def test_of_two_clicks_one_plans_and_the_other_is_led_there(told, press, session, standin):
    first = press(told.message_ts, "run_obs_plan")
    press(told.message_ts, "run_obs_plan")

    assert steps_of(session, "plans") == [f"action-{first.id}"]
    assert current(session).is_process_running
    manual = [text for text in texts(standin, GW) if "Manual GWEMOPT" in text]
    assert manual == ["Manual GWEMOPT processing for S260102ab"]
    [direct] = texts(standin, f"D{SHIFTER[1:]}")
    assert direct == "A plan for S260102ab is already running"


def test_options_whose_form_did_not_open_are_answered(told, press, session, standin):
    press(told.message_ts, "plan_options")

    assert whispers(standin)[0][1].endswith("/gw/S260102ab")
    assert steps_of(session, "plans") == []


def test_an_outage_whose_form_did_not_open_is_led_to_the_page(plan, press, standin):
    press("1.0", "cannot_observe", TEAM, role=None, value=str(plan.id))

    assert whispers(standin)[0][1].endswith("/gw/telescopes")


@pytest.mark.parametrize("value", [None, "x", "999", "²", "9" * 40])
@pytest.mark.parametrize(
    "action_id",
    ["claim_tiles", "claim_all_tiles", "observation_done", "cancel_plan", "retry_plan"],
)
def test_a_plan_that_is_not_kept_is_answered(told, press, standin, action_id, value):
    row = press("1.0", action_id, value=value)

    assert row.state == "skipped"
    assert len(whispers(standin)) == 1


def test_a_group_is_cancelled(told, press, session):
    group = make_group(session, told, state="running")
    waiting = make_plan(session, group, state="wanted", ended_at=None)
    steps.want(session, [steps.Want("plan", told.id_gw, key=str(waiting.id))])
    session.execute(GwAlert.__table__.update().values(is_process_running=True))
    session.commit()

    press("1.0", "cancel_plan", value=str(group.id))

    session.expire_all()
    assert session.get_one(GwPlanGroup, group.id).state == "cancelled"
    plan = session.get_one(GwPlan, waiting.id)
    assert (plan.state, plan.reason) == ("cancelled", "cancelled by hand")
    assert not current(session).is_process_running


def test_what_is_done_of_a_cancelled_group_stays_done(told, press, session):
    group = make_group(session, told, state="running")
    done = make_plan(session, group)
    waiting = make_plan(session, group, telescope="TRE", state="wanted", ended_at=None)
    session.commit()

    press("1.0", "cancel_plan", value=str(group.id))

    session.expire_all()
    states = [session.get_one(GwPlan, each.id).state for each in (done, waiting)]
    assert states == ["done", "cancelled"]
    assert session.get_one(GwPlanGroup, group.id).state == "done"


def test_a_failed_plan_whose_telescope_left_the_table_is_answered(told, press, session, standin):
    group = make_group(session, told, state="failed")
    failed = make_plan(session, group, telescope="GONE", state="failed")
    session.commit()

    row = press("1.0", "retry_plan", value=str(failed.id))

    assert row.state == "skipped"
    assert "GONE" in row.last_error
    assert whispers(standin) == [(SHIFTER, row.last_error)]


def test_a_failed_plan_is_tried_again_once(told, press, session):
    failed = make_plan(session, make_group(session, told, state="failed"), state="failed")
    session.commit()

    press("1.0", "retry_plan", value=str(failed.id))
    second = press("1.0", "retry_plan", value=str(failed.id))

    again = session.scalars(select(GwPlan).where(GwPlan.generation == 2)).one()
    assert again.state == "wanted"
    assert steps_of(session, "plan") == [str(again.id)]
    assert second.state == "skipped"


def test_a_retraction_mentions_whoever_took_tiles(plan, press, take, work, session, standin):
    press("1.0", "claim_all_tiles", TEAM, role=None, value=str(plan.id))

    take("RETRACTION", minute=9)
    work()

    end = standin.workspace.messages[GW, current(session).message_ts]
    assert f"<@{TEAM}>" in str(end["blocks"])
