"""Delivery ids and what delivery reports mean."""

import uuid
from datetime import UTC, datetime

from broker.kafka_types import DeliveryError, Message
from pipeline.alerts.delivery import Outgoing, delivery_id
from pipeline.alerts.publish import settle

CAME = datetime(2024, 11, 21, 6, tzinfo=UTC)


def outgoing(alert_id, bit=1):
    return Outgoing(
        alert_id, "ztf", alert_id, 10 + alert_id, CAME, bit, Message("babamul.none", b"k", b"v", [])
    )


def test_a_delivery_id_follows_from_survey_candid_and_topic_alone():
    # The namespace, and the name in it, by the definition of version 5 in RFC 9562.
    namespace = uuid.uuid5(uuid.UUID("6ba7b812-9dad-11d1-80b4-00c04fd430c8"), "nightjar.delivery")

    assert delivery_id("ztf", 2**60 + 1, "babamul.none") == str(
        uuid.uuid5(namespace, "ztf:1152921504606846977:babamul.none")
    )


def test_only_acknowledged_messages_are_cleared():
    away = DeliveryError("_MSG_TIMED_OUT", is_too_large=False, text="timed out")

    delivered = settle([outgoing(1), outgoing(2), outgoing(2, 2)], [None, away, None])

    assert delivered.cleared == [(1, 1), (2, 2)]
    assert delivered.failed == [away]
    assert delivered.published == 2


def test_a_message_that_never_fits_is_reported_and_not_published():
    large = DeliveryError("MSG_SIZE_TOO_LARGE", is_too_large=True, text="too large")

    delivered = settle([outgoing(1)], [large])

    assert delivered.cleared == []
    assert [sent.alert_id for sent in delivered.too_large] == [1]
    assert delivered.published == 0
    assert delivered.failed == []
