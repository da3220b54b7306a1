"""What most tests on rows begin with."""

import pytest
from sqlalchemy.orm import Session

from broker.ranges.tables import Source
from tests.factories import make_source


@pytest.fixture
def source(session: Session) -> Source:
    """A log that packets came from."""
    return make_source(session)
