"""A plan's process that crashes, hangs, takes too much, is told to stop, or loses its parent."""

import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import psutil
import pytest

from pipeline.gw.plan_process import (
    LOG_FILE,
    SCRATCH_PREFIX,
    Ended,
    Limits,
    remove_lost_scratch,
    run,
)

GIBIBYTE = 2**30
LIMITS = Limits(time_s=60.0, memory_bytes=GIBIBYTE, output_bytes=1_000_000)
HANG = "import time; time.sleep(600)"
ENDS_WITH_ITS_INPUT = "from pipeline.gw.plan import _end_with_parent; _end_with_parent()"


def python(code):
    return (sys.executable, "-c", code)


def ended(code, folder, limits=LIMITS, **options) -> Ended:
    return run(python(code), folder, limits, **options)


def is_alive(pid):
    return psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE


def wait_until(condition):
    for _ in range(600):
        if condition():
            return True
        time.sleep(0.1)
    return False


def test_what_ends_well_has_no_failure(tmp_path):
    assert ended("print('done')", tmp_path).failure == ""
    assert (tmp_path / LOG_FILE).read_text() == "done\n"


@pytest.mark.parametrize(
    ("code", "failure"),
    [
        ("raise ValueError('no such map')", "ValueError: no such map"),
        (
            "import sys; sys.exit('plan: gwemopt ships no grid X.tess')",
            "gwemopt ships no grid X.tess",
        ),
        ("import os; os.abort()", "was killed by SIGABRT"),
        ("import os, signal; os.kill(os.getpid(), signal.SIGSEGV)", "was killed by SIGSEGV"),
        ("raise SystemExit(3)", "ended with code 3"),
        ("x = bytearray(4 * 2**30)", "ran out of memory"),
        ("import os; os.write(1, b'x' * 2_000_000)", "wrote more than 1000000 bytes"),
    ],
    ids=["raises", "says why", "aborts", "crashes", "exits", "memory", "output"],
)
def test_a_failure_is_one_line_that_names_it(code, failure, tmp_path):
    assert failure in ended(code, tmp_path).failure


def test_what_said_no_is_not_tried_again_and_what_broke_is(tmp_path):
    assert not ended("raise SystemExit(3)", tmp_path).is_crash
    assert ended("import os; os.abort()", tmp_path).is_crash


def test_a_program_that_hangs_is_ended(tmp_path):
    limits = Limits(time_s=1.0, memory_bytes=GIBIBYTE, output_bytes=1_000_000)

    assert ended(HANG, tmp_path, limits).failure == "took longer than 1 s"


def test_children_of_a_program_end_with_it(tmp_path):
    code = (
        "import subprocess, sys\n"
        f"child = subprocess.Popen([sys.executable, '-c', {HANG!r}])\n"
        "print(child.pid, flush=True)"
    )

    ended(code, tmp_path)

    assert wait_until(lambda: not is_alive(int((tmp_path / LOG_FILE).read_text())))


def test_a_program_that_is_told_to_stop_says_why_and_is_no_failure(tmp_path):
    pids = []

    found = ended(HANG, tmp_path, started=pids.append, stop_reason=lambda: "superseded")

    assert (found.stopped, found.failure) == ("superseded", "")
    assert wait_until(lambda: not is_alive(pids[0]))


def test_a_program_sees_no_setting_of_ours(tmp_path, monkeypatch):
    monkeypatch.setenv("NIGHTJAR_POSTGRES__URL", "postgresql://u:secret@h/d")

    ended("import os; print(sorted(os.environ), os.getcwd() == os.environ['HOME'])", tmp_path)

    text = (tmp_path / LOG_FILE).read_text()
    assert "NIGHTJAR" not in text
    assert text.endswith("True\n")


def test_its_scratch_folder_is_gone_afterwards(tmp_path):
    ended("import os; open('Data', 'w').close(); print(os.getcwd())", tmp_path)

    assert not Path((tmp_path / LOG_FILE).read_text().strip()).exists()


def test_scratch_folders_of_killed_workers_go_after_their_time(tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    long_ago = time.time() - 7200
    for name in (f"{SCRATCH_PREFIX}old", f"{SCRATCH_PREFIX}young", "others-old"):
        (tmp_path / name / "Data").mkdir(parents=True)
        if name.endswith("old"):
            os.utime(tmp_path / name, (long_ago, long_ago))

    assert remove_lost_scratch(3600) == 1
    assert {path.name for path in tmp_path.iterdir()} == {f"{SCRATCH_PREFIX}young", "others-old"}


def test_a_plan_ends_when_its_worker_is_killed(tmp_path):
    code = (
        "from pathlib import Path\n"
        "from pipeline.gw.plan_process import Limits, run\n"
        f"run(({sys.executable!r}, '-c', {ENDS_WITH_ITS_INPUT!r}), Path({str(tmp_path)!r}),\n"
        f"    Limits(600, {GIBIBYTE}, 1_000_000),\n"
        f"    started=lambda pid: Path({str(tmp_path / 'pid')!r}).write_text(str(pid)))"
    )
    worker = subprocess.Popen(python(code))
    try:
        assert wait_until(lambda: (tmp_path / "pid").exists() and (tmp_path / "pid").read_text())
        pid = int((tmp_path / "pid").read_text())
        assert is_alive(pid)
    finally:
        os.kill(worker.pid, signal.SIGKILL)
        worker.wait()

    assert wait_until(lambda: not is_alive(pid))
