"""Pages on the real parts, with nothing kept from the test before."""

import pytest
from django.test import Client

from broker import limits
from broker.kept import Seen
from pipeline.web import figures, nights, views

KEPT = (
    views._books,
    figures._kept,
    figures._size_of,
    figures._newest_of,
    figures._cluster,
    nights._kept,
)


@pytest.fixture(autouse=True)
def _nothing_kept(parts, session, monkeypatch):
    monkeypatch.setattr(limits, "take", lambda *_, **__: None)
    for each in KEPT:
        each.cache_clear()


@pytest.fixture
def browser():
    return Client(headers={"host": "localhost"})


@pytest.fixture
def figures_of(monkeypatch):
    """Return a function that gives these topics figures, and the others none."""

    def give(*topics):
        shown = {
            name: figures.TopicFigures(
                kept=123_456,
                last_5_minutes=50,
                last_hour=600,
                last_day=1000,
                week_mean=900.0,
                last_at_s=1.0,
                newest=(0, 9, 0),
            )
            for name in topics
        }
        monkeypatch.setattr(figures, "figures", lambda: Seen(shown, 0.0, 0.0))
        monkeypatch.setattr(figures, "mean_bytes", lambda _: 10_000.0)

    return give


@pytest.fixture
def no_kafka(monkeypatch):
    monkeypatch.setattr(figures, "figures", lambda: None)
