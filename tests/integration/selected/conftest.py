"""What tests of selected alerts share: folders of their own, and a place to die at."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from broker.config import config

PLACES = ("reception", "writer", "closing")


class Died(BaseException):
    """What kill -9 is to a test of one process."""


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Return the folder that output is written to; the archive lies beside it."""
    monkeypatch.setenv("NIGHTJAR_OUTPUT__ROOT", str(tmp_path / "out"))
    monkeypatch.setenv("NIGHTJAR_OUTPUT__HOST", "here")
    monkeypatch.setenv("NIGHTJAR_ARCHIVE__PATH", str(tmp_path / "archive"))
    config.cache_clear()
    yield tmp_path / "out"
    monkeypatch.undo()  # all at once: a test that moves to another host would bring ours back
    config.cache_clear()


@pytest.fixture
def die_at(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Return a function that names the place where the next process dies; empty: nowhere."""

    def at(place: str) -> None:
        def die(name: str) -> None:
            if name == place:
                raise Died

        for module in PLACES:
            monkeypatch.setattr(f"pipeline.selected.{module}.failpoint", die)

    return at
