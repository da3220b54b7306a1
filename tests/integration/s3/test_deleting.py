"""Retention with S3: a file goes only while every byte of it is there at that moment."""

from contextlib import contextmanager
from datetime import timedelta

import pytest

from broker.config import config
from broker.db import lock
from pipeline.s3 import sync
from pipeline.selected import retention
from pipeline.selected.retention_policy import Policy
from pipeline.selected.sources import writers_lock
from tests.integration.s3.conftest import HOST, NIGHT, change, make_file, make_segment, row_of
from tests.standins.faulty import status

pytestmark = pytest.mark.integration
FILES = [f"lsst_alerts/cutouts/{number}_science_20261122_213005.fits" for number in (1, 2)]
LATE = NIGHT + timedelta(days=400)


@pytest.fixture
def ids(session, bucket, disk) -> list[int]:
    """Two files that S3 has confirmed."""
    made = [make_file(disk, path, path.encode()) for path in FILES]
    sync.run("command", "me")
    return made


def deleted() -> list[str]:
    """Delete what may go; return the paths but those of logs, which S3 does not get."""
    gone = retention.run(Policy.of_settings(config()), LATE).gone
    return sorted(each.path for each in gone if each.kind != "log")


def test_what_is_there_goes(disk, ids):
    assert deleted() == FILES
    assert not any((disk / path).exists() for path in FILES)


def test_while_s3_is_away_nothing_goes(session, bucket, disk, ids, set_up):
    set_up(endpoint_url="http://127.0.0.1:1")

    assert deleted() == []
    assert all((disk / path).exists() for path in FILES)
    assert row_of(session, ids[0]).deleted_at is None


def test_when_s3_goes_away_meanwhile_nothing_more_goes(session, bucket, disk, ids):
    bucket.faults["HEAD"] = [lambda _s, app, *call: app(*call), status(503)]

    assert deleted() == []


def test_without_credentials_nothing_goes(bucket, ids, monkeypatch):
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")

    assert deleted() == []


def test_what_somebody_removed_from_s3_stays_and_is_sent_again(session, bucket, disk, ids):
    bucket.client.delete_object(Bucket=bucket.bucket, Key=FILES[0])

    assert deleted() == FILES[1:]
    assert row_of(session, ids[0]).confirmed_at is None

    sync.run("schedule", "me")
    assert deleted() == FILES[:1]


def test_what_changed_since_it_was_confirmed_stays(disk, ids):
    change(disk, ids[0], b"other")

    assert deleted() == FILES[1:]


@pytest.fixture
def meanwhile(monkeypatch):
    """Return a function that lets something happen when it is settled what is to be deleted."""
    proving = retention.proving

    def happens(what):
        @contextmanager
        def late():
            with proving() as is_there:
                what()
                yield is_there

        monkeypatch.setattr(retention, "proving", late)

    return happens


def test_what_changes_while_s3_is_asked_stays(session, disk, ids, meanwhile):
    meanwhile(lambda: change(disk, ids[0], b"made again, and not on S3"))

    assert deleted() == FILES[1:]
    assert (disk / FILES[0]).read_bytes() == b"made again, and not on S3"
    assert row_of(session, ids[0]).deleted_at is None


def test_while_somebody_writes_there_nothing_goes(session, disk, ids, monkeypatch):
    monkeypatch.setattr(retention, "PATIENCE_S", (0.0, 0.0))

    with lock(writers_lock(HOST, str(disk))):
        assert deleted() == []
    assert all((disk / path).exists() for path in FILES)
    assert deleted() == FILES


def test_a_segment_goes_when_packets_and_index_are_there(session, bucket, disk):
    make_segment(disk, "lsst", b"packets")
    sync.run("command", "me")
    bucket.client.delete_object(Bucket=bucket.bucket, Key=f"archive/lsst/20261122/{HOST}-1-1.idx")

    assert deleted() == []
    sync.run("schedule", "me")
    assert deleted() == [f"lsst/20261122/{HOST}-1-1.seg"]


def test_packets_that_are_not_copied_follow_their_age_alone(session, bucket, disk):
    make_segment(disk, "ztf", b"packets")
    sync.run("command", "me")

    assert deleted() == [f"ztf/20261122/{HOST}-1-1.seg"]
    assert bucket.objects() == {}
