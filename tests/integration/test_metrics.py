"""What processes of one port count together, served to whoever asks."""

import subprocess
import sys
import urllib.request

import pytest

from compose.native.home import ROOT
from compose.native.ports import drawn
from tests.environment import inherited

pytestmark = pytest.mark.integration

LEADER = """
import os, sys, time
from broker import metrics, metrics_serving
assert metrics_serving.serve()
metrics.KAFKA_READ.labels("ztf").inc(5)
for rank in range(2):
    if not os.fork():
        metrics.KAFKA_READ.labels("ztf").inc(10)
        metrics.LATENCY.observe(0.2)
        metrics.RANGES_IN_FLIGHT.labels("ztf").set(3)
        if rank == 0:
            os._exit(0)
        time.sleep(60)
os.wait()
print("ready", flush=True)
sys.stdin.read()
os.killpg(0, 9)
"""


@pytest.fixture
def port():
    return drawn(1).web


@pytest.fixture
def leader(port, tmp_path):
    (tmp_path / str(port)).mkdir()
    (tmp_path / str(port) / "counter_999999999.db").write_bytes(b"left by an earlier run")
    process = subprocess.Popen(
        [sys.executable, "-c", LEADER],
        env=inherited(
            {"NIGHTJAR_METRICS__PORT": str(port), "NIGHTJAR_METRICS__FOLDER": str(tmp_path)}
        ),
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        start_new_session=True,
    )
    assert b"ready\n" in process.stdout  # behind what it logs
    yield process
    process.communicate()


def served(port):
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=5) as reply:
        lines = reply.read().decode().splitlines()
    return dict(line.rsplit(" ", 1) for line in lines if not line.startswith("#"))


def test_one_port_tells_of_all_processes_and_of_those_that_are_gone(leader, port, tmp_path):
    first, again = served(port), served(port)

    assert first['kafka_consumer_alert_processed_total{survey="ztf"}'] == "25.0"
    assert first['alert_latency_seconds_bucket{le="0.25"}'] == "2.0"
    assert first["alert_latency_seconds_count"] == "2.0"
    assert first['range_inflight{stream="ztf"}'] == "3.0"  # of the one that lives
    assert float(first["process_resident_memory_bytes"]) > 0
    assert again['kafka_consumer_alert_processed_total{survey="ztf"}'] == "25.0"
    pids = {file.stem.rpartition("_")[2] for file in (tmp_path / str(port)).glob("*.db")}
    assert len(pids) == 3  # leader, child, and what the dead child counted
    assert "folded" in pids


def test_a_port_that_is_taken_stops_nothing_and_leaves_its_owners_files(leader, port, tmp_path):
    done = subprocess.run(
        [sys.executable, "-c", "from broker import metrics_serving as m; print(m.serve())"],
        env=inherited(
            {"NIGHTJAR_METRICS__PORT": str(port), "NIGHTJAR_METRICS__FOLDER": str(tmp_path)}
        ),
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )

    assert done.stdout.endswith("False\n")
    assert served(port)['kafka_consumer_alert_processed_total{survey="ztf"}'] == "25.0"


def test_without_a_port_nothing_is_written_or_served(tmp_path):
    code = (
        "from broker import metrics, metrics_serving as m;"
        "metrics.LATENCY.observe(1); print(m.serve())"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        env=inherited({"NIGHTJAR_METRICS__FOLDER": str(tmp_path), "NIGHTJAR_METRICS__PORT": "0"}),
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )

    assert done.stdout.endswith("False\n")
    assert not list(tmp_path.iterdir())
