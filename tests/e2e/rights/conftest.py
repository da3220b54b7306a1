"""People with an account, and topics that are theirs to read or not."""

import uuid
from collections.abc import Iterator

import pytest

from accounts.principals import Reader
from broker.kafka import Producer, own_connection
from broker.kafka_admin import TopicSpec, ensure_topics
from broker.kafka_connection import Principal
from broker.kafka_types import Message
from tests import native
from tests.e2e.rights.readers import DAY_MS, KINDS, granted, new_reader


@pytest.fixture(params=KINDS)
def person(request: pytest.FixtureRequest, topics_made: native.Parts) -> Iterator[Reader]:
    """A principal of each kind, gone afterwards."""
    with granted(new_reader(request.param), topics_made) as reader:
        yield reader


@pytest.fixture
def other(topics_made: native.Parts) -> Iterator[Reader]:
    """Somebody else's named credential."""
    with granted(new_reader("named"), topics_made) as reader:
        yield reader


@pytest.fixture
def public_topic(topics_made: native.Parts) -> str:
    """A topic that every account may read, with one message."""
    return topic_with(b"alert", f"babamul.test.{uuid.uuid4().hex[:8]}", "admin")


@pytest.fixture
def input_topic(topics_made: native.Parts) -> str:
    """A topic of packets, with one message; people have no business there."""
    return topic_with(b"packet", f"lsst-alerts-rights-{uuid.uuid4().hex[:8]}", "feed")


def topic_with(value: bytes, name: str, principal: Principal) -> str:
    """Make a topic with one message of a principal of ours; return its name."""
    ensure_topics([TopicSpec(name, 1, DAY_MS)])
    assert Producer(own_connection(principal)).send([Message(name, None, value, [])]) == [None]
    return name
