"""What the workers' own words make of their part's state."""

import pytest

from broker import health_parts
from broker.celery import LIMITS_S


@pytest.fixture
def answers(monkeypatch):
    """Return a function that lets workers answer: queues and modules left out of each."""

    def give(*workers):
        replies = [
            {f"worker-{at}": {"queues": list(queues), "left_out": list(left_out)}}
            for at, (queues, left_out) in enumerate(workers)
        ]
        monkeypatch.setattr(
            "celery.app.control.Control.broadcast", lambda *_args, **_options: replies
        )

    monkeypatch.setattr(health_parts, "_seen_at_s", {})
    return give


def finding():
    (found,) = health_parts.workers()
    return found


def test_every_queue_served_is_well(answers):
    answers(*[((queue,), ()) for queue in LIMITS_S])

    assert (finding().state, finding().text) == ("ok", "7 answer")


@pytest.mark.parametrize(("queue", "words"), health_parts.WITHOUT.items())
def test_a_queue_that_nobody_serves_is_named_by_what_does_not_work(answers, queue, words):
    answers((set(LIMITS_S) - {queue}, ()))

    found = finding()

    assert found.text == f"no worker serves the queue {queue}: {words}"
    assert found.state == ("down" if queue in health_parts.NEEDED else "warning")


def test_every_queue_has_its_words():
    assert health_parts.WITHOUT.keys() == LIMITS_S.keys()
    assert LIMITS_S.keys() >= health_parts.NEEDED


def test_a_module_that_was_left_out_is_named_once(answers):
    answers((LIMITS_S, ["pipeline.gw.tasks"]), (LIMITS_S, ["pipeline.gw.tasks"]))

    found = finding()

    assert found.state == "down"
    assert found.text == "pipeline.gw.tasks cannot be imported, see the workers' logs"
    assert found.facts["left_out"] == ["pipeline.gw.tasks"]


def test_a_worker_that_answers_late_once_is_not_missed(answers, monkeypatch):
    answers((LIMITS_S, ()))
    finding()
    answers()

    assert finding().state == "ok"

    monkeypatch.setattr(health_parts, "WORKER_SILENT_S", 0.0)
    assert finding().state == "down"
