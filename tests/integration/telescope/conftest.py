"""Two telescopes on the bus of a real broker, with topics of their own for each test."""

import json
import uuid
from collections.abc import Callable
from typing import Any

import pytest

from broker import kafka_admin
from broker.config import config
from broker.sections.telescope import BEAM
from pipeline import bootstrap
from pipeline.telescope.record import Telescope, telescope
from pipeline.telescope.topics import telescope_topics
from tests import native


def records(*names: str, **changes: Any) -> str:
    """Return the setting of telescopes like BEAM, each with topics of its own name."""
    record = BEAM.model_dump() | {"topic_prefix": "", "title": ""} | changes
    return json.dumps(dict.fromkeys(names, record))


def word() -> str:
    """Return a name of a telescope that no other test has."""
    return f"t{uuid.uuid4().hex[:10]}"


@pytest.fixture
def two(kafka: native.Parts, set_up: Callable[..., None]) -> tuple[Telescope, Telescope]:
    """Two telescopes with their topics, and the pipeline's rights on them."""
    names = word(), word()
    set_up(telescopes=records(*names))
    kafka_admin.ensure_topics(telescope_topics(config()))
    kafka_admin.ensure_acls(bootstrap.service_acls(config()))
    one, other = names
    return telescope(one), telescope(other)
