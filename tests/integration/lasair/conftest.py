"""What tests of Lasair's streams share: a folder for output, settings, rows made quickly."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from broker.config import config


@pytest.fixture
def set_up(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., None]]:
    """Return a function that sets settings, as section__name=value."""

    def give(**settings: Any) -> None:
        for name, value in settings.items():
            monkeypatch.setenv(f"NIGHTJAR_{name.upper()}", str(value))
        config.cache_clear()

    yield give
    monkeypatch.undo()
    config.cache_clear()


@pytest.fixture
def root(tmp_path: Path, set_up: Callable[..., None]) -> Path:
    """Return the folder of all output, and let the archive lie beside it."""
    set_up(
        output__root=tmp_path / "output",
        output__host="here",
        archive__path=tmp_path / "archive",
        alerce__ztf_url="",
        alerce__lsst_url="",
        alerce__requests_per_s=1000,
    )
    return tmp_path / "output"
