"""What tests of GW follow-up share."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from broker.config import config
from tests.standins.webdav_server import PASSWORD, USER, WebDavServer, webdav_server


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
def server(tmp_path: Path) -> Iterator[WebDavServer]:
    """A WebDAV server with an empty folder."""
    (tmp_path / "dav").mkdir()
    with webdav_server(tmp_path / "dav") as running:
        yield running


@pytest.fixture
def cloud(server: WebDavServer, set_up: Callable[..., None]) -> WebDavServer:
    """The same server, named in the settings."""
    settings = server.settings()
    set_up(
        owncloud__url=settings.url,
        owncloud__user=USER,
        owncloud__password=PASSWORD,
        owncloud__read_timeout_s=settings.read_timeout_s,
    )
    return server
