"""Start processes in sessions of their own, recognise them later, stop them and only them."""

import json
import os
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

import psutil

from compose.native.accounts import Account
from compose.native.home import Home

KILL_AFTER_S = 20.0
POLL_S = 0.02
LOG_LIMIT_BYTES = 20_000_000
"""A log above this size is put aside when its part starts again."""


@dataclass(frozen=True)
class Command:
    """What to run.

    Attributes
    ----------
    argv : tuple of str
        Without secrets: everybody can read it.
    cwd : str
        Working folder.
    environment : mapping
        Added to ours.
    account : Account, optional
        Whom to become first; only root can.
    """

    argv: tuple[str, ...]
    cwd: str
    environment: Mapping[str, str] = field(default_factory=dict)
    account: Account | None = None


@dataclass(frozen=True)
class Record:
    """A process that we started, as ``run/PART.json`` keeps it.

    Attributes
    ----------
    pid : int
        Process id.
    started : float
        The system's mark of its start; pid and mark together are never given twice.
    ports : tuple of int
        On which it listens.
    command : tuple of str
        For people.
    """

    pid: int
    started: float
    ports: tuple[int, ...]
    command: tuple[str, ...]

    @property
    def is_alive(self) -> bool:
        """Return whether this very process still runs."""
        return start_mark(self.pid) == self.started


def start_mark(pid: int) -> float | None:
    """Return a number that tells this process from a later one of the same id.

    On Linux it is counted in ticks since boot: a corrected clock does not change it. A zombie has
    none, for it is not running.
    """
    stat = Path(f"/proc/{pid}/stat")
    if not Path("/proc/self/stat").exists():
        return _portable_mark(pid)
    try:
        fields = stat.read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return None
    return None if fields[0] in "ZX" else float(fields[19])


def _portable_mark(pid: int) -> float | None:
    try:
        process = psutil.Process(pid)
        return None if process.status() == psutil.STATUS_ZOMBIE else process.create_time()
    except psutil.NoSuchProcess:
        return None


def spawn(home: Home, name: str, command: Command, ports: Sequence[int] = ()) -> Record:
    """Start a part in its own session, its output in ``logs/NAME.log``."""
    account = command.account
    with log_file(home, name).open("ab") as log:
        process = subprocess.Popen(
            command.argv,
            cwd=command.cwd,
            env={**os.environ, **command.environment},
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,  # Ctrl-C in make must not kill it halfway
            user=account.uid if account else None,
            group=account.gid if account else None,
            extra_groups=[] if account else None,
        )
    # A process dead already has no mark; minus one then says "not alive" and its log says why.
    mark = start_mark(process.pid)
    record = Record(process.pid, -1.0 if mark is None else mark, tuple(ports), command.argv)
    write_record(home, name, record)
    process.returncode = 0  # it outlives us: no warning when this object goes
    return record


def log_file(home: Home, name: str) -> Path:
    """Return the log of a part, put aside first when it has grown too long."""
    path = home.logs / f"{name}.log"
    if path.exists() and path.stat().st_size > LOG_LIMIT_BYTES:
        path.replace(path.with_suffix(".log.1"))
    return path


def write_record(home: Home, name: str, record: Record) -> None:
    """Keep what is needed to recognise the process."""
    draft = home.run / f"{name}.json.new"
    draft.write_text(json.dumps(asdict(record)))
    draft.replace(home.run / f"{name}.json")


def read_record(home: Home, name: str) -> Record | None:
    """Return the record of a part, or None when it was never started or was stopped."""
    path = home.run / f"{name}.json"
    if not path.exists():
        return None
    values = json.loads(path.read_text())
    if values["pid"] is None:  # a supervisor's note between two runs of its child
        return None
    return Record(
        values["pid"],
        values["started"],
        tuple(values.get("ports", ())),
        tuple(values.get("command", ())),
    )


def restarts(home: Home, name: str) -> int:
    """Return how often the supervisor of a process has started it anew."""
    path = home.run / f"{name}.child.json"
    return int(json.loads(path.read_text())["restarts"]) if path.exists() else 0


def running(home: Home, name: str) -> Record | None:
    """Return the record of a part if its process still runs."""
    record = read_record(home, name)
    return record if record and record.is_alive else None


def stop(home: Home, name: str, stop_signal: signal.Signals, grace_s: float) -> bool:
    """Stop a part; return whether there was one to stop."""
    record = running(home, name)
    if record:
        end(record, stop_signal, grace_s)
    (home.run / f"{name}.json").unlink(missing_ok=True)
    return record is not None


def end(record: Record, stop_signal: signal.Signals, grace_s: float) -> None:
    """Ask a process to stop, and kill its whole group when it has not done so in time."""
    if not record.is_alive:
        return
    os.kill(record.pid, stop_signal)
    if wait_for_end(record, grace_s):
        return
    os.killpg(record.pid, signal.SIGKILL)  # it leads its own session, and so its group
    wait_for_end(record, KILL_AFTER_S)


def wait_for_end(record: Record, limit_s: float) -> bool:
    """Wait until the process is gone; return False when it still runs after ``limit_s``."""
    deadline = time.monotonic() + limit_s
    while record.is_alive:
        if time.monotonic() > deadline:
            return False
        time.sleep(POLL_S)
    return True
