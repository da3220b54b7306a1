"""The end of an event: nothing that was posted of it before is left without the red banner."""

import pytest
from sqlalchemy import select

from pipeline.clients.slack import Picture
from pipeline.gw import steps
from pipeline.gw.action_tables import GwDecision, GwSlackAction
from pipeline.gw.deliver import Address, show
from pipeline.gw.grb_tables import GcnNotice
from pipeline.gw.plan_tables import GwClaim, GwPlanTile
from pipeline.gw.steps import Want
from pipeline.gw.tables import Delivery, GwStep
from tests.gw_rows import make_step
from tests.slack import GW, OBSERVATIONS, TEAM, texts

pytestmark = [pytest.mark.integration, pytest.mark.django_db]

CIRCULAR = "S260102ab: a counterpart of 17 mag"


@pytest.fixture
def circular(session, told, work):
    """A circular that was told in the thread."""
    row = GcnNotice(topic="gcn.circulars", key="ab", notice_id="41000", name=CIRCULAR, payload={})
    session.add(row)
    session.flush()
    steps.want(session, [Want("circular", told.id_gw, key=str(row.id))])
    session.commit()
    work()
    return row


def marked(standin, text):
    """Return the messages that hold a text, and whether each of them has the banner."""
    found = [each for each in standin.workspace.messages.values() if text in str(each)]
    assert found
    return all(
        each["blocks"] and each["blocks"][0].get("block_id") == "retracted" for each in found
    )


def test_what_was_asked_for_by_hand_is_marked(told, press, take, work, standin):
    press(told.message_ts, "run_obs_plan")
    take("RETRACTION", minute=9)
    work()

    assert marked(standin, "Manual GWEMOPT processing")


def test_plans_that_could_not_begin_are_marked(told, take, work, session, standin):
    failed = make_step(session, id_gw=told.id_gw, step="plans", key="x", state="failed")
    steps.want(session, [Want("tell_failed_run", told.id_gw, key=str(failed.id))])
    session.commit()
    work()
    assert not marked(standin, "No plans for")
    take("RETRACTION", minute=9)
    work()

    assert marked(standin, "No plans for")


def test_a_circular_is_marked_and_keeps_its_link(circular, take, work, standin):
    assert not marked(standin, CIRCULAR)
    take("RETRACTION", minute=9)
    work()

    assert marked(standin, CIRCULAR)
    assert marked(standin, "gcn.nasa.gov/circulars/41000")


def test_the_sky_map_is_marked_and_still_shown(take, work, later, standin):
    take()
    work(with_pictures=True)
    later()
    work(with_pictures=True)
    take("RETRACTION", minute=9)
    work(with_pictures=True)

    [picture] = [each for each in standin.workspace.messages.values() if each.get("files")]
    assert picture["blocks"][0]["block_id"] == "retracted"
    assert picture["files"]


def test_the_map_of_a_plan_is_marked(told, take, work, standin):
    place = Address(GW, "plan_picture", "1", told.thread_ts, id_gw=told.id_gw)
    show(place, Picture("coverage_TCA.png", b"\x89PNG\r\n\x1a\n", "TCA", "tiles of TCA"))
    take("RETRACTION", minute=9)
    work()

    [picture] = [each for each in standin.workspace.messages.values() if each.get("files")]
    assert picture["blocks"][0]["block_id"] == "retracted"


def test_a_map_that_was_not_shown_yet_is_not_shown_any_more(take, work, standin):
    take()
    work()
    take("RETRACTION", minute=9)
    work(with_pictures=True)

    assert not any(each.get("files") for each in standin.workspace.messages.values())


def test_what_never_came_is_not_waited_for_for_ever(circular, take, work, later, session, standin):
    lost = session.scalars(select(Delivery).where(Delivery.kind == "circular")).one()
    lost.state = "pending"
    session.commit()
    take("RETRACTION", minute=9)
    work()
    [step] = session.scalars(select(GwStep).where(GwStep.step == "mark_retracted")).all()
    assert step.state == "wanted"
    assert "not posted yet" in step.last_error

    later()
    work()
    session.refresh(step)
    assert step.state == "skipped"


NOT_MARKED = {"M8", "end"}
"""Deliveries that tell of the end themselves."""
ENDS = "🟥 RETRACTED: S260102ab is no event, please stop observing it."


def test_every_message_is_marked_of_whatever_kind(told, plan, press, take, work, session, standin):
    press(told.message_ts, "follow_up")
    press("1.0", "claim_all_tiles", TEAM, "Subra", role=None, value=str(plan.id))
    plan.tile_count = 2
    steps.want(session, [Want("report", told.id_gw, key=f"{plan.group_id}:{plan.id}")])
    session.commit()
    work()
    press(told.message_ts, "run_obs_plan")
    take("RETRACTION", minute=9)
    work()

    sent = session.scalars(select(Delivery).where(Delivery.kind.not_in(NOT_MARKED))).all()
    assert {each.kind for each in sent} == {"M1", "M2", "M3", "M6", "M9", "decision", "claim"}
    for each in sent:
        shown = standin.workspace.messages[each.channel, each.ts]["blocks"]
        assert shown[0].get("block_id") == "retracted", each.kind
    said = str([standin.workspace.messages[each.channel, each.ts]["blocks"] for each in sent])
    assert "FOLLOW UP, waiting for the plan" in said or "FOLLOW UP, the plan is ready" in said
    assert "I will start observing with TCA id 1 " in said
    assert "I will start observing with TCA id 2 " in said


def test_whoever_was_told_to_observe_is_told_to_stop(told, press, take, work, standin):
    press(told.message_ts, "follow_up")
    take("RETRACTION", minute=9)
    work()

    assert texts(standin, OBSERVATIONS)[-1] == ENDS


def test_whoever_was_told_nothing_is_told_of_no_end(told, take, work, standin):
    take("RETRACTION", minute=9)
    work()

    assert texts(standin, OBSERVATIONS) == []


def test_no_decision_is_told_after_the_retraction(told, take, work, session, standin):
    decided = GwDecision(
        id_gw=told.id_gw, trigger_id=told.trigger_id, decision="follow_up", decided_by="Vera"
    )
    session.add(decided)
    session.flush()
    keys = (str(decided.id), f"{decided.id}:ready")
    steps.want(session, [Want("tell_decision", told.id_gw, key=key) for key in keys])
    session.commit()
    take("RETRACTION", minute=9)
    work()

    assert texts(standin, OBSERVATIONS) == []


def test_no_tile_is_told_to_be_taken_after_the_retraction(plan, take, work, session, standin):
    click = GwSlackAction(
        key="click", action_id="claim_all_tiles", user_id=TEAM, channel=GW, state="done"
    )
    session.add(click)
    session.flush()
    tile = session.scalars(select(GwPlanTile).where(GwPlanTile.plan_id == plan.id)).first()
    claim = GwClaim(plan_id=plan.id, telescope="TCA", tile_id=tile.id, slack_action_id=click.id)
    claim.claimed_by = "Subra"
    session.add(claim)
    steps.want(session, [Want("tell_claim", plan.id_gw, key=str(click.id))])
    session.commit()
    take("RETRACTION", minute=9)
    work()

    assert texts(standin, OBSERVATIONS) == []
