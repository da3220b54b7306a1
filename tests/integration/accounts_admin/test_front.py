"""The first page of the admin: what waits for somebody, for those who may see it."""

from datetime import UTC, datetime

import pytest

from accounts.models import BabamulUser, DriftReport, OutboxMail
from broker import admin_front, health
from broker.health_parts import Finding
from broker.kafka_unread import Unread
from broker.kept import Kept
from broker.ranges import stops, switches
from pipeline.watch import amiss
from pipeline.watch.alarm import SILENT, Alarm
from pipeline.watch.alarms import Look
from tests.factories import make_dead_letter
from tests.integration.accounts_admin.test_acts import member

pytestmark = [pytest.mark.integration, pytest.mark.django_db]

LINE = {"principal": "x", "ours": "active", "kafka": "nothing", "repair": "none"}


@pytest.fixture(autouse=True)
def parts_up(monkeypatch):
    """Every part as if it had been asked a moment ago."""
    findings = (
        Finding("redis", "ok", "tasks waiting: 7 in notify"),
        Finding("workers", "down", "no worker serves the queue alerts"),
        Finding("dead_letters", "warning", "told by the pipeline"),
    )
    monkeypatch.setattr(health, "report", lambda: health.Report(findings, datetime.now(UTC)))


def lines_of(browser):
    """Return state and text of each line that the page shows."""
    page = browser.get("/admin/")
    assert page.status_code == 200
    return {line.title: (line.state, line.text) for line in page.context["lines"]}


def test_an_idle_system_says_that_nothing_waits(staff):
    found = lines_of(staff)

    assert found["Dead letters"] == ("ok", "nothing waits")
    assert found["Kill switches"] == ("ok", "nothing waits")
    assert found["Mails"] == ("ok", "nothing waits")
    assert found["Drift from Kafka"] == ("warning", "never compared")


def test_parts_and_queues_are_told(staff):
    found = lines_of(staff)

    assert found["Redis"] == ("ok", "tasks waiting: 7 in notify")
    assert found["Workers"] == ("down", "no worker serves the queue alerts")


def test_what_waits_in_the_streams_is_told(staff, session, source):
    make_dead_letter(session, source)
    switches.turn(session, "ztf", "op", "a bad night", publishing=False)
    stops.stop(session, "lsst", "too many dead letters")

    found = lines_of(staff)

    assert found["Dead letters"] == ("warning", "1 open")
    assert found["Kill switches"] == ("warning", "ztf is held back: a bad night")
    assert found["Streams"] == ("warning", "lsst stands: too many dead letters")


def test_listeners_of_selected_alerts_lasair_and_antares_are_told(staff, monkeypatch):
    at = datetime(2026, 11, 23, 5, 12, tzinfo=UTC)
    found = Look(
        (Alarm("antares", SILENT, "known to staff", "what to do"),),
        ("selected",),
        {"lasair_1x": Unread(3, 0), "antares": None},
        {"selected": at, "antares": None, "lasair_1x": None},
    )
    monkeypatch.setattr(amiss, "_kept", lambda: Kept("x", lambda: found, keep_s=9, patience_s=9))

    lines = lines_of(staff)

    assert lines["Source selected"] == ("ok", "last read 2026-11-23 05:12 UTC")
    assert lines["Source antares"] == ("warning", "nothing of antares is read")
    assert lines["Source lasair_1x"] == (
        "ok", "nothing came in 24 h, 3 messages wait on its broker",
    )  # fmt: skip


def test_what_waits_for_people_is_told(staff):
    BabamulUser.objects.create(email="a@example.org", username="a", state="suspended")
    OutboxMail.objects.create(
        to="a@example.org", subject="x", state="failed", expires_at=datetime.now(UTC)
    )
    DriftReport.objects.create(lines=[LINE])

    found = lines_of(staff)

    assert found["Accounts, 0 active"] == ("warning", "1 suspended")
    assert found["Mails"] == ("warning", "1 failed")
    assert found["Drift from Kafka"] == ("warning", "1 principal differs")


def test_each_line_leads_to_its_list(staff):
    page = staff.get("/admin/")

    for line in page.context["lines"]:
        if line.url:
            assert staff.get(line.url).status_code == 200


def test_a_shifter_sees_no_people(db):
    found = lines_of(member("shifter"))

    assert "Dead letters" in found
    assert not {"Mails", "Drift from Kafka"} & found.keys()


def test_counts_of_nothing_are_not_told():
    assert admin_front.counted(open=0, wait_for_Kafka=2) == ["2 wait for Kafka"]
