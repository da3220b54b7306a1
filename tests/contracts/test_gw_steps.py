"""Every step and every stream of notices leads to code that is there."""

import pytest

from broker.celery import LIMITS_S
from pipeline.gw.arrival import Intake
from pipeline.gw.step_registry import KINDS, TASK_OF, named
from pipeline.topics import NOTICE_STREAMS


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_a_step_has_a_function_and_a_task_with_limits(kind):
    assert callable(named(kind.function))
    assert not kind.ended or callable(named(kind.ended))
    assert kind.queue in TASK_OF.keys() & LIMITS_S.keys()


def test_no_two_steps_share_a_name():
    assert len({kind.name for kind in KINDS}) == len(KINDS)


@pytest.mark.parametrize("stream", NOTICE_STREAMS, ids=lambda stream: stream.name)
def test_a_stream_of_notices_has_an_intake(stream):
    assert isinstance(named(stream.intake), Intake)


def test_no_topic_is_read_twice():
    topics = [topic for stream in NOTICE_STREAMS for topic in stream.topics]

    assert len(set(topics)) == len(topics)
