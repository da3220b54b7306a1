"""Each day's deletions: said before anything goes, done once, on the host that has the files."""

import json
from datetime import UTC, date, datetime, time, timedelta

import pytest
from sqlalchemy import insert, select, update

from broker.config import config
from broker.db import lock
from pipeline.selected import retention, retention_book, tasks
from pipeline.selected.retention_policy import Policy
from pipeline.selected.tables import OutputFile, RetentionRun
from tests.integration.selected.conftest import Died
from tests.integration.selected.world import EVENING, MORNING, Consumer, packet, received, tree

pytestmark = pytest.mark.integration

NIGHT = EVENING.date()
LATE = NIGHT + timedelta(days=31)
DUE = datetime.combine(LATE, time(5), UTC)
THIRTY = Policy({"csv": 30, "parquet": 30, "cutout": 30})


@pytest.fixture
def taker(session, root):
    """A night with two alerts that is closed."""
    made = Consumer()
    made.work(received(packet(1), packet(2)))
    made.now = MORNING
    made.work([])
    return made


def runs(session):
    session.expire_all()
    return session.scalars(select(RetentionRun).order_by(RetentionRun.id)).all()


def journal(root):
    lines = (root / retention.PATH).read_text().splitlines()
    return [json.loads(line) for line in lines]


def files(root):
    return {path for path in tree(root) if not path.startswith("logs/")}


def test_what_goes_is_noted_before_it_goes_and_a_killed_run_is_followed_by_one_that_ends(
    session, root, taker, monkeypatch
):
    before = files(root)

    def die(*_):
        raise Died

    with monkeypatch.context() as patch:
        patch.setattr(retention.disk, "remove", die)
        with pytest.raises(Died):
            retention.run(THIRTY, LATE)

    [killed] = runs(session)
    assert killed.state == "running"
    assert {kind: sums["files"] for kind, sums in killed.due.items()} == {
        "csv": 1,
        "parquet": 1,
        "cutout": 6,
    }
    assert killed.due["csv"]["first"] == killed.due["csv"]["last"] == NIGHT.isoformat()
    assert {line["path"] for line in journal(root)} == before == files(root)
    assert {line["event"] for line in journal(root)} == {"due"}

    retention.run(THIRTY, LATE)

    killed, done = runs(session)
    assert (killed.state, done.state) == ("interrupted", "done")
    assert done.deleted == done.due == killed.due
    assert files(root) == set()
    assert sum(line["event"] == "deleted" for line in journal(root)) == 8


def test_what_stays_is_noted_with_its_reason(session, root):
    made = Consumer()
    made.work(received(packet(1)))

    retention.run(Policy({"csv": 30}), LATE)

    [run] = runs(session)
    assert (run.due, run.deleted, run.state) == ({}, {}, "done")
    assert run.kept["csv: it is not closed"]["files"] == 1


def test_a_file_that_the_disk_keeps_is_told_and_keeps_no_other(session, root, taker, monkeypatch):
    remove = retention.disk.remove

    def removes(folder, path):
        if path.endswith(".csv"):
            raise PermissionError(f"not permitted: {path}")
        return remove(folder, path)

    monkeypatch.setattr(retention.disk, "remove", removes)

    outcome = retention.run(THIRTY, LATE)

    assert len(outcome.gone) == 7
    [run] = runs(session)
    assert run.state == "failed"
    assert "1 files could not be deleted, as not permitted: lsst_alerts/data" in run.error


def test_a_run_that_is_out_of_time_says_so_and_the_next_goes_on(session, root, taker):
    before = files(root)

    assert retention.run(THIRTY, LATE, budget_s=0.0).state == "short"
    assert files(root) == before
    assert retention.run(THIRTY, LATE).state == "done"
    assert [run.state for run in runs(session)] == ["short", "done"]


def test_beside_another_process_of_this_host_nothing_is_done(session, root, taker):
    with lock(f"{retention.LOCK}.here"):
        assert retention.run(THIRTY, LATE) is None

    assert runs(session) == []


def hosts(session, now=DUE):
    return retention_book.hosts_to_ring(session, now)


def test_a_host_is_rung_at_from_its_hour_on_until_its_day_is_through(session, root, taker):
    assert hosts(session, DUE.replace(hour=3)) == []
    assert hosts(session, DUE - timedelta(days=1)) == []
    assert hosts(session) == ["here"]

    retention.run(THIRTY, LATE, budget_s=0.0)
    assert hosts(session) == ["here"]

    retention.run(Policy({}), LATE)  # through, but the files are there still
    assert hosts(session) == []
    assert hosts(session, DUE + timedelta(days=1)) == ["here"]


def test_what_somebody_ran_by_hand_does_not_stand_for_the_day(session, root, taker):
    retention.run(Policy({}), LATE, is_command=True)

    assert hosts(session) == ["here"]


def test_each_host_is_rung_at_for_its_own_files(session, root, taker):
    session.execute(
        update(OutputFile).where(OutputFile.kind == "cutout").values(host="there", root="/there")
    )

    assert hosts(session) == ["here", "there"]


@pytest.fixture
def _for_ever(monkeypatch, root):
    for kind in Policy.of_settings(config()).days:
        monkeypatch.setenv(f"NIGHTJAR_RETENTION__{kind.upper()}_DAYS", "0")
    config.cache_clear()


@pytest.mark.usefixtures("_for_ever")
def test_where_everything_is_kept_for_ever_nobody_is_rung_at(session, taker):
    assert hosts(session) == []


class Clock(datetime):
    """Stands still."""

    @classmethod
    def now(cls, _zone):
        return DUE


@pytest.fixture
def bells(monkeypatch):
    rung = []
    monkeypatch.setattr(tasks, "datetime", Clock)
    monkeypatch.setattr(tasks, "enqueue", lambda *ring: rung.append(ring))
    monkeypatch.setattr(tasks, "is_heard", lambda queue: queue != "sinks.deaf")
    return rung


def test_beat_rings_at_hosts_that_hear_and_these_delete(session, root, taker, bells):
    old = {"root": "/deaf", "path": "a.csv", "kind": "csv", "night": date(2026, 1, 1)}
    session.execute(insert(OutputFile).values(host="deaf", **old))

    tasks.sweep_retention()
    assert bells == [("retention.delete", "sinks.here")]

    tasks.delete_expired()
    assert files(root) == set()
    assert [run.is_command for run in runs(session)] == [False]


def test_a_task_that_is_out_of_time_is_rung_at_again(session, root, taker, bells, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(tasks, "RETENTION_BUDGET_S", 0.0)
        tasks.delete_expired()

    tasks.sweep_retention()
    tasks.delete_expired()

    assert bells == [("retention.delete", "sinks.here")]
    assert [run.state for run in runs(session)] == ["short", "done"]
