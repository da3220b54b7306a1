"""Each morning is told once, each alarm once; what is mended is said to be."""

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import insert, update

from accounts import mail
from accounts.models import OutboxMail
from broker.errors import TransientError
from pipeline.selected import sources
from pipeline.selected.tables import SelectedRun
from pipeline.simulate.slack.faults import Fault
from pipeline.watch import alarm, alarms, tell
from tests.integration.selected.world import EVENING, Consumer, packet, received
from tests.integration.watch.conftest import TO
from tests.slack import OPERATORS, texts

pytestmark = [pytest.mark.integration, pytest.mark.usefixtures("watched")]

NOW = datetime(2026, 11, 23, 7, tzinfo=UTC)
"""An hour after the summary is due."""


@pytest.fixture
def ran(session):
    """Return a function that notes a run of the source ``selected``."""

    def one(at, **values):
        target = sources.claim(session, sources.DEFAULT)
        given = {"kind": "collect", "state": "done", "night": at.date()} | values
        times = {"started_at": at, "updated_at": at, "ended_at": at}
        session.execute(
            insert(SelectedRun).values(
                selection_id=target.id, slot="collect-selected", **given, **times
            )
        )
        session.commit()

    return one


@pytest.fixture
def night(session):
    """Two alerts written in the evening, and a message that could not be read."""
    made = Consumer()
    made.work(received(packet(1), packet(2), b""))
    session.execute(update(SelectedRun).values(updated_at=EVENING))
    session.commit()


def subjects():
    return list(OutboxMail.objects.order_by("pk").values_list("to", "subject"))


def test_a_morning_is_told_by_mail_and_in_slack_once(night, standin):
    tell.tell(NOW)
    tell.tell(NOW + timedelta(hours=5))

    title = "Nightjar, morning of 2026-11-23: 2 alerts written, 1 thing to do"
    assert subjects() == [(TO, title)]
    assert texts(standin, OPERATORS) == [title]


def test_the_mail_adds_up_and_leads_to_the_letters(night):
    tell.tell(NOW)

    text = mail._message(OutboxMail.objects.get()).body
    assert "3 read = 2 written + 0 filtered + 1 failed + 0 duplicate: adds up" in text
    assert "lsst_alerts/data/lsst_alerts_20261122.csv: 2 rows" in text
    assert "Cutouts: 6 on disk, 0 missing, 0 broken" in text
    assert "/admin/pipeline/deadletter/?stream__exact=selected" in text


def test_before_its_hour_the_morning_before_is_the_newest():
    assert tell.morning(NOW.replace(hour=5)) == datetime(2026, 11, 22, 6, tzinfo=UTC)
    assert tell.morning(NOW) == datetime(2026, 11, 23, 6, tzinfo=UTC)


def test_slack_away_keeps_no_mail_back_and_is_told_later(night, standin, later):
    standin.faults.add("chat.postMessage", Fault("broken"))
    tell.tell(NOW)
    assert (len(subjects()), texts(standin, OPERATORS)) == (1, [])

    later()
    tell.tell(NOW)

    assert (len(subjects()), len(texts(standin, OPERATORS))) == (1, 1)


