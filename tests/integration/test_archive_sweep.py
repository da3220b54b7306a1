"""Segments of writers that died are closed by a sweep; those of living writers are left alone."""

import os
import subprocess
import sys
import time
from datetime import date

import pytest
from sqlalchemy import select, text

from broker import archive_tasks
from broker.archive import ArchiveSegment, ArchiveWriter
from broker.config import ROOT
from broker.kafka_types import Packet

pytestmark = [pytest.mark.integration, pytest.mark.usefixtures("session")]
NIGHT = date(2026, 8, 1)
PACKETS = [Packet(5, 1000, b"first packet"), Packet(6, 1001, b"second")]
LONG_AGO_S = 3600


@pytest.fixture
def root(tmp_path):
    return tmp_path / "archive"


@pytest.fixture
def abandoned(root, session):
    """Write a segment and let go of it as a killed process does: the kernel closes its files."""
    writer = ArchiveWriter(root, segment_bytes=1000)
    writer.append("ztf", NIGHT, 1, 0, PACKETS)
    (segment,) = writer._open.values()
    segment.close_files()
    (file,) = root.rglob("*.seg")
    age(session, file)
    return file


def age(session, *files):
    then = time.time() - LONG_AGO_S
    for file in files:
        os.utime(file, (then, then))
    session.execute(text("UPDATE archive_segments SET created_at = now() - interval '1 hour'"))


def row(session):
    session.expire_all()
    return session.scalars(select(ArchiveSegment)).one()


def sum_of(file):
    return subprocess.run(
        ["sha256sum", file], capture_output=True, text=True, check=True
    ).stdout.split()[0]


def test_a_dead_writers_segment_gets_size_and_checksum(abandoned, root, session):
    assert archive_tasks.close_abandoned_segments(root) == 1

    closed = row(session)
    assert closed.closed_at is not None
    assert (closed.bytes, closed.sha256, closed.torn_bytes) == (18, sum_of(abandoned), 0)
    assert archive_tasks.close_abandoned_segments(root) == 0


def test_a_torn_tail_is_stated(abandoned, root, session):
    with abandoned.open("ab") as data:
        data.write(b"half a pack")
    with abandoned.with_suffix(".idx").open("ab") as index:
        index.write(b"half a rec")
    age(session, abandoned)

    archive_tasks.close_abandoned_segments(root)

    closed = row(session)
    assert (closed.bytes, closed.sha256, closed.torn_bytes) == (29, sum_of(abandoned), 11)


def test_a_file_that_was_touched_lately_is_left_alone(abandoned, root, session):
    os.utime(abandoned)

    assert archive_tasks.close_abandoned_segments(root) == 0
    assert row(session).closed_at is None


def test_a_segment_of_another_host_is_left_alone(abandoned, root, session):
    session.execute(text("UPDATE archive_segments SET host = 'elsewhere'"))

    assert archive_tasks.close_abandoned_segments(root) == 0


def test_a_living_writers_segment_is_left_alone_however_long_it_rests(root, session):
    writer = ArchiveWriter(root, segment_bytes=1000)
    writer.append("ztf", NIGHT, 1, 0, PACKETS)
    age(session, *root.rglob("*.seg"))

    assert archive_tasks.close_abandoned_segments(root) == 0

    writer.append("ztf", NIGHT, 1, 0, PACKETS)
    writer.close()
    closed = row(session)
    assert (closed.bytes, closed.torn_bytes) == (36, None)


def test_a_lock_ends_with_its_process(root, session):
    lines = f"""
import os, sys
from pathlib import Path
from broker.archive import open_locked
open_locked(Path({str(root / "one.seg")!r}))
sys.stdout.write("open\\n"); sys.stdout.flush()
sys.stdin.read()
"""
    root.mkdir()
    process = subprocess.Popen(
        [sys.executable, "-c", lines],
        cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert process.stdout.readline() == "open\n"
    with (root / "one.seg").open("rb") as file:
        assert not archive_tasks.is_given_up(file)
    process.kill()
    process.wait()
    process.stdin.close()
    process.stdout.close()
    with (root / "one.seg").open("rb") as file:
        assert archive_tasks.is_given_up(file)


def test_a_segment_whose_file_was_never_made_is_empty(abandoned, root, session):
    abandoned.unlink()
    abandoned.with_suffix(".idx").unlink()

    assert archive_tasks.close_abandoned_segments(root) == 1
    assert (row(session).bytes, row(session).torn_bytes) == (0, 0)


def test_an_archive_that_is_not_mounted_closes_nothing(abandoned, root, session):
    root.rename(root.with_name("elsewhere"))
    root.mkdir()

    assert archive_tasks.close_abandoned_segments(root) == 0
    assert row(session).closed_at is None


@pytest.mark.usefixtures("abandoned")
def test_one_call_reads_no_longer_than_replays_can_wait(root, session, monkeypatch):
    monkeypatch.setattr(archive_tasks, "LONGEST_S", 0)
    writer = ArchiveWriter(root, segment_bytes=1000)
    writer.append("ztf", NIGHT.replace(day=2), 1, 0, PACKETS)
    (segment,) = writer._open.values()
    segment.close_files()
    age(session, *root.rglob("*.seg"))

    assert [archive_tasks.close_abandoned_segments(root) for _ in range(3)] == [1, 1, 0]
