"""The benchmark of selected alerts runs in its smallest form, and its figures are judged."""

import json

import pytest

from broker.config import config
from tests.bench_selected import memory
from tests.bench_selected.consumer import Consumed
from tests.bench_selected.run import PROFILES, Profile, failures, run
from tests.integration.selected.conftest import root

pytestmark = [pytest.mark.integration, pytest.mark.slow, pytest.mark.xdist_group("kafka")]

__all__ = ["root"]


def test_every_packet_becomes_a_line_and_three_cutouts(kafka, database, root, monkeypatch):
    monkeypatch.setattr("tests.environment.point_at", lambda values: _set(monkeypatch, values))

    found = run(PROFILES["smoke"], root.parent)

    assert found.failures == []
    assert json.loads(found.as_json())["consumed"]["written"] == 60
    assert any(line.endswith(".csv") for line in found.lines())


def _set(monkeypatch, values):
    for name, value in values.items():
        monkeypatch.setenv(name, value)
    config.cache_clear()


def test_too_slow_and_too_few_are_failures(tmp_path, monkeypatch):
    monkeypatch.setattr("tests.integration.selected.world.table_of_rows", lambda _: True)
    flat = [(at, 100) for at in range(11)]

    told = list(failures(Profile("x", 10, 60.0), Consumed(9, 61.0, 1.0, flat), tmp_path))

    assert told == [
        "9 rows of 10 messages",
        "0 cutouts of 10 alerts",
        "0 rows in Parquet of 10 alerts",
        "61.0 s, wanted 60",
    ]


@pytest.mark.parametrize(
    ("samples", "told"),
    [
        ([(at * 250, 300e6 if at > 4 else 60e6 * at) for at in range(41)], []),
        (
            [(at * 250, 200e6 + at * 10e6) for at in range(41)],
            [
                "memory grew by 200 MB over the last half, of 440",
                "memory rose to 600 MB, where 440 are usual",
            ],
        ),
        (
            [(at * 250, 300e6 + 200e6 * (at == 20)) for at in range(41)],
            ["memory rose to 500 MB, where 300 are usual"],
        ),
    ],
)
def test_memory_is_flat_once_it_is_warm(samples, told):
    assert list(memory.failures(samples)) == told


def test_the_most_of_each_thousand_is_shown():
    assert memory.every_thousand([(0, 1), (250, 5), (1000, 3), (1250, 4), (2001, 2)]) == [5, 4, 2]
