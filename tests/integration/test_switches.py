"""A stream held back by an operator: stored, kept waiting, published later."""

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Permission, User
from django.test import Client
from sqlalchemy import select

from broker.kafka_types import DeliveryError
from broker.ranges import switches
from broker.ranges.switch_tables import HeldRange
from pipeline.alerts import holdback
from pipeline.alerts.delivery import delivery_id
from pipeline.alerts.tables import Alert
from tests import factories

pytestmark = pytest.mark.integration
PAGE = "/admin/pipeline/streamswitch/"


class Producer:
    """Acknowledges everything, or fails everything with one error; may do something first."""

    def __init__(self, error=None, first=lambda: None):
        self.error = error
        self.first = first
        self.sent = []

    def send(self, messages):
        self.first()
        self.sent += messages
        return [self.error] * len(messages)


@pytest.fixture
def source(session):
    return factories.make_source(session)


@pytest.fixture
def alerts(session, source):
    segment = factories.make_segment(session)
    owner = factories.make_object(session)
    return [
        factories.make_alert(
            session,
            source,
            segment,
            candid=2**60 + offset,
            source_offset=offset,
            object_id=owner.id,
            outputs=1,
            pending=1,
            published_at=None,
        )
        for offset in (10, 300, 599)
    ]


def hold(session, source, first=0, last=599):
    switches.hold(session, "ztf", source.id, 3, first, last)


def turn(session, *, publishing):
    return switches.turn(session, "ztf", "op", "bad night", publishing=publishing)


def waiting(session):
    session.expire_all()
    rows = session.scalars(select(Alert).order_by(Alert.source_offset))
    return [alert.source_offset for alert in rows if alert.pending]


def test_a_stream_is_published_unless_somebody_says_otherwise(session):
    assert switches.is_publishing(session, "ztf")
    assert not turn(session, publishing=True)

    assert turn(session, publishing=False)
    assert not turn(session, publishing=False)
    assert not switches.is_publishing(session, "ztf")
    assert switches.is_publishing(session, "lsst")

    assert turn(session, publishing=True)
    assert switches.is_publishing(session, "ztf")


def test_what_is_held_waits_while_the_stream_is_off(session, source, alerts):
    hold(session, source)
    turn(session, publishing=False)

    assert holdback.publish_held(Producer()) == 0
    assert waiting(session) == [10, 300, 599]


def test_what_is_held_goes_out_with_its_own_ids_when_the_stream_is_on_again(
    session, source, alerts
):
    hold(session, source)
    turn(session, publishing=False)
    turn(session, publishing=True)
    producer = Producer()

    assert holdback.publish_held(producer) == 3

    ids = [dict(message.headers)["delivery_id"].decode() for message in producer.sent]
    assert ids == [delivery_id("ztf", a.candid, a.output_topic) for a in alerts]
    assert waiting(session) == []
    assert session.scalars(select(HeldRange)).all() == []
    assert holdback.publish_held(producer) == 0


def test_what_kafka_does_not_take_stays_held(session, source, alerts):
    hold(session, source)

    assert holdback.publish_held(Producer(DeliveryError("X", is_too_large=False, text="away"))) == 0

    assert waiting(session) == [10, 300, 599]
    assert len(session.scalars(select(HeldRange)).all()) == 1


def test_a_stream_switched_off_again_stops_the_publishing(session, source, alerts):
    hold(session, source)
    producer = Producer(first=lambda: turn(session, publishing=False))

    assert holdback.publish_held(producer) == 1
    assert waiting(session) == [300, 599]


def test_a_range_held_twice_is_one_row(session, source):
    hold(session, source, 0, 99)
    hold(session, source, 0, 199)

    (row,) = session.scalars(select(HeldRange))
    assert (row.first_offset, row.last_offset) == (0, 199)


def test_a_range_that_grew_meanwhile_is_not_forgotten(session, source):
    hold(session, source, 0, 99)
    (seen,) = switches.held(session, 10)
    hold(session, source, 0, 199)

    switches.let_go(session, seen)

    assert [each.last for each in switches.held(session, 10)] == [199]


def test_an_operator_holds_a_stream_back_and_says_why(staff, session, source):
    hold(session, source)
    words = {"stream": "ztf", "publishing": "off", "reason": "wrong zero points"}

    answer = staff.post(PAGE, words, follow=True)

    assert "Stream ztf is held back" in answer.text
    assert "by staff: wrong zero points" in answer.text
    assert "Waiting: 600 offsets in 1 ranges" in answer.text
    assert not switches.is_publishing(session, "ztf")
    (entry,) = LogEntry.objects.all()
    assert entry.get_change_message() == "Held back: wrong zero points"


def test_who_dies_while_turning_a_switch_leaves_an_entry(staff, session, monkeypatch):
    def die(*_, **__):
        raise SystemExit

    monkeypatch.setattr(switches, "turn", die)
    words = {"stream": "ztf", "publishing": "off", "reason": "wrong zero points"}

    with pytest.raises(SystemExit):
        staff.post(PAGE, words)

    (entry,) = LogEntry.objects.all()
    assert (entry.object_repr, entry.user.username) == ("ztf", "staff")


def test_what_changes_nothing_leaves_no_entry(staff, session):
    words = {"stream": "ztf", "publishing": "on", "reason": "to be sure"}

    assert "Nothing to change" in staff.post(PAGE, words, follow=True).text
    assert LogEntry.objects.count() == 0


def test_an_operator_lets_it_go_again(staff, session):
    turn(session, publishing=False)

    answer = staff.post(
        PAGE, {"stream": "ztf", "publishing": "on", "reason": "mended"}, follow=True
    )

    assert "Stream ztf is published." in answer.text
    assert switches.is_publishing(session, "ztf")


@pytest.mark.parametrize(
    "words",
    [
        {"stream": "ztf", "publishing": "off", "reason": ""},
        {"stream": "none", "publishing": "off", "reason": "why"},
        {"stream": "ztf", "publishing": "maybe", "reason": "why"},
        {"stream": "ztf", "publishing": "off", "reason": "x" * 501},
    ],
    ids=["no reason", "no stream", "no choice", "a long reason"],
)
def test_without_stream_and_reason_nothing_happens(staff, session, words):
    assert staff.post(PAGE, words, follow=True).status_code == 200

    assert switches.is_publishing(session, "ztf")
    assert LogEntry.objects.count() == 0


def test_whoever_may_only_look_cannot_turn_it(session):
    browser = Client(headers={"host": "localhost"})
    user = User.objects.create(username="guest", is_staff=True)
    user.user_permissions.add(Permission.objects.get(codename="view_streamswitch"))
    browser.force_login(user)

    assert "Hold ztf back" not in browser.get(PAGE).text
    words = {"stream": "ztf", "publishing": "off", "reason": "why"}
    assert browser.post(PAGE, words).status_code == 403
    assert switches.is_publishing(session, "ztf")
