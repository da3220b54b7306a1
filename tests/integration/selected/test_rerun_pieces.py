"""A night that is larger than a task may be long is made again in pieces, each of them once."""

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select, update

from broker.db import lock
from broker.errors import TransientError
from pipeline.selected import disk, rerun, tasks
from pipeline.selected.runs import RunBook
from pipeline.selected.tables import SelectedRun
from tests.integration.selected.conftest import Died
from tests.integration.selected.world import (
    EVENING,
    MORNING,
    Consumer,
    csv_path,
    expected,
    packet,
    received,
    tree,
)

pytestmark = pytest.mark.integration

NIGHT = EVENING.date()
ARGUMENTS = (NIGHT.isoformat(), "dora")


@pytest.fixture
def taker(session, root, monkeypatch):
    """A closed night of five alerts, made again two at a time and one piece for each task."""
    monkeypatch.setattr(rerun, "CHUNK", 2)
    monkeypatch.setattr(tasks, "RERUN_BUDGET_S", 0.0)
    made = Consumer()
    made.work(received(*(packet(number) for number in range(1, 6))))
    made.now = MORNING
    made.work([])
    return made


@pytest.fixture
def rung(monkeypatch):
    """Rings that nobody has heard yet."""
    rings = []
    monkeypatch.setattr(tasks, "enqueue", lambda *ring: rings.append(ring) or True)
    monkeypatch.setattr(tasks, "is_heard", lambda _: True)
    return rings


@pytest.fixture
def cutouts(monkeypatch):
    """Cutouts that were written, in turn."""
    made, write = [], disk.write_whole

    def note(root, path, content):
        if path.endswith(".fits"):
            made.append(path)
        return write(root, path, content)

    monkeypatch.setattr(disk, "write_whole", note)
    return made


def again(taker):
    tasks.make_again(taker.target.id, *ARGUMENTS)


def hear(rung):
    """Do what is rung for, until nothing is."""
    while rung:
        name, queue, *arguments = rung.pop(0)
        assert (name, queue) == ("selected.rerun_on", "sinks.here")
        tasks.go_on_making(*arguments)


def lose(root):
    for path in root.rglob("*"):
        if path.is_file():
            path.unlink()


def runs(session):
    session.expire_all()
    wanted = select(SelectedRun).where(SelectedRun.kind == "rerun")
    return session.scalars(wanted.order_by(SelectedRun.id)).all()


def states(session):
    return [(run.state, run.read_count) for run in runs(session)]


def test_pieces_make_the_whole_night_as_one_run(session, root, taker, rung, cutouts):
    before = tree(root)
    lose(root)

    again(taker)

    assert states(session) == [("running", 2)]
    assert not (root / csv_path(taker.target)).exists()
    hear(rung)
    assert tree(root) == before
    [run] = runs(session)
    assert (run.state, run.requested_by, run.mended_count) == ("done", "dora", len(before))
    assert (run.read_count, run.written_count, len(cutouts), len(set(cutouts))) == (5, 5, 15, 15)


def test_others_write_there_between_two_pieces_and_their_rows_are_in_the_table(
    session, root, taker, rung
):
    taker.now = MORNING + timedelta(hours=1)
    taker.work(received(*(packet(number) for number in range(6, 9)), first=5))
    tasks.make_again(taker.target.id, MORNING.date().isoformat(), "dora")

    with lock(taker.target.lock) as is_free:
        assert is_free
    taker.work(received(packet(9), first=8))

    hear(rung)
    assert states(session) == [("done", 4)]
    found = tree(root)
    assert {path: found[path] for path in expected(session, taker.target)} == expected(
        session, taker.target
    )


def test_a_second_ring_and_a_late_one_do_nothing_twice(session, root, taker, rung, cutouts):
    again(taker)
    again(taker)
    assert states(session) == [("running", 4)]
    late = rung[0]

    hear(rung)
    tasks.go_on_making(*late[2:])

    assert states(session) == [("done", 5)]
    assert len(cutouts) == len(set(cutouts)) == 15


