"""A small sky, and an account that asks about it."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.core.cache import cache
from django.test import Client
from sqlalchemy.orm import Session

from accounts.models import BabamulUser
from accounts.tokens import new_personal
from broker.config import config
from pipeline.catalogs.known import LSPSC
from tests.integration.api.world import load_rows, store_packets

FAR_AWAY = {"id": 1, "ra": 10.0, "dec": -85.0, "score": 0.9, "mag_white": 18.0}


@pytest.fixture
def archive(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, parts: Any) -> Any:
    """The folder that packets are kept in."""
    monkeypatch.setenv("NIGHTJAR_ARCHIVE__PATH", str(tmp_path))
    config.cache_clear()
    yield tmp_path
    monkeypatch.undo()
    config.cache_clear()


@pytest.fixture
def store(session: Session, archive: Path) -> Callable[..., None]:
    """A function that stores packets of a survey."""
    load_rows(session, LSPSC, [FAR_AWAY])

    def keep(survey: str, *values: bytes) -> None:
        store_packets(session, survey, values, archive)

    return keep


@pytest.fixture
def user(db: None) -> BabamulUser:
    """An active account."""
    return BabamulUser.objects.create(
        email="ada@example.org", username="ada", password="!", state="active"
    )


@pytest.fixture
def api(session: Session, user: BabamulUser) -> Client:
    """A program with that account's token."""
    _, token = new_personal(user, "tests")
    return Client(headers={"host": "localhost", "authorization": f"Bearer {token}"})


@pytest.fixture(autouse=True)
def _forget_answers() -> None:
    cache.clear()
