"""Everybody sees on /status that a source rings; who mends it reads the rest elsewhere."""

from datetime import UTC, datetime, timedelta

import pytest
from django.test import Client
from sqlalchemy import insert

from broker import health, limits
from broker.health_parts import Finding
from broker.kept import Seen
from pipeline.selected import sources
from pipeline.selected.tables import SelectedRun
from pipeline.watch import amiss
from pipeline.watch.alarm import Alarm
from pipeline.watch.alarms import Look
from pipeline.web import status_pages

pytestmark = pytest.mark.integration

NOW = datetime.now(UTC)
ERROR = "10.0.0.1 refused"


def well(state="ok"):
    return health.Report((Finding("postgres", state, "answers"),), NOW)


class Once:
    """Looks in the test's own transaction: another thread would see nothing."""

    def get(self):
        return Seen(amiss._look(), at_s=0.0, took_s=0.0)


@pytest.fixture
def page(session, root, monkeypatch):
    """Return a function that opens the page, as everybody may."""
    monkeypatch.setattr(amiss, "_kept", Once)
    monkeypatch.setattr(status_pages.health, "report", well)
    monkeypatch.setattr(status_pages.figures, "figures", lambda: None)
    monkeypatch.setattr(limits, "take", lambda *_, **__: None)
    client = Client(headers={"host": "localhost"})

    def opened():
        return client.get("/status").content.decode()

    return opened


def ran(session, at, **counts):
    target = sources.claim(session, sources.DEFAULT)
    given = {"selection_id": target.id, "kind": "collect", "slot": "collect-selected"}
    given |= {"state": "done", "night": at.date(), "error": ERROR}
    given |= {"started_at": at, "updated_at": at, "ended_at": at}
    session.execute(insert(SelectedRun).values(**given | counts))


def test_a_source_that_was_not_collected_is_told_to_everybody(session, page):
    ran(session, NOW - timedelta(days=2), read_count=1, written_count=1)

    said = page()

    assert "selected was not collected" in said
    assert "somebody should look at something" in said


def test_a_source_that_wrote_nothing_is_told_without_its_error(session, page):
    ran(session, NOW - timedelta(hours=2), read_count=5, failed_count=5)

    said = page()

    assert "selected wrote nothing though alerts came" in said
    assert ERROR not in said


def test_where_all_is_well_the_source_says_when_it_was_read(session, page):
    at = NOW - timedelta(hours=2)
    ran(session, at, read_count=5, written_count=5)

    said = page()

    assert "source selected" in said
    assert f"last read {at:%Y-%m-%d %H:%M} UTC" in said
    assert "Everything works." in said


def test_each_source_has_one_line_whether_it_rings_or_not():
    rings = (Alarm("selected", "unread", "x", "y"), Alarm("antares", "not_run", "x", "y"))
    heard = dict.fromkeys(("antares", "lasair_1SNe", "selected"), NOW)

    lines = amiss.sources(Look(rings, ("lasair_1SNe",), {"lasair_1SNe": None}, heard))

    assert [(each.name, each.state) for each in lines] == [
        ("source_antares", "warning"), ("source_lasair_1SNe", "ok"), ("source_selected", "warning"),
    ]  # fmt: skip


def test_while_the_database_is_away_nothing_is_asked():
    assert amiss.findings(well("down")) == []