def test_a_process_that_dies_between_mail_and_slack_is_followed_by_one_that_tells(
    night, standin, monkeypatch
):
    with monkeypatch.context() as patch:
        patch.setattr(tell.deliver, "post", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            tell.tell(NOW)

    tell.tell(NOW)

    assert (len(subjects()), len(texts(standin, OPERATORS))) == (1, 1)


def test_a_source_that_was_not_collected_is_told_once_and_its_end_once(ran, standin):
    ran(NOW - timedelta(days=2))
    tell.tell(NOW)
    tell.tell(NOW)
    ran(NOW + timedelta(minutes=5))
    tell.tell(NOW + timedelta(minutes=10))
    tell.tell(NOW + timedelta(minutes=15))

    said = texts(standin, OPERATORS)
    assert said == [
        "⚠️ Nightjar: selected was not collected",
        "Nightjar, morning of 2026-11-23: 0 alerts written, 1 thing to do",
        "✅ Nightjar: selected works again",
    ]
    assert [subject for _, subject in subjects()] == said


@pytest.mark.parametrize(
    ("counts", "reason"),
    [
        ({"read_count": 5, "failed_count": 5}, alarm.NOTHING_WRITTEN),
        ({"read_count": 5, "filtered_count": 4, "duplicate_count": 1}, alarm.NOTHING_WRITTEN),
        ({"read_count": 5, "duplicate_count": 5}, None),
        ({"read_count": 5, "failed_count": 4, "written_count": 1}, None),
        ({}, None),
    ],
)
def test_a_run_that_wrote_nothing_though_alerts_came_is_amiss(ran, counts, reason):
    ran(NOW - timedelta(hours=3), **counts)

    found = alarms.look(NOW - timedelta(days=1)).alarms

    assert [each.reason for each in found] == ([reason] if reason else [])


def test_a_source_that_never_was_collected_is_not_missed(ran):
    ran(NOW - timedelta(days=9))

    assert alarms.look(NOW - timedelta(days=1)).alarms == ()


class Waits:
    """A group that is behind."""

    name, lag = "nightjar-selected", 12


def test_messages_that_nobody_reads_are_told(ran, monkeypatch):
    ran(NOW - timedelta(hours=3), state="failed", error="Kafka is away")
    monkeypatch.setattr("pipeline.watch.alarms.kafka_groups.groups", lambda *_, **__: [Waits])

    [found] = alarms.look(NOW - timedelta(days=1)).alarms

    assert found.reason == alarm.UNREAD
    assert "12 messages wait" in found.text
    assert "Kafka is away" in found.text


@pytest.mark.parametrize(
    ("kind", "hours", "is_amiss"),
    [("listen", 3, True), ("listen", 1, False), ("collect", 3, False)],
    ids=["silent", "just wrote", "comes again"],
)
def test_a_listener_that_wrote_once_and_went_silent_is_told(
    ran, monkeypatch, kind, hours, is_amiss
):
    ran(NOW - timedelta(hours=hours), kind=kind, read_count=9, written_count=9)
    monkeypatch.setattr("pipeline.watch.alarms.kafka_groups.groups", lambda *_, **__: [Waits])

    found = alarms.look(NOW - timedelta(days=1), NOW).alarms

    assert [each.reason for each in found] == ([alarm.UNREAD] if is_amiss else [])


def test_a_scheduled_source_that_could_never_begin_is_told(set_up):
    set_up(NIGHTJAR_COLLECT__SCHEDULED="babamul")

    [found] = alarms.look(NOW - timedelta(days=1), NOW).alarms

    assert (found.source, found.reason) == ("babamul", alarm.NOT_RUN)


def test_a_listener_of_another_broker_that_read_nothing_for_a_day_is_told(session, set_up):
    set_up(NIGHTJAR_COLLECT__ANTARES__TOPIC="a_tag")
    target = sources.claim(session, sources.ANTARES)
    at = NOW - timedelta(days=2)
    session.execute(
        insert(SelectedRun).values(
            selection_id=target.id, slot="antares-0", kind="listen", night=at.date(),
            started_at=at, updated_at=at,
        )
    )  # fmt: skip
    session.commit()

    [found] = alarms.look(NOW - timedelta(days=1), NOW).alarms

    assert (found.source, found.reason) == ("antares", alarm.SILENT)
    assert "read nothing since 2026-11-22 07:00 UTC" in found.text


def test_while_kafka_cannot_be_asked_nothing_is_called_well(ran, monkeypatch):
    ran(NOW - timedelta(hours=3))

    def away(*_, **__):
        raise TransientError("Kafka is away")

    monkeypatch.setattr("pipeline.watch.alarms.kafka_groups.groups", away)

    found = alarms.look(NOW - timedelta(days=1))
    assert (found.alarms, found.well) == ((), ())


def test_nobody_is_told_where_nobody_is_named(night, set_up, standin, monkeypatch):
    monkeypatch.setenv("NIGHTJAR_WATCH__MAIL_TO", "")
    set_up(NIGHTJAR_SLACK__OPERATORS_CHANNEL="")

    tell.tell(NOW)

    assert (subjects(), standin.workspace.messages) == ([], {})
