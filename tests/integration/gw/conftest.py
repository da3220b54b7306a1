"""What tests of GW follow-up share."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy.orm import Session

from broker.archive import Slice
from broker.config import config
from pipeline.gw import intake, life, step_registry, steps
from pipeline.gw.arrival import Arrival, Stored
from pipeline.gw.step_registry import StepKind
from pipeline.gw.store import store
from tests.standins.webdav_server import PASSWORD, USER, WebDavServer, webdav_server

NAMES = (
    "thread",
    "card",
    "card_again",
    "headline",
    "picture",
    "retract",
    "withdraw",
    "folders",
    "notice_files",
    "plans",
    "plan",
    "report",
)
NOW = datetime(2026, 11, 21, 21, tzinfo=UTC)

Take = Callable[..., Stored]


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


def nothing(_step: steps.Step) -> steps.Outcome:
    """Do nothing."""
    return steps.Done()


@pytest.fixture
def kinds(monkeypatch: pytest.MonkeyPatch) -> None:
    """Know every step of a notice; none of them does anything."""
    place = f"{__name__}:nothing"
    every = tuple(StepKind(name, place, "gw", attempts=3) for name in NAMES)
    monkeypatch.setattr(step_registry, "KINDS", every)


@pytest.fixture
def bells(monkeypatch: pytest.MonkeyPatch) -> list[tuple[object, ...]]:
    """Return what is rung: task, queue and arguments."""
    rung: list[tuple[object, ...]] = []
    monkeypatch.setattr(steps, "enqueue", lambda *ring: rung.append(ring))
    return rung


@pytest.fixture
def archive(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a folder of this test's own for the archive."""
    settings = config()
    mine = settings.archive.model_copy(update={"path": str(tmp_path)})
    monkeypatch.setattr(
        "pipeline.gw.reception.config", lambda: settings.model_copy(update={"archive": mine})
    )
    return tmp_path


@pytest.fixture
def take(session: Session, kinds: None) -> Take:
    """Return a function that stores one notice."""

    def one(raw: bytes, rules: life.Rules | None = None) -> Stored:
        arrival = Arrival("igwn.gwalert", 1, 0, 0, NOW, NOW, Slice(1, 0, len(raw), 0))
        return store(session, intake.judge(raw), arrival, rules or life.Rules())

    return one
