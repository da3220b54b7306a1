"""Who is rung at: hosts with something to do, as long as somebody hears it."""

from datetime import timedelta

import pytest
from sqlalchemy import update

from broker import celery
from pipeline.s3 import sync, tasks
from pipeline.s3.tables import S3Sync
from tests.integration.s3.conftest import HOST, make_file, make_segment

pytestmark = pytest.mark.integration
FILE = "lsst_alerts/cutouts/1_science_20261122_213005.fits"


@pytest.fixture
def bells(monkeypatch):
    rung: list[tuple[object, ...]] = []
    monkeypatch.setattr(tasks, "enqueue", lambda *ring: rung.append(ring))
    monkeypatch.setattr(tasks, "is_heard", lambda queue: queue != "sinks.deaf")
    return rung


def test_without_a_bucket_nobody_is_rung_at(session, disk, bells):
    make_file(disk, FILE, b"abc")

    tasks.sweep()

    assert bells == []


def test_each_host_with_files_is_rung_at_its_own_queue(session, bucket, disk, bells):
    make_file(disk, FILE, b"abc")
    make_segment(disk, "lsst", b"packets")
    make_file(disk, FILE, b"abc", host="there")
    make_file(disk, FILE, b"abc", host="deaf")

    tasks.sweep()

    assert bells == [("s3.work", f"sinks.{host}", "schedule") for host in (HOST, "there")]


def test_a_host_is_rung_at_again_when_its_time_has_come(session, bucket, disk, bells):
    make_file(disk, FILE, b"abc")
    sync.run("schedule", "me")
    make_file(disk, "lsst_alerts/cutouts/2.fits", b"abc")

    tasks.sweep()
    assert bells == []

    session.execute(update(S3Sync).values(started_at=S3Sync.started_at - timedelta(hours=3)))
    tasks.sweep()
    assert len(bells) == 1


def test_when_the_schedule_begins_every_host_looks_at_once(session, bucket, disk, bells):
    make_file(disk, FILE, b"abc")
    sync.run("schedule", "me")
    make_file(disk, "lsst_alerts/cutouts/2.fits", b"abc")

    tasks.sweep("start")

    assert bells == [("s3.work", f"sinks.{HOST}", "start")]


def test_a_run_that_is_not_through_rings_for_the_next(session, bucket, disk, bells, monkeypatch):
    make_file(disk, FILE, b"abc")
    monkeypatch.setattr(sync.run, "__kwdefaults__", sync.run.__kwdefaults__ | {"budget_s": 0.0})

    tasks.work.run("command")

    assert bells == [("s3.work", f"sinks.{HOST}", "schedule")]


@pytest.mark.parametrize(("waiting", "is_heard"), [(0, True), (celery.DEAF_AT, False)])
def test_a_queue_that_only_grows_is_deaf(parts, monkeypatch, waiting, is_heard):
    monkeypatch.setattr(celery, "waiting", lambda _client, queues: dict.fromkeys(queues, waiting))

    assert celery.is_heard("sinks.there") is is_heard
