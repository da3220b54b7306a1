"""Files of a host to S3: what is there is left, what changed is sent, what fails is not confirmed."""

import json
import os
from collections import Counter
from datetime import timedelta

import pytest
from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from broker.archive import ArchiveSegment
from pipeline.s3 import batch, send, sync
from pipeline.s3.journal import PATH
from pipeline.s3.send import End
from pipeline.s3.tables import S3Sync, S3Upload
from tests.integration.s3.conftest import (
    change,
    make_file,
    make_growing,
    make_segment,
    row_of,
)
from tests.standins.faulty import status
from tests.standins.s3_server import answer, damage

pytestmark = pytest.mark.integration
CUTOUT = "lsst_alerts/cutouts/1_science_20261122_213005.fits"
TABLE = "lsst_alerts/data/lsst_alerts_20261122.csv"
EVENTS = "data/alerts_partitioned/date=2026-11-22/alerts.jsonl"


def run(reason: str = "command", **given) -> list[tuple[str, str]]:
    work = sync.run(reason, "me", **given)
    return [(str(told.end), told.key) for told in work.told]


def let_rest_pass(session: Session) -> None:
    """What rests is due now."""
    session.execute(update(S3Upload).values(not_before=func.now()))
    session.execute(update(S3Sync).values(rests_until=None))


def test_without_a_bucket_nothing_is_copied(session, s3, disk):
    make_file(disk, CUTOUT, b"abc")

    assert sync.run("command", "me").error == "s3.bucket is not set: nothing is copied"
    assert s3.asked == []


@pytest.mark.parametrize("fault", [status(503), answer(503, "SlowDown"), damage])
def test_a_file_that_fails_is_not_confirmed_and_comes_later(session, bucket, disk, fault):
    file_id = make_file(disk, CUTOUT, b"abc")
    bucket.faults["PUT"].append(fault)

    assert run() == [(End.AWAY, CUTOUT)]
    assert row_of(session, file_id).confirmed_at is None
    assert bucket.objects() == {}
    assert run("schedule") == []

    let_rest_pass(session)
    assert run("schedule") == [(End.SENT, CUTOUT)]
    assert row_of(session, file_id).confirmed_at is not None
    assert bucket.objects() == {CUTOUT: b"abc"}


def test_after_its_last_attempt_a_file_is_failed_until_the_next_look(session, bucket, disk):
    file_id = make_file(disk, CUTOUT, b"abc")
    run()
    change(disk, file_id, b"other")
    (disk / CUTOUT).write_bytes(b"damaged")
    run()
    for _ in range(send.ATTEMPTS):
        let_rest_pass(session)
        run("schedule")

    row = session.scalars(select(S3Upload)).one()
    assert (row.state, row_of(session, file_id).s3_state) == ("failed", "failed")
    assert "on disk" in (row.last_error or "")
    assert bucket.objects() == {CUTOUT: b"abc"}

    (disk / CUTOUT).write_bytes(b"other")
    assert run() == [(End.SENT, CUTOUT)]


def test_what_a_disk_lost_is_said_and_not_confirmed(session, bucket, disk):
    file_id = make_file(disk, CUTOUT, b"abc")
    (disk / CUTOUT).unlink()

    [told] = sync.run("command", "me").told

    assert (told.end, "No such file" in told.error) == (End.FAILED, True)
    assert row_of(session, file_id).confirmed_at is None


def test_a_refused_login_stops_all_and_nothing_is_asked_for_a_while(session, bucket, disk):
    for number in range(3):
        make_file(disk, f"lsst_alerts/cutouts/{number}.fits", b"abc")
    bucket.faults["PUT"] = [answer(403, "InvalidAccessKeyId")] * 3

    work = sync.run("command", "me")
    asked = len(bucket.asked)
    again = sync.run("schedule", "me")

    assert "InvalidAccessKeyId" in work.error
    assert (work.told, again.told, len(bucket.asked)) == ([], [], asked)
    assert session.scalars(select(S3Upload.attempts)).all() == [0, 0, 0]


