"""A telescope that falls silent is told of once, and once more when it is heard again."""

from datetime import UTC, datetime, timedelta

import pytest

from broker.config import config
from broker.sections.telescope import BEAM
from pipeline.simulate.slack.faults import Fault
from pipeline.telescope import ledger
from pipeline.telescope.tables import TelescopeCommand, TelescopeLatestStatus
from pipeline.watch import telescopes
from tests.integration.telescope.conftest import records, wish
from tests.slack import OPERATORS, texts

pytestmark = [pytest.mark.integration, pytest.mark.usefixtures("watched", "beam")]

NOW = datetime(2026, 11, 23, 7, tzinfo=UTC)


@pytest.fixture
def beam(watched, monkeypatch):
    """A telescope with two applications."""
    monkeypatch.setenv("NIGHTJAR_TELESCOPES", records("beam"))
    config.cache_clear()


@pytest.fixture
def heard(session):
    """Return a function that says when an application of BEAM was heard."""

    def hear(age_s, *applications):
        for application in applications or [each.name for each in BEAM.applications]:
            session.query(TelescopeLatestStatus).filter_by(application=application).delete()
            session.add(
                TelescopeLatestStatus(
                    telescope="beam", application=application, component="", status_id="s",
                    timestamp=0, level="info", message="", is_operational=True,
                    received_at=NOW - timedelta(seconds=age_s),
                )
            )  # fmt: skip
        session.commit()

    return hear


def said(standin):
    return texts(standin, OPERATORS)


def test_a_telescope_that_was_never_heard_is_no_alarm(standin):
    telescopes.tell(NOW)

    assert said(standin) == []


def test_a_short_silence_is_no_alarm(standin, heard):
    heard(179)

    telescopes.tell(NOW)

    assert said(standin) == []


def test_a_silence_is_told_once_and_its_end_once(standin, heard):
    heard(200)
    for more_s in (0, 30, 3600):
        telescopes.tell(NOW + timedelta(seconds=more_s))
    [first] = said(standin)
    assert "has fallen silent" in first

    heard(-3600)
    for more_s in (3610, 3640):
        telescopes.tell(NOW + timedelta(seconds=more_s))

    assert len(said(standin)) == 2
    assert "is heard again" in said(standin)[1]


def test_the_second_application_makes_no_second_message(standin, heard):
    heard(200, "telescope-robotics")
    heard(10, "telescope-data-handler")
    telescopes.tell(NOW)
    heard(10, "telescope-robotics")
    heard(300, "telescope-data-handler")
    telescopes.tell(NOW)

    assert len(said(standin)) == 1


def test_the_next_silence_is_told_again(standin, heard):
    heard(200)
    telescopes.tell(NOW)
    heard(0)
    telescopes.tell(NOW)
    telescopes.tell(NOW + timedelta(seconds=200))

    assert len(said(standin)) == 3


def test_a_stopped_telescope_may_be_silent(standin, heard, monkeypatch):
    monkeypatch.setattr(ledger, "enqueue", lambda *_: None)
    ledger.stop("beam", "owl", "closed")
    heard(200)

    telescopes.tell(NOW)

    assert said(standin) == []


def test_what_slack_did_not_take_is_told_later(standin, heard, later):
    heard(200)
    standin.faults.add("chat.postMessage", Fault("broken"))
    telescopes.tell(NOW)
    assert said(standin) == []

    later()
    telescopes.tell(NOW + timedelta(seconds=30))

    assert len(said(standin)) == 1


def test_a_command_that_nobody_knows_of_is_told_once(standin, session, monkeypatch):
    monkeypatch.setattr(ledger, "enqueue", lambda *_: None)
    [lost, sent] = [
        ledger.create(wish("beam"), "owl", is_confirmed=True).command_id for _ in range(2)
    ]
    row = session.get(TelescopeCommand, lost)
    row.state, row.last_error = "unknown", "Kafka said <nothing>"
    session.commit()

    for _ in range(2):
        telescopes.tell(datetime.now(UTC))

    [entry] = standin.workspace.messages.values()
    assert "Nobody knows whether a command of beam was sent" in entry["text"]
    told = str(entry["blocks"])
    assert "asked for by owl" in told
    assert "Kafka said &lt;nothing&gt;" in told
    assert f"/telescopes/commands/{lost}" in told
    assert sent not in told


def test_a_command_of_days_ago_is_left_to_its_page(standin, session, monkeypatch):
    monkeypatch.setattr(ledger, "enqueue", lambda *_: None)
    lost = ledger.create(wish("beam"), "owl", is_confirmed=True).command_id
    session.get(TelescopeCommand, lost).state = "unknown"
    session.commit()

    telescopes.tell(datetime.now(UTC) + timedelta(hours=25))

    assert said(standin) == []
