"""The benchmark of answers runs in its smallest form, and every question is answered."""

import json
import subprocess
import sys

import pytest

from tests.bench_api import logins, measure
from tests.database import environment

pytestmark = [pytest.mark.integration, pytest.mark.slow]

LIMIT_S = 600


def test_every_question_is_answered_and_written_down(database, tmp_path):
    out = tmp_path / "figures.json"
    program = (
        "from pathlib import Path; from tests.bench_api.__main__ import measured;"
        " from tests.bench_api.profiles import PROFILES;"
        f" raise SystemExit(measured(PROFILES['smoke'], Path({str(out)!r})))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        env=environment(database),
        capture_output=True,
        text=True,
        timeout=LIMIT_S,
        check=False,
    )

    assert done.returncode == 0, done.stdout + done.stderr
    found = json.loads(out.read_text())
    assert found["alerts"] == 4000
    assert [row["status"] for row in found["questions"]] == [[200]] * len(found["questions"])
    assert set(found["logins"]) >= {name for names in logins.GROUPS.values() for name in names}
    sizes = {row["name"]: row["mean_bytes"] for row in found["questions"]}
    # Ten alerts of some 4 kB each in every cone.
    assert sizes["cone of 10″, alerts (REST)"] > 20_000
    assert sizes["object (REST)"] > 5_000


def test_a_missed_goal_and_a_refusal_are_failures():
    row = {"name": "x", "status": [200], "p95_ms": 51.0, "goal_ms": 50.0}

    assert measure.failures([row]) == ["x: 51 ms, wanted 50"]
    assert measure.failures([row | {"p95_ms": 49.0}]) == []
    assert measure.failures([row | {"goal_ms": None}]) == []
    assert measure.failures([row | {"p95_ms": 1.0, "status": [200, 500]}]) == [
        "x: answered [200, 500]"
    ]


def test_medians_that_tell_who_has_an_account_are_failures():
    alike = {name: 100.0 for names in logins.GROUPS.values() for name in names}

    assert logins.failures(alike) == []
    assert logins.failures(alike | {"inactive": 109.0}) == []
    assert logins.failures(alike | {"inactive": 111.0}) == [
        "log-in refused: medians from 100.0 to 111.0 ms"
    ]
