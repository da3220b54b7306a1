"""Rows to files: what a process that died left half done, the next one does to the byte."""

import importlib
import os
from datetime import timedelta

import numpy as np
import pyarrow.parquet as pq
import pytest
from sqlalchemy import select, update

from broker.archive import ArchiveSegment
from broker.config import config
from broker.db import lock, transaction
from broker.errors import TransientError
from pipeline.selected import closing
from pipeline.selected.listener import SelectedListener
from pipeline.selected.rendering import head
from pipeline.selected.tables import OutputFile, SelectedAlert, SelectedRun
from pipeline.selected.writer import Wrote
from tests.integration.selected.conftest import Died
from tests.integration.selected.world import (
    EVENING,
    MORNING,
    Consumer,
    counts,
    csv_path,
    expected,
    packet,
    received,
    table_of_rows,
    tree,
)

pytestmark = pytest.mark.integration

KILLED_AT = (
    "selected_stored",
    "cutouts_written",
    "csv_appended",
    "csv_marked",
    "csv_closed",
    "parquet_written",
)


def without_parquet(files):
    return {path: content for path, content in files.items() if not path.endswith(".parquet")}


def end_night(taker, batch):
    taker.work(batch)
    taker.now = MORNING
    taker.work([])


@pytest.mark.parametrize("place", KILLED_AT)
def test_a_night_is_the_same_to_the_byte_wherever_a_process_died(session, root, die_at, place):
    first, second = received(packet(1), packet(2)), received(packet(3), b"", packet(4), first=2)
    doomed = Consumer()
    doomed.work(first)
    die_at(place)
    with pytest.raises(Died):
        end_night(doomed, second)
    die_at("")

    heir = Consumer()
    end_night(heir, second)  # Kafka gives again what was not committed

    found = tree(root)
    assert without_parquet(found) == expected(session, heir.target)
    assert len(found) == 4 * 3 + 2
    lines = found[csv_path(heir.target)].decode().splitlines()
    assert [line.split(",")[0] for line in lines[1:]] == [str(2**60 + n) for n in (1, 2, 3, 4)]
    assert {run[0] for run in counts(session)} <= {2, 3, 5}
    assert all(run[0] == sum(run[1:]) for run in counts(session))
    tables = session.scalars(select(OutputFile).where(OutputFile.kind == "csv")).all()
    assert [(each.rows, each.closed_at is not None) for each in tables] == [(4, True)]


def test_an_undisturbed_night_is_what_its_rows_say(session, root):
    taker = Consumer()
    taker.work(received(packet(1), packet(2, cutoutTemplate=None)))
    taker.work(received(packet(3), first=2))

    found = tree(root)
    assert found == expected(session, taker.target)
    table = found[csv_path(taker.target)]
    assert table.startswith(head(()))
    assert table.count(b"\n") == 4
    assert b",,lsst_alerts/cutouts/" in table  # the template of the second
    seqs = select(SelectedAlert.csv_seq).order_by(SelectedAlert.id)
    assert session.scalars(seqs).all() == [1, 2, 3]
    noted = session.scalars(select(OutputFile).where(OutputFile.kind == "cutout")).all()
    assert {one.path: one.length for one in noted} == {
        path: len(content) for path, content in found.items() if path.endswith(".fits")
    }


def test_a_table_that_lost_bytes_is_made_again(session, root):
    taker = Consumer()
    taker.work(received(packet(1), packet(2)))
    os.truncate(root / csv_path(taker.target), 10)

    wrote = taker.writer.write(taker.reception.take(received(packet(3), first=2)))

    assert wrote == Wrote(rows=1, mended=1)
    assert tree(root) == expected(session, taker.target)


def test_a_table_that_lost_bytes_may_be_of_another_length_when_it_is_made_again(session, root):
    """A row may have lost its cutout since, or a release writes a number otherwise."""
    taker = Consumer()
    taker.work(received(packet(1), packet(2)))
    changed = update(SelectedAlert).where(SelectedAlert.csv_seq == 1)
    session.execute(changed.values(science_path=None, science_state="broken"))
    session.commit()
    os.truncate(root / csv_path(taker.target), 10)

    taker.work(received(packet(3), first=2))
    taker.work(received(packet(4), first=3))

    assert table_of_rows(root)
    [table] = session.scalars(select(OutputFile).where(OutputFile.kind == "csv"))
    assert (table.rows, table.length) == (4, (root / table.path).stat().st_size)


