"""A process that ends by itself is named with its last words."""

import sys
import time

import pytest

from compose.native import crashes, processes
from compose.native.cli import main
from compose.native.home import ROOT
from compose.native.processes import Command

WITHIN_S = 30.0


@pytest.fixture
def supervised(home):
    """Return a function that runs Python code under a supervisor."""
    names = []

    def start(name, code):
        argv = (sys.executable, str(ROOT / "compose" / "native"), "supervise", name)
        command = Command(
            (*argv, "--", sys.executable, "-c", code),
            cwd=str(ROOT),
            environment={"NIGHTJAR_HOME": str(home.path)},
        )
        processes.spawn(home, name, command)
        names.append(name)

    yield start
    for name in names:
        processes.stop(home, name, processes.signal.SIGTERM, 10)


def until(check):
    give_up_at = time.monotonic() + WITHIN_S
    while not (seen := check()):
        assert time.monotonic() < give_up_at
        time.sleep(0.05)
    return seen


def test_nothing_runs_nothing_crashed(home):
    assert crashes.found(home) == []


def test_a_process_that_dies_is_named_with_its_last_words(home, supervised):
    supervised("worker-gw", "raise ImportError('no module named plans')")

    (crash,) = until(lambda: crashes.found(home))

    assert crash.name == "worker-gw"
    assert crash.times >= 1
    assert any("no module named plans" in line for line in crash.last_lines)
    assert "python compose/native logs worker-gw" in crash.text


def test_a_process_that_lives_is_not_named(home, supervised):
    supervised("worker-gw", "import time; time.sleep(600)")
    until(lambda: processes.running(home, "worker-gw.child"))

    assert crashes.found(home) == []


def test_the_verb_tells_programs_and_fails(home, supervised, monkeypatch, capsys):
    monkeypatch.setenv("NIGHTJAR_HOME", str(home.path))
    assert main(["crashed"]) == 0

    supervised("beat", "raise SystemExit(3)")
    until(lambda: crashes.found(home))

    assert main(["crashed", "--json"]) == 1
    assert '"name": "beat"' in capsys.readouterr().out
