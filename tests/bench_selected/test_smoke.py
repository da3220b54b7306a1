"""The benchmark of selected alerts runs in its smallest form, and its figures are judged."""

import json

import pytest

from broker.config import config
from tests.bench_selected.run import PROFILES, Figures, Profile, failures, run
from tests.integration.selected.conftest import root

pytestmark = [pytest.mark.integration, pytest.mark.slow, pytest.mark.xdist_group("kafka")]

__all__ = ["root"]


def test_every_packet_becomes_a_line_and_three_cutouts(kafka, database, root, monkeypatch):
    monkeypatch.setattr("tests.environment.point_at", lambda values: _set(monkeypatch, values))

    found = run(PROFILES["smoke"], root.parent)

    assert found.failures == []
    assert json.loads(found.as_json())["alerts"] == 60


def _set(monkeypatch, values):
    for name, value in values.items():
        monkeypatch.setenv(name, value)
    config.cache_clear()


def test_too_slow_and_too_few_are_failures(tmp_path, monkeypatch):
    monkeypatch.setattr("tests.integration.selected.world.table_of_rows", lambda _: True)
    figures = Figures("x", 9, 1, 61.0, 1.0, (1, 1, 1))

    told = list(failures(Profile("x", 10, 60.0), figures, tmp_path))

    assert told == ["9 rows of 10 messages", "0 cutouts of 10 alerts", "61.0 s, wanted 60"]