@pytest.mark.parametrize("threads", [1, 4])
def test_a_server_that_fails_thrice_is_left_alone(session, bucket, disk, set_up, threads):
    set_up(threads=threads)
    for number in range(20):
        make_file(disk, f"lsst_alerts/cutouts/{number}.fits", b"abc")
    bucket.faults["PUT"] = [status(503)] * 20

    work = sync.run("command", "me")

    assert batch.FAILURES <= len(work.told) < batch.FAILURES + threads
    assert sync.run("schedule", "me").told == []
    states = session.execute(select(S3Upload.state, S3Upload.attempts)).all()
    assert Counter(states) == {
        ("wanted", 1): len(work.told),
        ("wanted", 0): 20 - len(work.told),
    }


@pytest.mark.parametrize("files", [1, 0], ids=["a file waits", "nothing waits"])
def test_a_missing_bucket_is_said_by_name(session, bucket, disk, set_up, files):
    for _ in range(files):
        make_file(disk, CUTOUT, b"abc")
    set_up(bucket="nightjar-nowhere")

    assert "no bucket nightjar-nowhere" in sync.run("command", "me").error


def test_keys_are_paths_below_the_root_without_data(session, bucket, disk, set_up):
    set_up(prefix="site/")
    make_file(disk, CUTOUT, b"abc")
    make_file(disk, EVENTS, b"{}\n", kind="jsonl")
    make_file(disk, "logs/lasair/a/event.log", b"...", kind="log")
    make_segment(disk, "lsst", b"packets")

    assert sorted(key for _, key in run()) == [
        "site/alerts_partitioned/date=2026-11-22/alerts.jsonl",
        "site/archive/lsst/20261122/here-1-1.idx",
        "site/archive/lsst/20261122/here-1-1.seg",
        f"site/{CUTOUT}",
    ]


def test_what_is_there_is_not_sent_again(session, bucket, disk):
    file_id = make_file(disk, CUTOUT, b"abc")
    run()
    sent = bucket.puts()

    assert run() == []
    row_of(session, file_id).confirmed_at = None  # as of a file that was written again alike
    session.flush()
    assert run() == [(End.FOUND, CUTOUT)]
    assert bucket.puts() == sent


def test_what_changed_is_sent_again(session, bucket, disk):
    file_id = make_file(disk, CUTOUT, b"abc")
    run()

    change(disk, file_id, b"other")

    assert run() == [(End.SENT, CUTOUT)]
    assert bucket.objects() == {CUTOUT: b"other"}
    assert row_of(session, file_id).s3_state == "confirmed"


def test_nine_megabytes_are_confirmed(session, bucket, disk):
    content = os.urandom(9 * 10**6)
    file_id = make_file(disk, CUTOUT, content)

    assert run() == [(End.SENT, CUTOUT)]

    assert row_of(session, file_id).confirmed_at is not None
    assert bucket.objects() == {CUTOUT: content}
    row = session.scalars(select(S3Upload)).one()
    assert (row.checksum or "").endswith("-2")
    assert row.upload_id is None


def test_a_file_in_parts_goes_on_in_the_next_run(session, bucket, disk):
    file_id = make_file(disk, CUTOUT, os.urandom(9 * 10**6))

    assert sync.run("command", "me", budget_s=0.0).has_more
    assert row_of(session, file_id).confirmed_at is None
    assert run("schedule") == [(End.SENT, CUTOUT)]


def test_a_growing_table_is_a_snapshot_that_proves_nothing(session, bucket, disk):
    file_id = make_growing(disk, TABLE, b"a,b\n1,2\n3,", 8)

    assert run() == [(End.SENT, TABLE)]
    row = row_of(session, file_id)
    assert (row.s3_state, row.confirmed_at) == ("partial", None)
    assert bucket.objects() == {TABLE: b"a,b\n1,2\n"}
    assert run() == []


