"""Processes that we started, and only they."""

import os
import signal
import subprocess
import sys
from dataclasses import replace

import pytest

from compose.native import processes
from compose.native.processes import Command, Record

SLEEP = Command((sys.executable, "-c", "import time; time.sleep(600)"), cwd="/")
DEAF = """
import signal, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
print("deaf", flush=True)
time.sleep(600)
"""
STUBBORN = Command((sys.executable, "-c", DEAF), cwd="/")


@pytest.fixture
def home(home):
    yield home
    processes.stop(home, "part", signal.SIGKILL, 5)


def test_a_started_process_is_recognised_and_leads_its_own_session(home):
    record = processes.spawn(home, "part", SLEEP, [1234])

    assert processes.running(home, "part") == record
    assert record.ports == (1234,)
    assert os.getsid(record.pid) == record.pid


def test_a_later_process_of_the_same_id_is_not_taken_for_ours(home):
    record = processes.spawn(home, "part", SLEEP)
    stranger = replace(record, started=record.started - 1)
    processes.write_record(home, "other", stranger)

    stopped = processes.stop(home, "other", signal.SIGKILL, 5)

    assert not stopped
    assert record.is_alive


def test_a_stopped_process_is_gone_with_its_record(home):
    record = processes.spawn(home, "part", SLEEP)

    stopped = processes.stop(home, "part", signal.SIGTERM, 5)

    assert stopped
    assert not record.is_alive
    assert processes.read_record(home, "part") is None


def test_a_process_that_does_not_hear_is_killed(home):
    record = processes.spawn(home, "part", STUBBORN)
    while "deaf" not in (home.logs / "part.log").read_text():
        assert record.is_alive

    processes.stop(home, "part", signal.SIGTERM, 0.2)

    assert not record.is_alive


def test_a_zombie_does_not_run():
    with subprocess.Popen([sys.executable, "-c", ""]) as ended:
        os.waitid(os.P_PID, ended.pid, os.WEXITED | os.WNOWAIT)

        assert processes.start_mark(ended.pid) is None


def test_a_process_that_never_was_does_not_run():
    assert not Record(2**22 + 1, 1.0, (), ()).is_alive


def test_a_long_log_is_put_aside(home, monkeypatch):
    monkeypatch.setattr(processes, "LOG_LIMIT_BYTES", 10)
    (home.logs / "part.log").write_text("more than ten bytes")

    assert not processes.log_file(home, "part").exists()
    assert (home.logs / "part.log.1").read_text() == "more than ten bytes"


def test_restarts_are_those_that_the_supervisor_noted(home):
    (home.run / "part.child.json").write_text('{"pid": 1, "restarts": 3}')

    assert processes.restarts(home, "part") == 3
    assert processes.restarts(home, "other") == 0
