"""Every stream of notices leads to code that is there."""

import pytest

from pipeline.gw.arrival import Intake
from pipeline.gw.step_registry import named
from pipeline.topics import NOTICE_STREAMS


@pytest.mark.parametrize("stream", NOTICE_STREAMS, ids=lambda stream: stream.name)
def test_a_stream_of_notices_has_an_intake(stream):
    assert isinstance(named(stream.intake), Intake)


def test_no_topic_is_read_twice():
    topics = [topic for stream in NOTICE_STREAMS for topic in stream.topics]

    assert len(set(topics)) == len(topics)
