"""The benchmark in its smallest form, whole: it runs, balances, and notices when it is spoilt."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from broker.config import ROOT
from tests.environment import inherited

LONGEST_S = 900

pytestmark = [pytest.mark.e2e, pytest.mark.slow, pytest.mark.xdist_group("bench")]
"""It starts servers of its own, so it need not wait for the tests that share one broker."""


def test_the_smoke_form_balances_and_its_books_notice_every_fault(tmp_path: Path):
    figures = tmp_path / "figures.json"
    alone = {  # but for what points at the tests' parts
        name: text
        for name, text in inherited().items()
        if not name.startswith("NIGHTJAR_") or name.startswith("NIGHTJAR_TESTING__")
    }

    done = subprocess.run(
        [sys.executable, "-m", "tests.bench", "smoke", "--json", str(figures)],
        cwd=ROOT,
        env=alone,
        capture_output=True,
        text=True,
        timeout=LONGEST_S,
        check=False,
    )

    assert done.returncode == 0, done.stdout[-5000:] + done.stderr[-5000:]
    found = json.loads(figures.read_text())
    assert found["problems"] == []
    assert set(found["surveys"]) == {"ztf", "lsst"}
    assert all(one["naive"]["is_same"] for one in found["surveys"].values())
    assert len(found["spoilt"]) == 3
    assert all(found["spoilt"].values()), found["spoilt"]
