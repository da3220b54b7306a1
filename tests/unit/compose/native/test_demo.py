"""Whoever stops the parts ends the demo first."""

import os
import subprocess
import sys

import pytest

from compose.native import demo

HOLD = """
import fcntl, os, sys, time
file = open(sys.argv[1], "a+")
fcntl.flock(file, fcntl.LOCK_EX)
file.write(str(os.getpid()))
file.flush()
print("held", flush=True)
time.sleep(600)
"""


@pytest.fixture
def running(home):
    """A process that holds the demo's lock."""
    command = [sys.executable, "-c", HOLD, str(home.run / "demo.lock")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout.readline() == "held\n"
        yield process
        process.kill()


def test_without_a_demo_there_is_nothing_to_end(home):
    (home.run / "demo.lock").write_text(str(os.getpid()))  # of one that has ended

    assert demo.holder(home) is None
    assert demo.end(home) is False


def test_a_demo_is_told_and_waited_for(home, running, capsys):
    assert demo.holder(home) == running.pid

    assert demo.end(home) is True

    assert running.wait() != 0
    assert f"pid {running.pid}" in capsys.readouterr().out


def test_a_demo_that_stops_its_own_parts_is_left_alone(home, running, monkeypatch):
    monkeypatch.setattr(os, "getppid", lambda: running.pid)

    assert demo.end(home) is False
    assert running.poll() is None
