"""What tests of Lasair's streams share: a folder for output, settings, rows made quickly."""

from collections.abc import Callable
from pathlib import Path

import pytest


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
