"""Lasair's topics and the brokers of others: silence is told, and what waits is shown."""

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import insert, update

from broker.errors import TransientError
from broker.kafka_unread import Unread
from pipeline.lasair.tables import LasairAlert
from pipeline.selected import sources
from pipeline.selected.tables import SelectedRun
from pipeline.watch import alarms, amiss
from pipeline.watch.alarm import NOT_RUN, NOTHING_WRITTEN, SILENT, UNREAD
from tests.integration.lasair.test_reception import bells, taker
from tests.integration.watch.conftest import said_of
from tests.lasair import TOPIC, alert, batch

__all__ = ["bells", "taker"]

pytestmark = [pytest.mark.integration, pytest.mark.usefixtures("watched")]

NOW = datetime(2026, 11, 23, 7, tzinfo=UTC)
SINCE = NOW - timedelta(days=1)
AWAY = TransientError("Kafka: 192.0.2.1 refused")


@pytest.fixture(autouse=True)
def topic(set_up):
    """The settings name one filter of Lasair."""
    set_up(NIGHTJAR_LASAIR__TOPICS=f'[{{"name": "{TOPIC.name}", "survey": "ztf"}}]')


def stored(session, taker, at):
    taker.take(batch(alert()))
    session.execute(update(LasairAlert).values(received_at=at))
    session.commit()


def reasons():
    return [(each.source, each.reason) for each in alarms.look(SINCE, NOW).alarms]


def test_a_topic_that_brings_alerts_is_well(session, taker, monkeypatch):
    stored(session, taker, NOW - timedelta(hours=1))
    said_of(monkeypatch, Unread(0, 0))

    found = alarms.look(SINCE, NOW)

    assert (found.alarms, found.well) == ((), (TOPIC.name,))


def test_messages_that_wait_for_hours_on_lasairs_broker_are_told(session, taker, monkeypatch):
    stored(session, taker, NOW - timedelta(hours=5))
    said_of(monkeypatch, Unread(12, 9))

    assert reasons() == [(TOPIC.name, UNREAD)]


def test_a_topic_that_was_heard_and_brings_nothing_is_told(session, taker, monkeypatch):
    stored(session, taker, NOW - timedelta(days=2))
    said_of(monkeypatch, Unread(0, 0))

    assert reasons() == [(TOPIC.name, SILENT)]


def test_a_topic_whose_messages_all_are_garbage_is_told(session, taker, monkeypatch):
    taker.take(batch(b"no JSON", b"[1]"))
    said_of(monkeypatch, Unread(0, 0))

    assert reasons() == [(TOPIC.name, NOTHING_WRITTEN)]


def test_while_its_broker_is_away_nothing_is_called_well(session, taker, monkeypatch):
    stored(session, taker, NOW - timedelta(hours=1))
    said_of(monkeypatch, AWAY)

    found = alarms.look(SINCE, NOW)

    assert (found.alarms, found.well, found.waits) == ((), (), {TOPIC.name: None})


def test_a_collector_elsewhere_that_always_fails_is_told_with_its_error(
    session, set_up, monkeypatch
):
    set_up(NIGHTJAR_COLLECT__ANTARES__TOPIC="a_tag")
    said_of(monkeypatch, Unread(0, 0))
    target, at = sources.claim(session, sources.ANTARES), NOW - timedelta(hours=3)
    session.execute(
        insert(SelectedRun).values(
            selection_id=target.id, slot="collect-antares", kind="collect", night=at.date(),
            state="failed", error="no partition was given", started_at=at, updated_at=at,
        )
    )  # fmt: skip
    session.commit()

    [found] = [each for each in alarms.look(SINCE, NOW).alarms if each.source == "antares"]

    assert found.reason == NOT_RUN
    assert "no partition was given" in found.text


@pytest.mark.parametrize(
    ("waits", "words"),
    [
        (Unread(0, 0), "read to the end"),
        (Unread(3, 0), "3 messages wait on its broker"),
        (AWAY, "its broker does not say how much waits"),
    ],
)
def test_what_waits_elsewhere_is_shown_to_everybody_without_hosts(
    session, taker, monkeypatch, waits, words
):
    stored(session, taker, NOW - timedelta(hours=1))
    said_of(monkeypatch, waits)

    found = alarms.look(SINCE, NOW)
    [line] = [each for each in amiss.sources(found) if each.name == f"source_{TOPIC.name}"]

    at = NOW - timedelta(hours=1)
    assert (line.state, line.text) == ("ok", f"last read {at:%Y-%m-%d %H:%M} UTC, {words}")