def test_a_table_that_is_closed_replaces_its_snapshot(session, bucket, disk):
    file_id = make_growing(disk, TABLE, b"a,b\n1,2\n3,", 8)
    run()

    change(disk, file_id, b"a,b\n1,2\n3,4\n")
    row_of(session, file_id).closed_at = func.now()
    session.flush()

    assert run() == [(End.SENT, TABLE)]
    assert row_of(session, file_id).s3_state == "confirmed"
    assert bucket.objects() == {TABLE: b"a,b\n1,2\n3,4\n"}


def test_a_segment_is_confirmed_when_its_index_is_there_too(session, bucket, disk):
    segment_id = make_segment(disk, "lsst", b"packets")
    bucket.faults["PUT"].append(status(503))

    run()
    session.expire_all()
    assert session.get_one(ArchiveSegment, segment_id).confirmed_at is None

    let_rest_pass(session)
    run("schedule")
    session.expire_all()
    segment = session.get_one(ArchiveSegment, segment_id)
    assert segment.confirmed_at is not None
    assert segment.s3_key == "archive/lsst/20261122/here-1-1.seg"


def test_a_segment_is_confirmed_though_the_prefix_changed_between_its_files(
    session, bucket, disk, set_up
):
    segment_id = make_segment(disk, "lsst", b"packets")
    bucket.faults["PUT"].append(status(503))
    run()

    set_up(prefix="site/")
    run()

    session.expire_all()
    segment = session.get_one(ArchiveSegment, segment_id)
    assert segment.confirmed_at is not None
    assert segment.s3_key == "site/archive/lsst/20261122/here-1-1.seg"


def test_packets_that_are_not_public_go_to_a_private_bucket_only(session, bucket, disk, set_up):
    make_segment(disk, "ztf", b"packets")
    assert run() == []

    set_up(private="true")
    bucket.client.put_bucket_acl(Bucket=bucket.bucket, ACL="public-read")
    assert "let strangers in" in sync.run("command", "me").error
    assert bucket.objects() == {}

    bucket.client.put_bucket_acl(Bucket=bucket.bucket, ACL="private")
    assert len(run()) == 2


def test_a_bucket_that_does_not_tell_is_not_believed_to_be_private(session, bucket, disk, set_up):
    make_segment(disk, "ztf", b"packets")
    set_up(private="true")
    mute = [answer(403, "AccessDenied")] * 2

    bucket.faults["GET"] = list(mute)
    assert "does not say whether it is" in sync.run("command", "me").error

    set_up(private_unverified="true")
    bucket.faults["GET"] = list(mute)
    assert len(run()) == 2


def test_a_key_of_another_host_is_not_overwritten(session, bucket, disk):
    make_file(disk, CUTOUT, b"abc")
    run()
    session.execute(update(S3Upload).values(file_id=S3Upload.file_id + 1000, host="there"))

    make_file(disk / "other", CUTOUT, b"xyz")

    assert run() == []
    assert bucket.objects() == {CUTOUT: b"abc"}


def test_another_hosts_files_are_left_to_it(session, bucket, disk):
    make_file(disk, CUTOUT, b"abc", host="there")

    assert run() == []


def test_a_schedule_looks_once_in_its_time_and_others_at_once(session, bucket, disk):
    run("schedule")
    make_file(disk, CUTOUT, b"abc")
    assert run("schedule") == []

    session.execute(update(S3Sync).values(started_at=S3Sync.started_at - timedelta(hours=3)))
    assert run("schedule") == [(End.SENT, CUTOUT)]


def test_a_prefix_brings_its_keys_alone(session, bucket, disk):
    make_file(disk, CUTOUT, b"abc")
    make_segment(disk, "lsst", b"packets")

    assert run(prefix="lsst_alerts/") == [(End.SENT, CUTOUT)]


def test_the_log_tells_what_became_of_each_object(session, bucket, disk):
    make_file(disk, CUTOUT, b"abc")
    bucket.faults["PUT"].append(status(503))
    run()
    let_rest_pass(session)
    run("schedule")

    lines = [json.loads(line) for line in (disk / PATH).read_text().splitlines()]
    assert [(line["event"], line["key"]) for line in lines] == [
        (End.AWAY, CUTOUT),
        (End.SENT, CUTOUT),
    ]