def test_a_table_that_was_changed_by_hand_is_made_again_when_it_is_closed(session, root):
    taker = Consumer()
    taker.work(received(packet(1)))
    with (root / csv_path(taker.target)).open("r+b") as table:
        table.write(b"X")

    assert closing.close_due(taker.target, MORNING) == [(csv_path(taker.target), 1)]
    assert without_parquet(tree(root)) == expected(session, taker.target)


def test_what_comes_after_midnight_goes_into_the_next_table(session, root):
    taker = Consumer()
    taker.work(received(packet(1)))
    taker.now = MORNING
    taker.work(received(packet(2), first=1))

    tables = session.scalars(
        select(OutputFile).where(OutputFile.kind == "csv").order_by(OutputFile.night)
    ).all()
    assert [(each.path[-12:], each.rows) for each in tables] == [
        ("20261122.csv", 1),
        ("20261123.csv", 1),
    ]
    assert [each.sha256 is not None for each in tables] == [True, False]


def test_a_clock_that_goes_back_adds_nothing_to_a_closed_table(session, root):
    taker = Consumer()
    taker.work(received(packet(1)))
    taker.now = MORNING
    taker.work([])
    taker.now = EVENING
    taker.work(received(packet(2), first=1))

    late = session.scalars(select(SelectedAlert).order_by(SelectedAlert.id.desc()).limit(1)).one()
    assert late.processed_at.isoformat() == "2026-11-23T00:00:00+00:00"
    assert without_parquet(tree(root)) == expected(session, taker.target)


def test_a_night_with_rows_that_have_no_line_is_not_closed(session, root):
    taker = Consumer()
    taker.reception.take(received(packet(1)))

    assert closing.close_due(taker.target, MORNING) == []
    assert session.scalars(select(OutputFile.closed_at)).all() == [None]

    taker.writer.write({})
    assert closing.close_due(taker.target, MORNING) == [(csv_path(taker.target), 0)]


def test_a_second_writer_that_the_lock_did_not_stop_is_noticed(session, root, monkeypatch):
    taker = Consumer()
    taker.work(received(packet(1)))

    def interfere(place):
        if place == "csv_appended":
            with transaction() as other:
                other.execute(update(OutputFile).values(length=OutputFile.length + 1))

    monkeypatch.setattr("pipeline.selected.writer.failpoint", interfere)

    with pytest.raises(TransientError, match="somebody else wrote"):
        taker.work(received(packet(2), first=1))
    assert session.scalars(select(SelectedAlert.csv_seq).order_by(SelectedAlert.id)).all() == [
        1, None,
    ]  # fmt: skip


def test_cutouts_of_a_process_that_died_are_read_from_the_archive(session, root):
    Consumer().reception.take(received(packet(1)))

    heir = Consumer(EVENING + timedelta(seconds=1))

    assert heir.writer.write({}) == Wrote(rows=1, late=1)
    assert tree(root) == expected(session, heir.target)


def expire(session, segment):
    segment.unlink()
    session.execute(update(ArchiveSegment).values(deleted_at=EVENING))
    session.commit()


def damage(session, segment):
    segment.write_bytes(bytes(segment.stat().st_size))


def segment_of(root):
    [segment] = (root.parent / "archive").rglob("*.seg")
    return segment


@pytest.mark.parametrize("lose", [expire, damage])
def test_a_cutout_whose_packet_is_gone_for_good_is_an_empty_cell_and_counted(session, root, lose):
    Consumer().reception.take(received(packet(1)))
    lose(session, segment_of(root))

    heir = Consumer()

    assert heir.writer.write({}) == Wrote(rows=1, broken=3)
    assert list(tree(root)) == [csv_path(heir.target)]
    row = session.scalars(select(SelectedAlert)).one()
    session.refresh(row)
    assert (row.science_path, row.science_state) == (None, "broken")
    assert tree(root) == expected(session, heir.target)


def test_lost_cutouts_are_counted_by_the_listener_s_run(session, root):
    taker = Consumer()
    taker.reception.take(received(packet(1)))
    expire(session, segment_of(root))

    listener = SelectedListener(
        None, taker.reception, taker.writer, taker.target,
        book=taker.book, most=1, clock=lambda: taker.now,
    )  # fmt: skip
    listener.look()

    assert session.scalars(select(SelectedRun.broken_cutout_count)).all() == [3]


def hide(segment):
    segment.rename(segment.with_suffix(".away"))


def make_unreadable(segment):
    hide(segment)
    segment.mkdir()


def mount_again(segment):
    if segment.is_dir():
        segment.rmdir()
    segment.with_suffix(".away").rename(segment)


