"""A night made again has the same bytes; what cannot be made again is said."""

from datetime import date

import pyarrow.parquet as pq
import pytest
from sqlalchemy import select, update

from broker.config import config
from broker.db import lock
from broker.errors import TransientError
from pipeline.selected import disk, rendering, writer
from pipeline.selected.rerun import RerunError, rerun
from pipeline.selected.tables import OutputFile, SelectedAlert, SelectedRun
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


def again(taker):
    rerun(taker.target.id, NIGHT, "dora")


def test_a_night_that_is_not_there_is_named(session, root):
    taker = Consumer()

    with pytest.raises(RerunError, match="no table of 2026-01-01"):
        rerun(taker.target.id, date(2026, 1, 1), "dora")


def test_files_of_another_host_are_left_to_it(session, root, monkeypatch):
    taker = Consumer()
    taker.work(received(packet(1)))
    monkeypatch.setenv("NIGHTJAR_OUTPUT__HOST", "there")
    config.cache_clear()

    with pytest.raises(RerunError, match="lie on here below"):
        again(taker)


def test_while_somebody_writes_there_it_waits(session, root):
    taker = Consumer()
    taker.work(received(packet(1)))

    with lock(taker.target.lock), pytest.raises(TransientError, match="another process writes"):
        again(taker)


@pytest.mark.parametrize("is_closed", [False, True], ids=("open", "closed"))
def test_files_that_were_lost_are_there_again_to_the_byte(session, root, is_closed):
    taker = Consumer()
    taker.work(received(packet(1), packet(2, cutoutTemplate=None)))
    if is_closed:
        taker.now = MORNING
        taker.work([])
    before = tree(root)
    for path in root.rglob("*"):
        if path.is_file():
            path.unlink()

    again(taker)

    assert tree(root) == before
    run = session.scalars(select(SelectedRun).where(SelectedRun.kind == "rerun")).one()
    assert (run.state, run.requested_by, run.read_count, run.written_count) == (
        "done", "dora", 2, 2,
    )  # fmt: skip
    assert (run.missing_cutout_count, run.mended_count) == (1, len(before))


def test_files_that_are_whole_are_not_called_mended(session, root):
    taker = Consumer()
    taker.work(received(packet(1)))
    taker.now = MORNING
    taker.work([])

    again(taker)

    run = session.scalars(select(SelectedRun).where(SelectedRun.kind == "rerun")).one()
    assert (run.written_count, run.mended_count) == (1, 0)


def test_after_it_the_night_goes_on(session, root):
    taker = Consumer()
    taker.work(received(packet(1)))
    again(taker)
    taker.work(received(packet(2), first=1))

    assert tree(root) == expected(session, taker.target)


@pytest.mark.parametrize("path", ["lsst_alerts/cutouts/long_name.fits", None], ids=("more", "less"))
def test_a_kill_behind_the_new_table_leaves_no_torn_line(session, root, monkeypatch, path):
    taker = Consumer()
    taker.work(received(packet(1), packet(2, cutoutTemplate=None)))
    first = select(SelectedAlert.id).order_by(SelectedAlert.id.desc() if path else SelectedAlert.id)
    told = update(SelectedAlert).where(SelectedAlert.id == session.scalars(first).first())
    session.execute(told.values(template_path=path))
    session.commit()
    write = disk.write_whole

    def die_behind_the_table(root, name, content):
        written = write(root, name, content)
        if name.endswith(".csv"):
            raise Died
        return written

    with monkeypatch.context() as patch:
        patch.setattr(disk, "write_whole", die_behind_the_table)
        with pytest.raises(Died):
            again(taker)

    whole = (root / csv_path(taker.target)).read_bytes()
    noted = session.scalars(select(OutputFile).where(OutputFile.kind == "csv")).one().length
    assert whole[:noted] == whole  # as much as /runs gives
    taker.work(received(packet(3), first=2))
    assert (
        tree(root)[csv_path(taker.target)]
        == expected(session, taker.target)[csv_path(taker.target)]
    )


def test_a_length_that_a_kill_left_is_put_right(session, root):
    taker = Consumer()
    taker.work(received(packet(1)))
    [length] = session.scalars(select(OutputFile.length).where(OutputFile.kind == "csv"))
    session.execute(update(OutputFile).where(OutputFile.kind == "csv").values(length=length + 9))
    session.commit()

    again(taker)

    session.expire_all()
    assert (
        session.scalars(select(OutputFile.length).where(OutputFile.kind == "csv")).one() == length
    )


def test_cutouts_that_are_on_disk_stay_when_their_packets_have_expired(session, root):
    taker = Consumer()
    taker.work(received(packet(1), packet(2)))
    before = tree(root)
    for segment in (root.parent / "archive").rglob("*.seg"):
        segment.unlink()

    again(taker)
    assert tree(root) == before


@pytest.mark.parametrize("is_closed", [False, True], ids=("open", "closed"))
def test_cutouts_that_are_gone_with_their_packets_are_counted_and_the_table_stays(
    session, root, is_closed
):
    taker = Consumer()
    taker.work(received(packet(1), packet(2, cutoutTemplate=None)))
    if is_closed:
        taker.now = MORNING
        taker.work([])
    table = tree(root)[csv_path(taker.target)]
    for path in (*(root.parent / "archive").rglob("*.seg"), *root.rglob("*_science_*")):
        path.unlink()

    again(taker)

    assert tree(root)[csv_path(taker.target)] == table
    row = session.scalars(select(SelectedAlert).order_by(SelectedAlert.id)).first()
    assert (row.science_state, row.science_path is None) == ("present", False)
    run = session.scalars(select(SelectedRun).where(SelectedRun.kind == "rerun")).one()
    assert (run.state, run.missing_cutout_count, run.broken_cutout_count) == ("short", 1, 2)
    assert run.error.startswith("2 cutouts are neither here")


def test_a_run_that_fails_says_so_and_why(session, root, monkeypatch):
    taker = Consumer()
    taker.work(received(packet(1)))
    monkeypatch.setattr(disk, "write_whole", full)

    with pytest.raises(OSError, match="No space"):
        again(taker)

    run = session.scalars(select(SelectedRun).where(SelectedRun.kind == "rerun")).one()
    assert (run.state, run.requested_by, run.ended_at is None) == ("failed", "dora", False)
    assert "No space left" in run.error


def full(*_):
    raise OSError(28, "No space left on device")


def test_never_more_rows_are_held_than_a_chunk(session, root, monkeypatch):
    taker = Consumer()
    taker.work(received(*(packet(number) for number in range(1, 6))))
    held, lines = [], rendering.lines
    monkeypatch.setattr(writer.row_chunks, "__defaults__", (2,))
    monkeypatch.setattr(
        rendering, "lines", lambda rows, *a: held.append(len(rows)) or lines(rows, *a)
    )
    taker.now = MORNING

    taker.work([])

    assert held == [2, 2, 1]
    assert tree(root)[csv_path(taker.target)].count(b"\n") == 6
    table = pq.read_table(root / csv_path(taker.target).replace(".csv", ".parquet"))
    assert table["alertId"].to_pylist() == [2**60 + number for number in range(1, 6)]
