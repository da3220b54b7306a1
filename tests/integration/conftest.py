"""What most tests on rows begin with."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from sqlalchemy.orm import Session

from broker.config import config
from broker.ranges import second_tries
from broker.ranges.tables import Source
from tests.factories import make_source


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Ids of the dead letters that are sent once more, which nobody does."""
    ids: list[int] = []
    monkeypatch.setattr(second_tries, "retry_letters", lambda _s, more, *_: ids.extend(more))
    monkeypatch.setattr(second_tries, "ask_brokers", lambda _ids: {})
    return ids


@pytest.fixture
def source(session: Session) -> Source:
    """A log that packets came from."""
    return make_source(session)


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
