"""``manage.py s3_sync``: what it would do, what it did, and that all is as it was sent."""

from datetime import timedelta

import pytest
from django.core.management import CommandError, call_command
from sqlalchemy import update

from pipeline.s3 import sync
from pipeline.s3.tables import S3Upload
from pipeline.selected.tables import OutputFile
from tests.integration.s3.conftest import NOW, make_file, make_segment, row_of
from tests.standins.s3_server import answer

pytestmark = pytest.mark.integration
FILE = "lsst_alerts/cutouts/1_science_20261122_213005.fits"


def test_without_a_bucket_it_says_what_to_set(session, disk):
    with pytest.raises(CommandError, match=r"s3\.bucket is not set"):
        call_command("s3_sync")


def test_a_dry_run_asks_nobody_and_says_what_is_missing(session, bucket, disk, capsys):
    make_file(disk, FILE, b"a" * 1234)
    make_segment(disk, "ztf", b"packets")

    call_command("s3_sync", "--dry-run")

    said = capsys.readouterr().out
    assert "lsst_alerts/cutouts/" in said
    assert "1,234" in said
    assert "Left out, as s3.private is not set: packets of ztf" in said
    assert bucket.asked == []


def test_it_copies_and_counts(session, bucket, disk, capsys):
    file_id = make_file(disk, FILE, b"a" * 1234)

    call_command("s3_sync", "lsst_alerts/")

    said = capsys.readouterr().out
    assert "sent" in said
    assert "1,234" in said
    assert row_of(session, file_id).confirmed_at is not None


def test_what_fails_is_named_and_the_command_fails(session, bucket, disk, capsys):
    make_file(disk, FILE, b"abc")
    (disk / FILE).write_bytes(b"xyz")

    with pytest.raises(SystemExit) as ended:
        call_command("s3_sync")

    assert ended.value.code == 1
    assert FILE in capsys.readouterr().out.replace("\n", "")


def test_what_rests_after_a_failure_is_brought_at_once(session, bucket, disk):
    file_id = make_file(disk, FILE, b"abc")
    sync.run("command", "me")
    later = {"state": "wanted", "not_before": NOW + timedelta(days=36500)}
    session.execute(update(S3Upload).values(later))
    session.execute(update(OutputFile).values(confirmed_at=None, s3_state=None))
    session.commit()

    call_command("s3_sync")

    assert row_of(session, file_id).confirmed_at is not None


def test_a_key_that_another_file_has_is_named_and_the_command_fails(session, bucket, disk, capsys):
    make_file(disk, FILE, b"abc")
    sync.run("command", "me")
    session.execute(update(S3Upload).values(file_id=S3Upload.file_id + 1000, host="there"))
    session.execute(update(OutputFile).values(confirmed_at=None, s3_state=None))
    session.commit()

    with pytest.raises(SystemExit) as ended:
        call_command("s3_sync")

    assert ended.value.code == 1
    assert "on there: set s3.prefix" in " ".join(capsys.readouterr().out.split())


def test_a_refusal_ends_the_command_with_its_sentence(session, bucket, disk):
    make_file(disk, FILE, b"abc")
    bucket.faults["PUT"].append(answer(403, "AccessDenied"))

    with pytest.raises(CommandError, match="403 AccessDenied"):
        call_command("s3_sync")


def test_what_is_as_it_was_sent_is_verified(session, bucket, disk, capsys):
    make_file(disk, FILE, b"abc")
    sync.run("command", "me")

    call_command("s3_sync", "--verify")

    assert "whole" in capsys.readouterr().out


@pytest.mark.parametrize("found", [b"xyz", None], ids=("damaged", "gone"))
def test_what_is_not_as_it_was_sent_is_confirmed_no_more(session, bucket, disk, capsys, found):
    file_id = make_file(disk, FILE, b"abc")
    sync.run("command", "me")
    if found is None:
        bucket.client.delete_object(Bucket=bucket.bucket, Key=FILE)
    else:
        bucket.client.put_object(Bucket=bucket.bucket, Key=FILE, Body=found)

    with pytest.raises(SystemExit):
        call_command("s3_sync", "--verify")

    row = row_of(session, file_id)
    assert (row.confirmed_at, row.s3_state) == (None, "failed")
    sync.run("schedule", "me")
    assert bucket.objects() == {FILE: b"abc"}
