"""What the workers' own words make of their part's state."""

import pytest

from broker import health_parts
from broker.config import Config
from broker.queues import LIMITS_S, QUEUES, wanted
from broker.sections.telescope import BEAM


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


@pytest.fixture
def with_telescopes(monkeypatch):
    """Let the settings name a telescope."""
    settings = Config(telescopes={"beam": BEAM})
    monkeypatch.setattr(health_parts, "config", lambda: settings)


def finding():
    (found,) = health_parts.workers()
    return found


def test_every_queue_served_is_well(answers):
    answers(*[((queue,), ()) for queue in LIMITS_S])

    assert (finding().state, finding().text) == ("ok", f"{len(LIMITS_S)} answer")


@pytest.mark.usefixtures("with_telescopes")
@pytest.mark.parametrize("queue", QUEUES, ids=lambda queue: queue.name)
def test_a_queue_that_nobody_serves_is_named_by_what_does_not_work(answers, queue):
    answers((set(LIMITS_S) - {queue.name}, ()))

    found = finding()

    assert found.text == f"no worker serves the queue {queue.name}: {queue.without}"
    assert found.state == ("down" if queue.is_needed else "warning")


def test_without_a_telescope_nobody_misses_the_queues_of_the_bus(answers):
    answers((set(LIMITS_S) - {"commands", "telescope_data"}, ()))

    assert finding().state == "ok"


def test_what_is_down_without_a_worker():
    needed = {queue.name for queue in wanted(Config()) if queue.is_needed}
    assert needed == {"alerts", "upkeep", "accounts", "notify"}


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