@pytest.mark.parametrize("take_away", [hide, make_unreadable])
@pytest.mark.parametrize("host", ["", "elsewhere"])
def test_rows_whose_packets_cannot_be_read_just_now_wait_and_keep_no_other(
    session, root, monkeypatch, take_away, host
):
    Consumer().reception.take(received(packet(1), packet(2)))
    segment = segment_of(root)
    take_away(segment)
    if host:
        session.execute(update(ArchiveSegment).values(host=host))
        session.commit()
    heir = Consumer()
    fresh = heir.reception.take(received(packet(3), first=2))
    monkeypatch.setattr("pipeline.selected.writer.MOST_ROWS", 1)

    assert heir.writer.write(fresh) == Wrote(rows=1)
    assert heir.writer.unwritten() == 2
    assert closing.close_due(heir.target, MORNING) == []

    mount_again(segment)
    assert heir.writer.write({}) == Wrote(rows=2)
    assert len(tree(root)) == 3 * 3 + 1
    assert tree(root) == expected(session, heir.target)


def failing_once(monkeypatch, place):
    """Let a function meet an error of ours the first time."""
    module, name = place.rsplit(".", 1)
    true, failed = getattr(importlib.import_module(module), name), []

    def fail(*given):
        if not failed:
            failed.append(given)
            raise OverflowError("of ours")
        return true(*given)

    monkeypatch.setattr(place, fail)


def test_a_table_that_cannot_be_closed_keeps_no_other(session, root, monkeypatch):
    taker = Consumer()
    taker.work(received(packet(1)))
    taker.now = MORNING
    taker.writer.write(taker.reception.take(received(packet(2), first=1)))
    failing_once(monkeypatch, "pipeline.selected.rendering.parquet")
    later = MORNING + timedelta(days=1)

    assert closing.close_due(taker.target, later) == [(csv_path(taker.target, MORNING), 0)]
    assert closing.close_due(taker.target, later) == [(csv_path(taker.target), 0)]


def test_rows_that_cannot_be_rendered_keep_no_others(session, root, monkeypatch):
    taker = Consumer()
    taker.reception.take(received(packet(1)))
    taker.now = MORNING
    taker.reception.take(received(packet(2), first=1))
    failing_once(monkeypatch, "pipeline.selected.rendering.lines")

    assert taker.writer.write({}) == Wrote(rows=1)
    assert taker.writer.write({}) == Wrote(rows=1)
    assert tree(root) == expected(session, taker.target)


def test_who_does_not_get_the_lock_writes_nothing(session, root):
    taker = Consumer()
    images = taker.reception.take(received(packet(1)))
    with lock(taker.target.lock):
        assert taker.writer.write(images) is None
        assert closing.close_due(taker.target, MORNING) == []

    assert taker.writer.write(images) == Wrote(rows=1)


def test_further_columns_hold_from_the_next_table_on(session, root, monkeypatch):
    taker = Consumer()
    taker.work(received(packet(1)))
    monkeypatch.setenv("NIGHTJAR_OUTPUT__EXTRA_COLUMNS", "snr,prv_candidates")
    config.cache_clear()
    taker.work(received(packet(2), first=1))
    taker.now = MORNING
    taker.work(received(packet(3), first=2))

    heads = [
        (root / csv_path(taker.target, at)).read_bytes().splitlines()[0]
        for at in (EVENING, MORNING)
    ]
    assert heads[0] + b"\n" == head(())
    assert heads[1].endswith(b",timestamp,snr,prv_candidates")


def test_a_number_that_jsonb_gives_back_as_an_integer_keeps_no_night_open(
    session, root, monkeypatch
):
    monkeypatch.setenv("NIGHTJAR_OUTPUT__EXTRA_COLUMNS", "chi,timeWithdrawnMjdTai")
    config.cache_clear()
    taker = Consumer()
    taker.reception.take(received(packet(1)))
    large = {"chi": 1e17, "timeWithdrawnMjdTai": 1e22}
    session.execute(update(SelectedAlert).values(extra=large))
    session.commit()
    taker.work([])
    taker.now = MORNING
    taker.work([])

    assert (root / csv_path(taker.target)).read_bytes().endswith(b",1e+17,1e+22\n")
    [row] = pq.read_table(root / csv_path(taker.target).replace(".csv", ".parquet")).to_pylist()
    assert (row["chi"], row["timeWithdrawnMjdTai"]) == (np.float32(1e17), 1e22)
