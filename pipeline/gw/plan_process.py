"""A plan's own process: started apart from everything, bounded, and ended as a whole.

It has a session of its own, so that its whole group can be killed; home and working folder that
vanish with it; no network needed. When the worker dies, its input ends and so does the process.
"""

import os
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from broker.config import ROOT
from pipeline.gw.plan_job import REFUSED

LOG_FILE = "log.txt"
SCRATCH_PREFIX = "nightjar-plan-"
POLL_S = 1.0
LAST_LINE_CHARACTERS = 300
OUT_OF_MEMORY = "ran out of memory"
_MEMORY_SIGNS = ("MemoryError", "Cannot allocate memory", "Unable to allocate", "bad_alloc")


@dataclass(frozen=True)
class Limits:
    """What a plan's process may take.

    Attributes
    ----------
    time_s : float
        From start to end.
    memory_bytes : int
        Address space of each of its processes.
    output_bytes : int
        Of each file, and of all together.
    """

    time_s: float
    memory_bytes: int
    output_bytes: int


@dataclass(frozen=True)
class Ended:
    """How a process ended.

    Attributes
    ----------
    failure : str
        One line for people; empty when it did what it was for.
    stopped : str
        Why it was told to stop; empty when it was not.
    is_crash : bool
        It broke, rather than said no or took too much: another try may help.
    duration_s : float
        From start to end.
    """

    failure: str
    stopped: str
    is_crash: bool
    duration_s: float


def command(folder: Path) -> tuple[str, ...]:
    """Return what makes the plan of a folder."""
    return (sys.executable, "-m", "pipeline.gw.plan", str(folder))


def run(
    argv: Sequence[str],
    folder: Path,
    limits: Limits,
    *,
    started: Callable[[int], None] = lambda _: None,
    stop_reason: Callable[[], str] = str,
) -> Ended:
    """Run a program to its end, or to the end of what it may take.

    Parameters
    ----------
    argv : sequence of str
        Program and arguments.
    folder : Path
        What it prints goes into ``log.txt`` there.
    limits : Limits
        Time, memory, output.
    started : callable
        Told the id of the group of processes.
    stop_reason : callable
        Asked every second; a text that is not empty ends the process.

    Returns
    -------
    Ended
        Nothing of the group is left.
    """
    began = time.monotonic()
    with _scratch() as scratch, (folder / LOG_FILE).open("wb") as log_file:
        process = subprocess.Popen(  # noqa: S603 a program of ours, no shell
            argv,
            cwd=scratch,
            env=_environment(scratch),
            stdin=subprocess.PIPE,
            stdout=log_file,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            _limit(process.pid, limits)
            started(process.pid)
            stopped, failure = _watch(process, folder, limits, stop_reason)
        finally:
            _end_group(process)
    is_crash = False
    if not stopped and not failure and process.returncode:
        failure = _explain(process.returncode, folder / LOG_FILE)
        is_crash = process.returncode != REFUSED and failure != OUT_OF_MEMORY
    return Ended(failure, stopped, is_crash, time.monotonic() - began)


def remove_lost_scratch(age_s: float) -> int:
    """Remove scratch folders as old as that, which workers left that were killed.

    Parameters
    ----------
    age_s : float
        Longer than any program may take.

    Returns
    -------
    int
        How many there were.
    """
    removed = 0
    for folder in Path(tempfile.gettempdir()).glob(f"{SCRATCH_PREFIX}*"):
        with suppress(FileNotFoundError):  # its worker has removed it meanwhile
            if time.time() - folder.lstat().st_mtime > age_s:
                shutil.rmtree(folder, ignore_errors=True)
                removed += 1
    return removed


def _watch(
    process: subprocess.Popen[bytes], folder: Path, limits: Limits, stop_reason: Callable[[], str]
) -> tuple[str, str]:
    """Wait for the end; return why it was stopped, or which limit it exceeded."""
    deadline = time.monotonic() + limits.time_s
    while True:
        with suppress(subprocess.TimeoutExpired):
            process.wait(POLL_S)
            return "", _too_much(folder, limits)
        if reason := stop_reason():
            return reason, ""
        if time.monotonic() > deadline:
            return "", f"took longer than {limits.time_s:.0f} s"
        if failure := _too_much(folder, limits):
            return "", failure


def _too_much(folder: Path, limits: Limits) -> str:
    written = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    return f"wrote more than {limits.output_bytes} bytes" if written > limits.output_bytes else ""


def _limit(pid: int, limits: Limits) -> None:
    with suppress(ProcessLookupError):  # it has ended already
        memory = (limits.memory_bytes, limits.memory_bytes)
        resource.prlimit(pid, resource.RLIMIT_AS, memory)
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (2 * limits.output_bytes,) * 2)
        resource.prlimit(pid, resource.RLIMIT_CORE, (0, 0))


def _end_group(process: subprocess.Popen[bytes]) -> None:
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    if process.stdin:
        process.stdin.close()


def _explain(returncode: int, log_path: Path) -> str:
    """Return one line that says why a process failed."""
    text = log_path.read_text(errors="replace")
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    last = lines[-1][:LAST_LINE_CHARACTERS] if lines else ""
    if any(sign in last for sign in _MEMORY_SIGNS):
        return OUT_OF_MEMORY
    if returncode < 0:
        return f"was killed by {signal.Signals(-returncode).name}"
    return last.removeprefix("plan: ") or f"ended with code {returncode}"


@contextmanager
def _scratch() -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix=SCRATCH_PREFIX))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _environment(scratch: Path) -> dict[str, str]:
    """Return all that it is told: no setting and no secret of ours."""
    return {
        "HOME": str(scratch),  # gwemopt makes ~/Data when it is imported
        "TMPDIR": str(scratch),
        "LANG": "C.UTF-8",
        "PYTHONPATH": str(ROOT),
        "MPLBACKEND": "Agg",
        "TQDM_DISABLE": "1",
        "OMP_NUM_THREADS": "1",
        "OPENBLAS_NUM_THREADS": "1",
        "RAYON_NUM_THREADS": "1",
        # gwemopt's one compiled function is called a few hundred times: compiling it takes longer.
        "NUMBA_DISABLE_JIT": "1",
    }
