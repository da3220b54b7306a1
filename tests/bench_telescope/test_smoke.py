"""The benchmark of the data sink runs in its smallest form, and its figures are judged."""

import json

import pytest

from broker.config import config
from tests.bench_telescope.run import PROFILES, Figures, Profile, Stage, failures, run

pytestmark = [pytest.mark.integration, pytest.mark.slow, pytest.mark.xdist_group("kafka")]


def test_every_message_becomes_a_row(kafka, real_registry, database, tmp_path, monkeypatch):
    monkeypatch.setattr("tests.bench_telescope.run.point_at", lambda v: _set(monkeypatch, v))
    monkeypatch.setenv("NIGHTJAR_ARCHIVE__PATH", str(tmp_path / "archive"))

    found = run(PROFILES["smoke"], tmp_path)

    assert found.failures == []
    assert json.loads(found.as_json())["small"]["messages"] == 2000
    assert "2,000 messages of 200 bytes" in found.lines()[0]


def _set(monkeypatch, values):
    for name, value in values.items():
        monkeypatch.setenv(name, value)
    config.cache_clear()


def test_too_slow_too_large_and_too_few_are_failures():
    stage = Stage(1000, 1.0, 1.0, 0.1, 700_000_000)
    found = Figures("x", stage, stage, 1.0, 1.0, 1)

    assert list(failures(Profile("x", 1000, 1, 5000.0), found, "2 rows")) == [
        "2 rows",
        "1,000 messages/s, wanted 5,000",
        "a worker process took 700 MB, wanted 600",
    ]
