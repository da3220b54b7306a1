"""What is written of messages that were acknowledged, or never will be."""

import pytest

from broker.kafka_types import DeliveryError, Message
from pipeline.alerts.delivery import Outgoing
from pipeline.alerts.publish import mark, settle
from tests import factories

pytestmark = pytest.mark.integration
LARGE = DeliveryError("MSG_SIZE_TOO_LARGE", is_too_large=True, text="too large")
AWAY = DeliveryError("_TIMED_OUT", is_too_large=False, text="timed out")


@pytest.fixture
def make_alert(session):
    source, segment = factories.make_source(session), factories.make_segment(session)

    def make(**given):
        values = {"outputs": 3, "pending": 3, "published_at": None}
        return factories.make_alert(session, source, segment, **values | given)

    return make


@pytest.mark.parametrize(
    ("pending", "outcomes", "left", "is_published"),
    [
        (3, {1: None, 2: None}, 0, True),
        (3, {1: None, 2: AWAY}, 2, False),
        (2, {2: None}, 0, True),
        (3, {1: LARGE, 2: LARGE}, 0, False),
        (3, {1: None, 2: LARGE}, 0, True),
        (2, {2: LARGE}, 0, True),
    ],
    ids=["both", "one waits", "the last", "none fits", "one fits", "the other did fit"],
)
def test_an_alert_is_published_when_nothing_waits_and_something_was_delivered(
    session, make_alert, pending, outcomes, left, is_published
):
    alert = make_alert(pending=pending)
    outgoing = [
        Outgoing(
            alert.id,
            "ztf",
            alert.candid,
            42,
            factories.NOON,
            bit,
            Message("babamul.none", b"k", b"v", []),
        )
        for bit in outcomes
    ]

    mark(session, settle(outgoing, list(outcomes.values())))

    session.refresh(alert)
    assert (alert.pending, alert.published_at is not None) == (left, is_published)
