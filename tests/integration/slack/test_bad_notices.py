"""Operators read of messages that cannot be read: once for each cause and hour."""

from datetime import UTC, datetime, timedelta

import pytest
from django.urls import reverse
from sqlalchemy import update

from broker import dead_letters
from broker.dead_letters import DeadLetter, Letter
from pipeline.gw import bad_notices
from pipeline.gw.tables import Delivery
from pipeline.simulate.slack.faults import Fault
from tests.slack import GW, OPERATORS, texts

pytestmark = [pytest.mark.integration, pytest.mark.django_db]

HOUR = datetime(2026, 1, 2, 3, tzinfo=UTC)


@pytest.fixture
def bury(session, set_up):
    """Return a function that buries a message of a stream of notices."""

    def one(offset=0, reason="not_json", stream="igwn", age=timedelta(0)):
        letter = Letter(0, offset, reason, "it is <no> JSON: line 1", packet=b"{%d" % offset)
        dead_letters.bury(session, stream, "igwn.gwalert", 1, [letter])
        session.execute(
            update(DeadLetter)
            .where(DeadLetter.source_offset == offset)
            .values(first_seen_at=datetime.now(UTC) - age)
        )
        session.commit()

    return one


def test_a_flood_of_one_kind_is_one_warning(bury, standin):
    for offset in range(5):
        bury(offset)
    bad_notices.warn()
    bury(6)
    bad_notices.warn()

    [text] = texts(standin, OPERATORS)
    assert text.startswith("⚠️ A message of igwn could not be read: not_json")
    assert "it is &lt;no&gt; JSON" in text
    assert texts(standin, GW) == []


def test_every_kind_and_every_stream_is_told(bury, standin):
    bury(1)
    bury(2, reason="no_id")
    bury(3, stream="voevent")
    bad_notices.warn()

    assert len(texts(standin, OPERATORS)) == 3


def test_the_next_hour_is_told_again_and_yesterday_never(bury, standin):
    bury(1, age=timedelta(hours=25))
    bury(2, age=timedelta(hours=1))
    bury(3)
    bad_notices.warn()

    assert len(texts(standin, OPERATORS)) == 2


def test_alerts_have_their_own_books(bury, standin):
    bury(1, stream="ztf", reason="truncated")
    bad_notices.warn()

    assert texts(standin, OPERATORS) == []


def test_without_a_channel_nobody_is_warned(bury, set_up, standin):
    set_up(NIGHTJAR_SLACK__OPERATORS_CHANNEL="")
    bury(1)
    bad_notices.warn()

    assert standin.workspace.messages == {}


def test_a_warning_that_slack_did_not_take_comes_with_the_next_round(bury, standin, later):
    standin.faults.add("chat.postMessage", Fault("broken"))
    bury(1)
    bad_notices.warn()
    assert texts(standin, OPERATORS) == []

    later()
    bad_notices.warn()

    assert len(texts(standin, OPERATORS)) == 1


def test_a_channel_that_refuses_is_asked_once(bury, set_up, session):
    set_up(NIGHTJAR_SLACK__OPERATORS_CHANNEL="C0FOREIGN")
    bury(1)
    bad_notices.warn()
    bad_notices.warn()

    delivery = session.query(Delivery).one()
    assert (delivery.state, delivery.attempts) == ("dead", 1)


def test_the_warning_counts_and_leads_to_the_letters(set_up):
    set_up(NIGHTJAR_WEB__PUBLIC_URL="https://nightjar.invalid/")
    buried = bad_notices.Buried("igwn", "no_id", HOUR, 3, "igwn.gwalert", "superevent_id")

    said = str(bad_notices.warning(buried).blocks)

    assert reverse("admin:pipeline_deadletter_changelist") == bad_notices.ADMIN_PATH
    assert "https://nightjar.invalid/admin/pipeline/deadletter/?stream__exact=igwn" in said
    assert "3 such messages so far" in said
    assert "before 04:00 UTC" in said
