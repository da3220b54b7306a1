"""Pages and REST with the oddest values that telescopes may send: shown, never a 500."""

import html
from datetime import UTC, datetime

import pytest
from django.contrib.auth import get_user_model
from django.test import Client
from nightjar_telescope import StatusLevel

from pipeline.telescope import latest
from pipeline.telescope.data_tables import TelescopeDataRaw
from pipeline.telescope.tables import TelescopeLatestStatus
from tests.integration.telescope.conftest import field, listener, said, small_registry, told

__all__ = ["field", "listener", "small_registry"]

pytestmark = pytest.mark.integration

LEAST, MOST = -(2**63), 2**63 - 1
LONG = "x" * 2**19


@pytest.fixture
def root(db):
    """A browser of a superuser."""
    user = get_user_model().objects.create_user("root", is_staff=True, is_superuser=True)
    client = Client(headers={"host": "localhost"})
    client.force_login(user)
    return client


@pytest.mark.parametrize("timestamp", [LEAST, MOST, 1_772_402_400_000_000_000, 253_402_300_800_000])
def test_an_acknowledgment_with_an_impossible_clock_leaves_the_page_and_rest(
    root, listener, beam, command, timestamp
):
    row = command(state="sent", sent_at=datetime.now(UTC), attempts=1)
    odd = {"timestamp": timestamp, "estimated_completion_time": timestamp}
    listener(beam, said(row.command_id, "received", **odd), said(row.command_id, "started", **odd))

    page = root.get(f"/telescopes/commands/{row.command_id}")
    rest = root.get(f"/api/telescope/commands/{row.command_id}")

    assert page.status_code == 200
    assert "its clock is more than a day" in html.unescape(page.content.decode())
    assert "Cancel it" in page.content.decode()
    assert rest.status_code == 200
    assert rest.json()["data"]["state"] == "started"
    assert root.get("/admin/pipeline/telescopeacknowledgment/").status_code == 200


def test_texts_of_a_megabyte_are_cut_where_people_read(root, listener, beam, command):
    row = command(state="sent", sent_at=datetime.now(UTC), attempts=1)
    texts = {"message": LONG, "error_details": LONG, "error_code": LONG, "source_hostname": LONG}
    listener(beam, said(row.command_id, "failed", **texts))
    listener(beam, told(message=LONG, level=StatusLevel.CRITICAL, is_operational=False, error_code=LONG,
                        current_observation_id=LONG))  # fmt: skip
    listener(beam, told(message=LONG, source_application="stranger"))

    for path in (
        f"/telescopes/commands/{row.command_id}",
        "/telescopes",
        "/telescopes/beam",
        "/admin/pipeline/telescopeacknowledgment/",
        "/admin/pipeline/telescopestatus/",
        "/admin/pipeline/telescopelateststatus/",
    ):
        answer = root.get(path)
        assert answer.status_code == 200
        assert len(answer.content) < 100_000, path
    assert len(root.get("/api/telescope/status").content) < 100_000


def test_shares_that_are_none_are_shown_as_such(root, listener, beam):
    odd = {"cpu_usage_percent": 1e308, "memory_usage_percent": -1e308, "disk_usage_percent": 5e-324}
    listener(beam, told(timestamp=LEAST, **odd), told(timestamp=MOST, component="dish", **odd))

    page = root.get("/telescopes").content.decode()

    assert "00000000" not in page
    assert root.get("/api/telescope/status").status_code == 200


@pytest.mark.parametrize("timestamp", [LEAST, MOST, 253_402_300_800_000])
def test_a_piece_taken_at_an_impossible_time_is_listed(root, session, beam, timestamp):
    session.add(
        TelescopeDataRaw(
            data_id="beam-1", observation_id="beam-o", sequence_number=2**31 - 1,
            timestamp=timestamp, data=b"",
        )
    )  # fmt: skip
    session.commit()

    assert root.get("/telescopes/observations/beam-o").status_code == 200
    assert root.get("/api/telescope/observations/beam-o/data").status_code == 200
    assert root.get("/admin/pipeline/telescopedataraw/").status_code == 200


def test_the_board_keeps_so_many_components_and_those_of_the_record_first(
    session, listener, beam, monkeypatch
):
    monkeypatch.setattr(latest, "MOST_COMPONENTS", 3)
    listener(beam, told(component="mount"))
    for number in range(5):
        listener(beam, told(component=f"c{number}"))
        listener(beam, told(source_application=f"stranger-{number}"))

    rows = session.query(TelescopeLatestStatus).all()
    kept = sorted((row.application, row.component) for row in rows)
    assert kept == [
        ("robotics", "c2"), ("robotics", "c3"), ("robotics", "c4"),
        ("stranger-2", "mount"), ("stranger-3", "mount"), ("stranger-4", "mount"),
    ]  # fmt: skip


def test_a_component_that_was_not_heard_for_long_leaves_the_board(session, listener, beam, heard):
    heard("robotics", component="old", age_s=31 * 86_400)
    heard("handler", component="", age_s=31 * 86_400)
    heard("robotics", component="last month", age_s=29 * 86_400)

    listener(beam, told(component="mount"))

    kept = sorted(row.component for row in session.query(TelescopeLatestStatus))
    assert kept == ["", "last month", "mount"]  # handler said nothing since: when is still shown
