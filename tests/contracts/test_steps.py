"""Every step has a function, a queue with a task, and every step that a notice wants is there."""

from importlib import import_module

import pytest

from broker.celery import QUEUE_OF
from broker.task_modules import TASK_MODULES
from pipeline.gw import life
from pipeline.gw.arrival import Intake
from pipeline.gw.step_registry import CARRIERS, KINDS, PLANNING, TASK_OF, StepKind, kind, named
from pipeline.topics import NOTICE_STREAMS, NoticeStream

OF_A_NOTICE = (
    life.THREAD,
    life.CARD,
    life.PICTURE,
    life.RETRACT,
    life.WITHDRAW,
    life.CARD_AGAIN,
    life.HEADLINE,
    life.REPORT,
    life.DECIDED,
    life.RUN_FAILED,
    life.FOLDERS,
    life.NOTICE_FILES,
    life.PLANS,
    life.PLAN,
    life.UPLOAD,
    life.MARK_RETRACTED,
)


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_a_step_has_its_functions_and_a_task(kind: StepKind):
    for module in TASK_MODULES:
        import_module(module)

    assert callable(named(kind.function))
    assert not kind.ended or callable(named(kind.ended))
    assert QUEUE_OF[TASK_OF[kind.queue]] == kind.queue


def test_a_step_stands_once():
    names = [kind.name for kind in KINDS]

    assert len(names) == len(set(names))


@pytest.mark.parametrize("name", OF_A_NOTICE)
def test_what_a_notice_wants_is_known(name: str):
    assert kind(name).name == name


def test_what_others_ask_of_steps_stands_in_their_lines():
    assert set(PLANNING) == {life.PLANS, life.PLAN}
    assert set(CARRIERS) == {life.UPLOAD, life.REPORT}


@pytest.mark.parametrize("stream", NOTICE_STREAMS, ids=lambda stream: stream.name)
def test_a_stream_of_notices_has_its_intake(stream: NoticeStream):
    assert isinstance(named(stream.intake), Intake)


@pytest.mark.parametrize(
    "name", [life.PICTURE, life.CARD_AGAIN, life.HEADLINE, life.MARK_RETRACTED]
)
def test_no_new_card_waits_for_pictures_and_edits(name: str):
    assert kind(life.THREAD).queue == kind(life.CARD).queue == kind(life.RETRACT).queue
    assert kind(name).queue != kind(life.CARD).queue
