"""The drill on three brokers, two hosts of workers and a replica: nothing lost, little repeated."""

import json
import subprocess
import sys

import pytest

from broker.config import ROOT
from tests.environment import inherited

pytestmark = [pytest.mark.cluster, pytest.mark.slow]


def test_one_of_several_may_be_killed(tmp_path):
    report = tmp_path / "drill.json"
    words = ("-m", "tests.drill", "--cluster", "--short", "--patience", "3", "--json", str(report))

    done = subprocess.run(
        [sys.executable, *words],
        cwd=ROOT,
        # Not in the test's own folder: Postgres, which is another user where we are root, goes in.
        env=inherited({"DRILL_HOME": ".nightjar/drill-cluster"}),
        capture_output=True,
        text=True,
        timeout=1800,
        check=False,
    )

    assert done.returncode == 0, done.stdout + done.stderr
    found = json.loads(report.read_text())["cases"]
    assert {case["fault"] for case in found} == {"C1", "C2", "C3"}
    assert [case["lost"] for case in found] == [0] * len(found)
    assert all(case["sent"] > 0 for case in found)
