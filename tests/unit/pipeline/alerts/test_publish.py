"""Delivery ids and what delivery reports mean."""

import uuid
from datetime import UTC, datetime

import pytest

from broker.kafka_types import DeliveryError, Message
from pipeline.alerts.delivery import Outgoing, delivery_id
from pipeline.alerts.publish import settle
from pipeline.alerts.tables import OUTPUT_USER_FILTERS as FILTERS

CAME = datetime(2024, 11, 21, 6, tzinfo=UTC)


AWAY = DeliveryError("_MSG_TIMED_OUT", is_too_large=False, text="timed out")
LARGE = DeliveryError("MSG_SIZE_TOO_LARGE", is_too_large=True, text="too large")


def outgoing(alert_id, bit=1, delivery=None):
    message = Message("babamul.none", b"k", b"v", [])
    return Outgoing(alert_id, "ztf", alert_id, 10 + alert_id, CAME, bit, message, delivery)


def test_a_delivery_id_follows_from_survey_candid_and_topic_alone():
    # The namespace, and the name in it, by the definition of version 5 in RFC 9562.
    namespace = uuid.uuid5(uuid.UUID("6ba7b812-9dad-11d1-80b4-00c04fd430c8"), "nightjar.delivery")

    assert delivery_id("ztf", 2**60 + 1, "babamul.none") == str(
        uuid.uuid5(namespace, "ztf:1152921504606846977:babamul.none")
    )


def test_only_acknowledged_messages_are_cleared():
    delivered = settle([outgoing(1), outgoing(2), outgoing(2, 2)], [None, AWAY, None])

    assert delivered.cleared == [(1, 1), (2, 2)]
    assert delivered.failed == [AWAY]
    assert delivered.published == 2


def test_a_message_that_never_fits_is_reported_and_not_published():
    delivered = settle([outgoing(1)], [LARGE])

    assert delivered.cleared == []
    assert [sent.alert_id for sent in delivered.too_large] == [1]
    assert delivered.published == 0
    assert delivered.failed == []


@pytest.mark.parametrize(
    ("outcomes", "cleared", "sent", "gone"),
    [
        ([None, None], [(1, FILTERS)], [70, 71], []),
        ([None, AWAY], [], [70], []),
        ([LARGE, None], [(1, FILTERS)], [71], [70]),
        ([LARGE, AWAY], [], [], [70]),
    ],
)
def test_a_bit_that_filters_share_is_cleared_when_none_of_them_waits(outcomes, cleared, sent, gone):
    messages = [outgoing(1, FILTERS, 70), outgoing(1, FILTERS, 71)]

    delivered = settle(messages, outcomes)

    assert delivered.cleared == cleared
    assert (delivered.filters_sent, delivered.filters_gone) == (sent, gone)
    assert delivered.published == outcomes.count(None)
    assert delivered.too_large == []  # the class topic's letter says it