def test_while_another_has_the_files_the_bell_is_rung_again_and_the_run_goes_on(
    session, root, taker, rung
):
    again(taker)

    with lock(taker.target.lock), pytest.raises(TransientError):
        tasks.go_on_making(taker.target.id, *ARGUMENTS)

    assert states(session) == [("running", 2)]
    hear(rung)
    assert states(session) == [("done", 5)]


def test_two_nights_are_made_beside_each_other(session, root, taker, rung):
    taker.now = MORNING + timedelta(hours=1)
    taker.work(received(*(packet(number) for number in range(6, 9)), first=5))

    again(taker)
    tasks.make_again(taker.target.id, MORNING.date().isoformat(), "emil")
    hear(rung)

    assert states(session) == [("done", 5), ("done", 3)]


@pytest.mark.parametrize("is_at_the_table", [False, True], ids=("cutouts", "table"))
def test_a_kill_leaves_the_old_table_and_the_sweep_has_the_run_go_on(
    session, root, taker, rung, cutouts, monkeypatch, is_at_the_table
):
    path = root / csv_path(taker.target)
    path.write_bytes(b"somebody changed it")
    whole = expected(session, taker.target)

    def die(*_, **__):
        raise Died

    with monkeypatch.context() as patch:
        patch.setattr(RunBook, "end", die)
        again(taker)
        patch.setattr(rerun, "_write_table" if is_at_the_table else "_write_cutouts", die)
        with pytest.raises(Died):
            hear(rung)

    assert path.read_bytes() == b"somebody changed it"
    assert [state for state, _ in states(session)] == ["running"]
    assert rung == []
    tasks.sweep_reruns()
    assert rung == []  # a task may be at it still
    grow_old(session, minutes=11)
    tasks.sweep_reruns()
    hear(rung)
    assert states(session) == [("done", 5)]
    assert path.read_bytes() == whole[csv_path(taker.target)]
    assert len(cutouts) == len(set(cutouts)) == 15


def test_a_run_that_nobody_can_go_on_with_ends_with_its_reason(session, root, taker, rung):
    again(taker)
    rung.clear()
    grow_old(session, minutes=61)

    tasks.sweep_reruns()

    assert rung == []
    [run] = runs(session)
    assert (run.state, run.ended_at) == ("interrupted", run.updated_at)
    assert "nobody could go on with it for an hour" in run.error


def test_a_run_of_long_ago_is_not_gone_on_with_but_begun_anew(session, root, taker, rung):
    again(taker)
    rung.clear()
    grow_old(session, minutes=61)

    again(taker)
    hear(rung)

    assert states(session) == [("interrupted", 2), ("done", 5)]


def test_an_error_in_a_later_piece_ends_the_run_with_its_reason(
    session, root, taker, rung, monkeypatch
):
    again(taker)
    with monkeypatch.context() as patch:
        patch.setattr(disk, "write_whole", full)
        with pytest.raises(OSError, match="No space"):
            hear(rung)

    [run] = runs(session)
    assert (run.state, run.read_count, run.ended_at is None) == ("failed", 2, False)
    assert "No space left" in run.error
    tasks.go_on_making(taker.target.id, *ARGUMENTS)
    assert states(session) == [("failed", 2)]


def test_what_could_not_be_had_in_an_earlier_piece_is_told_at_the_end(session, root, taker, rung):
    for path in (*(root.parent / "archive").rglob("*.seg"), *root.rglob("*_science_*")):
        path.unlink()

    again(taker)
    hear(rung)

    [run] = runs(session)
    assert (run.state, run.broken_cutout_count) == ("short", 5)
    assert run.error.startswith("5 cutouts are neither here")


def full(*_):
    raise OSError(28, "No space left on device")


def grow_old(session, *, minutes):
    at = datetime.now(UTC) - timedelta(minutes=minutes)
    session.execute(update(SelectedRun).where(SelectedRun.kind == "rerun").values(updated_at=at))
    session.commit()
