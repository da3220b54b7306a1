"""A bucket that was emptied, as the demo's is each time: nothing that it confirmed is believed."""

import json
from datetime import timedelta

import pytest
from sqlalchemy import func, select, update

from broker.archive import ArchiveSegment
from broker.config import config
from broker.db import transaction
from pipeline.s3 import query, sync
from pipeline.s3.emptied import LOST, Emptied
from pipeline.s3.journal import PATH
from pipeline.s3.send import End
from pipeline.s3.tables import S3Sync, S3Upload
from pipeline.selected import retention
from pipeline.selected.retention_policy import Policy
from pipeline.selected.tables import OutputFile
from pipeline.watch import amiss
from tests.integration.s3.conftest import (
    HOST,
    NIGHT,
    make_file,
    make_growing,
    make_segment,
    row_of,
)
from tests.standins.faulty import status

pytestmark = pytest.mark.integration
FILES = [f"lsst_alerts/cutouts/{number}_science_20261122_213005.fits" for number in range(4)]
TABLE = "lsst_alerts/data/lsst_alerts_20261122.csv"
SEGMENT = f"archive/lsst/20261122/{HOST}-1-1"
LATE = NIGHT + timedelta(days=400)


@pytest.fixture
def ids(session, bucket, disk) -> list[int]:
    """Four files that S3 has confirmed."""
    made = [make_file(disk, path, path.encode()) for path in FILES]
    sync.run("command", "me")
    return made


def empty(bucket, *keys: str) -> None:
    for key in keys or bucket.objects():
        bucket.client.delete_object(Bucket=bucket.bucket, Key=key)


def delete_here(file_id: int) -> None:
    with transaction() as session:
        session.get_one(OutputFile, file_id).deleted_at = func.now()


def let_time_pass(session) -> None:
    session.execute(update(S3Sync).values(started_at=S3Sync.started_at - timedelta(hours=3)))
    session.commit()


def uploads(session) -> dict[str, tuple[str, str | None]]:
    session.expire_all()
    return {row.key: (row.state, row.last_error) for row in session.scalars(select(S3Upload))}


def test_all_that_is_here_is_sent_again_tables_that_grow_and_packets_too(
    session, bucket, disk, ids
):
    growing = make_growing(disk, TABLE, b"head\nrow\n", 9)
    segment = make_segment(disk, "lsst", b"packets")
    sync.run("command", "me")
    before = bucket.objects()
    assert len(before) == 7
    empty(bucket)

    work = sync.run("start", "me")

    assert work.emptied == Emptied(7, 0)
    assert bucket.objects() == before
    assert all(row_of(session, one).confirmed_at for one in ids)
    assert row_of(session, growing).s3_state == "partial"
    assert session.get_one(ArchiveSegment, segment).confirmed_at is not None
    assert sync.run("command", "me").emptied is None


def test_what_is_deleted_here_is_lost_and_says_so(session, bucket, disk, ids):
    delete_here(ids[0])
    empty(bucket)

    assert sync.run("command", "me").emptied == Emptied(3, 1)

    lost = row_of(session, ids[0])
    assert (lost.s3_state, lost.confirmed_at) == ("failed", None)
    assert uploads(session)[FILES[0]] == ("failed", LOST)
    assert sorted(bucket.objects()) == FILES[1:]
    lines = (disk / PATH).read_text().splitlines()
    [told] = [line for line in map(json.loads, lines) if line["event"] == "emptied"]
    assert (told["bucket"], told["again"], told["lost"]) == (bucket.bucket, 3, 1)
    assert query.late()[3:] == (3, 1)
    [finding] = amiss.copies()
    assert (finding.state, "3 objects, wanted again; 1 are nowhere" in finding.text) == (
        "warning",
        True,
    )


def test_one_of_the_newest_is_proof_enough(session, bucket, ids):
    empty(bucket, *FILES[:3])

    assert sync.run("command", "me").emptied is None
    assert row_of(session, ids[0]).confirmed_at is not None


def test_where_older_ones_are_there_only_what_was_asked_for_is_lost(session, bucket, disk, ids):
    for file_id in ids:
        delete_here(file_id)
    empty(bucket, *FILES[1:])

    assert sync.run("command", "me").emptied == Emptied(0, 3)
    assert uploads(session)[FILES[0]] == ("done", None)
    assert sync.run("command", "me").emptied is None


def test_a_host_that_has_nothing_new_looks_as_well(session, bucket, ids):
    assert query.hosts_to_ring("schedule") == []
    let_time_pass(session)
    empty(bucket)

    assert query.hosts_to_ring("schedule") == [HOST]
    assert [told.end for told in sync.run("schedule", "me").told] == [End.SENT] * 4


def test_before_a_new_file_goes_the_others_are_looked_for(session, bucket, disk, ids):
    empty(bucket)
    make_file(disk, TABLE, b"new", kind="csv")

    assert sync.run("command", "me").emptied == Emptied(4, 0)
    assert sorted(bucket.objects()) == sorted([*FILES, TABLE])


def test_while_s3_does_not_answer_nothing_is_withdrawn(session, bucket, ids):
    empty(bucket)
    bucket.faults["HEAD"] = [lambda _s, app, *call: app(*call), status(503)]

    work = sync.run("command", "me")

    assert "503" in work.error
    assert row_of(session, ids[0]).confirmed_at is not None


def deleted() -> tuple[list[str], str | None]:
    done = retention.run(Policy.of_settings(config()), LATE)
    return [each.path for each in done.gone if each.kind != "log"], done.error


def test_retention_deletes_nothing_without_the_bucket_nor_with_one_made_anew(
    session, bucket, disk, ids
):
    empty(bucket)
    bucket.client.delete_bucket(Bucket=bucket.bucket)
    gone, error = deleted()
    assert (gone, "there is no bucket" in str(error)) == ([], True)

    bucket.client.create_bucket(Bucket=bucket.bucket)
    bucket.asked.clear()
    assert deleted() == ([], None)

    asked = {each.path for each in bucket.asked if each.method == "HEAD"}
    assert {f"{bucket.bucket}/{path}" for path in FILES} <= asked
    assert all((disk / path).exists() for path in FILES)
    assert all(row_of(session, one).confirmed_at is None for one in ids)

    sync.run("command", "me")
    assert sorted(deleted()[0]) == FILES
