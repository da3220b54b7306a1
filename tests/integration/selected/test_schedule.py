"""Beat's way to collect: what is due follows from the rows of earlier runs."""

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import delete, insert, update
from structlog.testing import capture_logs

from broker.config import config
from broker.db import transaction
from pipeline.selected import schedule, sources, tasks
from pipeline.selected.collect import Collected, CollectError
from pipeline.selected.runs import Counts
from pipeline.selected.tables import SelectedRun, Selection
from tests.integration.selected.world import Consumer, packet, received

pytestmark = pytest.mark.integration

NOW = datetime(2026, 11, 22, 8, tzinfo=UTC)


@pytest.fixture
def _scheduled(database, root, monkeypatch):
    monkeypatch.setenv("NIGHTJAR_COLLECT__SCHEDULED", "selected,babamul")
    monkeypatch.setenv("NIGHTJAR_COLLECT__EVERY_H", "6")
    config.cache_clear()


def ran(hours_ago: float, **values: object) -> None:
    with transaction() as session:
        for source in ("selected", "babamul"):
            row = {"kind": "collect", "state": "done"} | values
            session.execute(
                insert(SelectedRun).values(
                    selection_id=sources.claim(session, source).id,
                    night=NOW.date(),
                    slot=source,
                    started_at=NOW - timedelta(hours=hours_ago),
                    **row,
                )
            )


def due() -> list[str]:
    with transaction() as session:
        return [each.source for each in schedule.due(session, NOW)]


@pytest.mark.usefixtures("_scheduled")
def test_what_never_ran_is_due():
    assert due() == ["selected", "babamul"]


@pytest.mark.usefixtures("_scheduled")
@pytest.mark.parametrize(
    ("hours_ago", "values", "is_due"),
    [
        (5.9, {}, False),
        (6.1, {}, True),
        (1, {"state": "failed"}, False),
        (1, {"state": "short", "behind_count": 9, "read_count": 5, "written_count": 5}, True),
        (1, {"state": "short", "behind_count": 9}, False),
        (1, {"state": "running"}, False),
        (1, {"kind": "listen"}, True),
    ],
)
def test_the_last_run_says_whether_the_next_is_due(hours_ago, values, is_due):
    ran(hours_ago, **values)

    assert due() == (["selected", "babamul"] if is_due else [])


@pytest.mark.usefixtures("_scheduled")
@pytest.mark.parametrize(
    ("hours_ago", "state", "is_due"),
    [(1, "short", True), (1, "failed", True), (0.1, "short", False)],
)
def test_rows_in_no_file_are_not_left_for_hours(hours_ago, state, is_due):
    ran(hours_ago, state=state)
    taker = Consumer(NOW)
    images = taker.reception.take(received(packet(1)))

    assert due() == (["selected"] if is_due else [])
    taker.writer.write(images)
    assert due() == []


def test_without_a_schedule_nothing_is_due(database, root):
    assert due() == []


@pytest.mark.usefixtures("_scheduled")
def test_a_source_is_rung_for_where_its_files_are(monkeypatch):
    rung = []
    monkeypatch.setattr(tasks, "is_heard", lambda _: True)
    monkeypatch.setattr(tasks, "enqueue", lambda *told: rung.append(told))
    ran(24)
    with transaction() as session:
        session.execute(update(Selection).where(Selection.name == "selected").values(host="there"))
        session.execute(delete(SelectedRun))
        session.execute(delete(Selection).where(Selection.name == "babamul"))

    tasks.collect_due()

    assert rung == [
        ("selected.collect", "sinks.there", "selected"),
        ("selected.collect", "sinks", "babamul"),
    ]


@pytest.mark.usefixtures("_scheduled")
def test_a_source_that_cannot_be_collected_is_left_alone(monkeypatch):
    def collect(source, limits):
        raise CollectError(f"another run of {source} is at work on this machine")

    monkeypatch.setattr(schedule, "collect", collect)

    with capture_logs() as logs:
        schedule.collect_now("selected")

    assert [(each["event"], each["source"]) for each in logs] == [
        ("selected.not_collected", "selected")
    ]


@pytest.mark.usefixtures("_scheduled")
def test_a_second_ring_for_what_was_collected_meanwhile_does_nothing(monkeypatch):
    asked = []

    def collect(source, limits):
        asked.append(source)
        with transaction() as session:
            target = sources.claim(session, source)
            row = {"kind": "collect", "state": "done", "slot": source, "night": NOW.date()}
            session.execute(insert(SelectedRun).values(selection_id=target.id, **row))
        return Collected(Counts(), 0, "done", None, 0.1)

    monkeypatch.setattr(schedule, "collect", collect)

    schedule.collect_now("selected")
    schedule.collect_now("selected")

    assert asked == ["selected"]
