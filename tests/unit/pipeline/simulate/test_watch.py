"""The demo names a process that does not live, and ends when nothing can flow."""

import subprocess
import sys

import pytest

from pipeline.simulate import watch
from pipeline.simulate.watch import Watch


def crash(name, times=2, *lines):
    return {"name": name, "times": times, "last_lines": list(lines)}


@pytest.fixture
def watched(monkeypatch):
    """A watch that looks each time; what it is told and what it tells are lists."""
    monkeypatch.setattr(watch, "OFTEN_S", 0.0)
    crashes, told = [], []
    return Watch(lambda: list(crashes), told.append), crashes, told


def test_a_process_that_does_not_live_is_named_with_its_last_words_and_what_to_do(watched):
    seen, crashes, told = watched
    crashes.append(crash("worker-gw", 1, "Traceback", "ImportError: no plans"))

    assert seen.look()

    (text,) = told
    assert "worker-gw ended by itself once" in text
    assert "ImportError: no plans" in text
    assert "python compose/native logs worker-gw" in text
    assert "make doctor" in text


def test_it_is_named_again_when_it_ends_again_and_again_and_then_no_more(watched):
    seen, crashes, told = watched
    for times in (1, 1, 2, 3, 9):
        crashes[:] = [crash("beat", times)]
        seen.look()

    assert len(told) == 2
    assert "2 times" in told[1]


@pytest.mark.parametrize(
    ("names", "goes_on"),
    [
        ([], True),
        (["worker-gw", "beat", "web"], True),
        (["listen-lsst"], True),
        (["listen-ztf", "listen-lsst"], False),
        (["worker-alerts"], False),
    ],
)
def test_only_where_nothing_can_flow_the_demo_ends(watched, names, goes_on):
    seen, crashes, _ = watched
    crashes.extend(crash(name) for name in names)

    assert seen.look() is goes_on


def test_one_end_alone_is_no_reason_to_give_up(watched):
    seen, crashes, _ = watched
    crashes.append(crash("worker-alerts", 1))

    assert seen.look()


def test_it_does_not_look_at_every_moment(monkeypatch):
    asked = []
    seen = Watch(lambda: asked.append(1) or [], print)

    seen.look()
    seen.look()

    assert len(asked) == 1


@pytest.mark.parametrize(
    "error", [OSError("gone"), subprocess.TimeoutExpired("x", 1), ValueError()]
)
def test_a_look_that_fails_is_told_and_ends_nothing(error):
    def fail():
        raise error

    told = []

    assert Watch(fail, told.append).look()
    assert "cannot be seen" in told[0]


def test_an_answer_is_read_also_from_a_program_that_ends_with_1():
    code = 'print(\'[{"name": "beat"}]\'); raise SystemExit(1)'

    assert watch.ask([sys.executable, "-c", code]) == [{"name": "beat"}]


def test_an_answer_that_cannot_be_read_is_an_error():
    with pytest.raises(ValueError, match="Expecting value"):
        watch.ask([sys.executable, "-c", ""])
