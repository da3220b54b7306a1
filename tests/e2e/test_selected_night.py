"""A whole night: real packets, the filter's topic, files that a kill does not change, S3, retention."""

import csv
import gzip
import io
import subprocess
import sys
import uuid
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from signal import SIGKILL
from typing import Any

import pytest
from astropy.io import fits

from broker.config import ROOT, config
from broker.db import transaction
from broker.kafka_types import Message
from pipeline.s3 import sync
from pipeline.selected import closing, retention, sources
from pipeline.selected.retention_policy import Policy
from tests import samples
from tests.e2e.system import System, lsst_topic
from tests.environment import inherited
from tests.integration.selected.world import tree
from tests.standins.s3_server import KEY, SECRET, S3Server, s3_server

pytestmark = [pytest.mark.slow, pytest.mark.samples]

COLUMNS = 16
FAR_AWAY = (10.0, -85.0, 0.9, 18.0)
"""A row of the LSPSC; no sample lies near it."""
KINDS = ("science", "template", "difference")
COLLECT_S = 120


@pytest.fixture
def s3() -> Iterator[S3Server]:
    """Run an S3 with one empty bucket."""
    with s3_server() as server:
        yield server


@pytest.fixture
def root(system: System, s3: S3Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the folder that nightly files are written to, by every process of this test."""
    place = s3.settings()
    values = {
        "NIGHTJAR_OUTPUT__ROOT": str(tmp_path / "out"),
        "NIGHTJAR_COLLECT__SELECTED__GROUP_PREFIX": f"nightjar-{uuid.uuid4().hex}-",
        "NIGHTJAR_S3__BUCKET": place.bucket,
        "NIGHTJAR_S3__REGION": place.region,
        "NIGHTJAR_S3__ENDPOINT_URL": str(place.endpoint_url),
        "AWS_ACCESS_KEY_ID": KEY,
        "AWS_SECRET_ACCESS_KEY": SECRET,
        "AWS_EC2_METADATA_DISABLED": "true",
    }
    for name, value in values.items():
        monkeypatch.setenv(name, value)
    config.cache_clear()
    return tmp_path / "out"


def collect(system: System, **settings: str) -> int:
    """Run ``manage.py collect selected``, which may be killed; return how it ended."""
    done = subprocess.run(
        [sys.executable, "manage.py", "collect", "selected"],
        cwd=ROOT,
        env=inherited(system.environment, settings),
        capture_output=True,
        timeout=COLLECT_S,
        check=False,
    )
    return done.returncode


def deleted(now: datetime) -> list[str]:
    """Delete what may go once everything's time is over; return the paths."""
    done = retention.run(Policy.of_settings(config()), now.date() + timedelta(days=90))
    assert done is not None
    return [each.path for each in done.gone]


def chosen() -> dict[int, Any]:
    """Return the real packets of the solar system, which the filter's default asks for."""
    return {one.record["diaSourceId"]: one for one in samples.rubin() if one.record["ssSource"]}


def tables_are_right(root: Path) -> None:
    (path,) = (root / "lsst_alerts" / "data").glob("lsst_alerts_*.csv")
    table = csv.DictReader(path.read_text().splitlines())
    rows = {int(row["diaSourceId"]): row for row in table}
    packets = chosen()

    assert rows.keys() == packets.keys()
    for candid, row in rows.items():
        source = packets[candid].record["diaSource"]
        assert len(row) == COLUMNS
        assert (float(row["ra"]), float(row["dec"])) == (source["ra"], source["dec"])
        for kind in KINDS:
            assert_image(root, row, kind, packets[candid].record[f"cutout{kind.title()}"])


def assert_image(root: Path, row: dict[str, str], kind: str, sent: bytes) -> None:
    (column,) = [name for name in row if kind in name.lower()]
    sent = gzip.decompress(sent) if sent.startswith(b"\x1f\x8b") else sent
    with fits.open(root / row[column]) as kept, fits.open(io.BytesIO(sent)) as original:
        assert (kept[0].data == original[0].data).all()


def test_a_night_reaches_files_and_s3_whoever_is_killed_and_goes_when_its_time_is_over(
    system: System,
    make_input: Callable[..., str],
    load_lspsc: Callable[..., None],
    s3: S3Server,
    root: Path,
):
    load_lspsc([FAR_AWAY])
    make_input("lsst", partitions=1)
    sent = [Message(lsst_topic(), None, one.value, []) for one in samples.rubin()]
    system.start_listeners("lsst")
    system.start_worker()
    system.send(sent)
    system.wait_until_accounted(len(sent))
    assert len(system.selected()) == len(chosen())

    assert collect(system, NIGHTJAR_TESTING__FAILPOINT="csv_appended") == -SIGKILL
    assert collect(system) == 0
    tables_are_right(root)
    before = tree(root)
    assert collect(system) == 0
    assert tree(root) == before

    with transaction() as session:
        target = sources.claim(session, sources.DEFAULT)
    tomorrow = datetime.now(UTC) + timedelta(days=1)
    assert len(closing.close_due(target, tomorrow)) == 1
    night = tree(root)
    assert {path: night[path] for path in before} == before  # closing adds a Parquet beside

    assert deleted(tomorrow) == []
    sync.run("command", "me")
    objects = {sha256(body).hexdigest() for body in s3.objects().values()}
    assert {sha256(body).hexdigest() for body in night.values()} <= objects
    assert set(deleted(tomorrow)) >= night.keys()
    assert tree(root / "lsst_alerts") == {}
