"""The end of an event: nothing that was posted of it before is left without the red banner."""

import pytest
from sqlalchemy import select

from pipeline.gw import steps
from pipeline.gw.grb_tables import GcnNotice
from pipeline.gw.steps import Want
from pipeline.gw.tables import Delivery, GwStep
from tests.gw_rows import make_step

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
