"""What most tests on rows begin with."""

import pytest
from sqlalchemy.orm import Session

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
