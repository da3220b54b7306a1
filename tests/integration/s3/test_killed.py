"""A process that carries a file to S3 is killed with -9: whoever follows finishes it."""

import os
import signal
import subprocess
import sys

import pytest
from sqlalchemy import select, update

from broker.config import ROOT
from broker.db import transaction
from pipeline.s3 import sync
from pipeline.s3.tables import S3Upload
from pipeline.selected.tables import OutputFile
from tests.database import environment
from tests.integration.s3.conftest import make_file

pytestmark = [pytest.mark.integration, pytest.mark.slow]

KILLED_AT = ("s3_claimed", "s3_part_sent", "s3_sent", "s3_proved")
FILE = "archive.fits"
RUN = "from pipeline.s3 import sync; sync.run('command', 'doomed')"
PARTS = 2


@pytest.mark.parametrize("place", KILLED_AT)
def test_a_killed_process_is_followed_by_one_that_sends_what_is_missing(
    database, bucket, disk, place
):
    content = os.urandom(9 * 10**6)
    make_file(disk, FILE, content)
    mortal = environment(database) | {"NIGHTJAR_TESTING__FAILPOINT": place}
    died = subprocess.run([sys.executable, "-c", RUN], cwd=ROOT, env=mortal, check=False)
    assert died.returncode == -signal.SIGKILL
    with transaction() as session:
        assert session.scalars(select(OutputFile.confirmed_at)).all() == [None]
        session.execute(update(S3Upload).values(lease_until=S3Upload.created_at))

    sync.run("schedule", "next")

    assert bucket.objects() == {FILE: content}
    assert bucket.puts() == PARTS
    assert "Uploads" not in bucket.client.list_multipart_uploads(Bucket=bucket.bucket)
    with transaction() as session:
        assert session.scalars(select(S3Upload.state)).all() == ["done"]
        assert session.scalars(select(OutputFile.s3_state)).all() == ["confirmed"]
