"""Another bucket in the settings: what the old one confirmed, the new one has not."""

from datetime import timedelta

import pytest
from sqlalchemy import func

from broker.config import config
from broker.db import transaction
from pipeline.s3 import query, sync
from pipeline.selected import retention
from pipeline.selected.retention_policy import Policy
from pipeline.selected.tables import OutputFile
from tests.integration.s3.conftest import HOST, NIGHT, make_file, make_segment, row_of

pytestmark = pytest.mark.integration
CUTOUT = "lsst_alerts/cutouts/1_science_20261122_213005.fits"
TABLE = "lsst_alerts/data/lsst_alerts_20261122.csv"


def run(reason: str = "command") -> list[str]:
    return [told.key for told in sync.run(reason, "me").told]


@pytest.fixture
def moves(bucket, set_up):
    """Return a function that names another bucket, without anything in it."""

    def move() -> None:
        name = f"{bucket.bucket}-2"
        bucket.client.create_bucket(Bucket=name)
        set_up(bucket=name)

    return move


def test_before_anybody_looked_nothing_goes_and_it_is_wanted(session, disk, moves):
    file_id = make_file(disk, CUTOUT, b"abc")
    run()
    moves()

    found = retention.run(Policy.of_settings(config()), NIGHT + timedelta(days=400))

    assert [each for each in found.gone if each.kind != "log"] == []
    assert row_of(session, file_id).confirmed_at is None


def test_another_bucket_gets_everything_that_is_still_here(session, disk, moves):
    kept, gone = make_file(disk, CUTOUT, b"abc"), make_file(disk, TABLE, b"def")
    make_segment(disk, "lsst", b"packets")
    assert len(run()) == 4
    with transaction() as other:
        other.get_one(OutputFile, gone).deleted_at = func.now()
    moves()

    assert query.hosts_to_ring("schedule") == [HOST]
    sent = run("schedule")

    assert len(sent) == 3
    assert CUTOUT in sent
    assert row_of(session, kept).confirmed_at is not None
    assert query.hosts_to_ring("schedule") == []
    assert run() == []
