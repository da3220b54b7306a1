"""Events whose notices came late, or that were raised again after a retraction."""

import pytest
from sqlalchemy import select

from pipeline.gw.tables import GwAlert
from tests.slack import GW, buttons

pytestmark = [pytest.mark.integration, pytest.mark.django_db]


def cards(session, standin):
    """Return the messages of the notices, in the order in which they came."""
    session.expire_all()
    found = session.scalars(select(GwAlert.message_ts).order_by(GwAlert.reception_count))
    return [standin.workspace.messages[GW, ts] for ts in found]


def test_changes_are_told_since_the_notice_that_was_made_before(take, work, session, standin):
    for alert_type, minute in (("PRELIMINARY", 9), ("INITIAL", 5), ("UPDATE", 12)):
        take(alert_type, minute=minute)
        work()

    first, late, last = (str(card["blocks"]) for card in cards(session, standin))
    assert "Changes since" not in late
    assert "Changes since the PRELIMINARY" in last
    assert "Changes since the INITIAL" in first  # it was edited when the late one was known


def test_what_was_retracted_stays_so_when_its_event_is_raised_again(take, work, session, standin):
    for alert_type, minute in (("PRELIMINARY", 5), ("RETRACTION", 9), ("UPDATE", 12)):
        take(alert_type, minute=minute)
        work()

    taken_back, _, raised = cards(session, standin)
    assert taken_back["blocks"][0]["block_id"] == "retracted"
    assert "follow_up" not in buttons(taken_back)
    assert "RETRACTED" not in str(raised["blocks"])
    assert "Changes since the PRELIMINARY" in str(raised["blocks"])
    assert "follow_up" in buttons(raised)
    announced = standin.workspace.messages[GW, raised["thread_ts"]]
    assert announced["blocks"][0].get("block_id") != "retracted"
