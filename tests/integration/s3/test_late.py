"""What people are told: files that wait too long, objects in the admin."""

from datetime import UTC, datetime

import pytest
from django.urls import reverse
from sqlalchemy import select

from broker import health
from broker.health_parts import Finding
from pipeline.s3 import batch, query, sync
from pipeline.s3.tables import S3Upload
from pipeline.watch import amiss
from tests.integration.s3.conftest import make_file, make_segment
from tests.standins.faulty import status

pytestmark = pytest.mark.integration
FILE = "lsst_alerts/cutouts/1_science_20261122_213005.fits"
LONG_AGO = datetime(2026, 1, 1, tzinfo=UTC)


def report(postgres: str) -> health.Report:
    return health.Report((Finding("postgres", postgres, ""),), LONG_AGO)


def test_without_a_bucket_nothing_is_said(session, disk):
    make_file(disk, FILE, b"abc", closed_at=LONG_AGO)

    assert amiss.copies() == []


def test_while_the_database_is_away_nothing_is_asked(bucket):
    assert amiss.findings(report("down")) == []


def test_what_waits_too_long_is_counted(session, bucket, disk):
    make_file(disk, FILE, b"abc", closed_at=LONG_AGO)
    make_segment(disk, "ztf", b"packets")  # not copied

    [found] = amiss.copies()

    assert found.state == "warning"
    assert found.text == "1 files wait, the oldest since 2026-01-01 00:00 UTC"


def test_what_is_there_waits_no_more(session, bucket, disk):
    make_file(disk, FILE, b"abc", closed_at=LONG_AGO)
    sync.run("command", "me")

    assert [found.state for found in amiss.copies()] == ["ok"]


def test_the_newest_look_says_why_nothing_is_sent(session, bucket, disk):
    for number in range(batch.FAILURES):
        make_file(disk, f"lsst_alerts/cutouts/{number}.fits", b"abc", closed_at=LONG_AGO)
    bucket.faults["PUT"] = [status(503)] * batch.FAILURES
    sync.run("command", "me")

    assert "503" in (query.late().error or "")


def test_the_admin_lists_objects_and_finds_them_by_their_key(session, bucket, disk, staff):
    make_file(disk, FILE, b"abc")
    sync.run("command", "me")
    session.scalars(select(S3Upload)).one()

    found = staff.get(reverse("admin:pipeline_s3upload_changelist"), {"q": "lsst_alerts/"})
    other = staff.get(reverse("admin:pipeline_s3upload_changelist"), {"q": "archive/"})

    assert FILE in found.content.decode()
    assert FILE not in other.content.decode()
