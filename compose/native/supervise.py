"""Keep one of our processes running: start it, restart it with back-off, stop it gently.

Runs as a small process of its own per process of ours, so that none takes another down; it imports
nothing but the standard library and what reads process marks.
"""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from types import FrameType

from compose.native.processes import start_mark

GRACE_S = 40.0
SETTLED_S = 60.0
"""A process that ran this long starts again without waiting."""
LONGEST_WAIT_S = 30.0
TICK_S = 0.1


class Supervisor:
    """Holds one child; ``run`` returns when it was told to stop."""

    def __init__(self, note: Path, argv: Sequence[str]) -> None:
        self._note = note
        self._argv = tuple(argv)
        self._child: subprocess.Popen[bytes] | None = None
        self._is_stopping = False
        self._restarts = 0

    def run(self) -> int:
        """Start the child again and again until SIGTERM comes."""
        signal.signal(signal.SIGTERM, self._stop)
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        wait_s = 0.0
        while not self._is_stopping:
            began = time.monotonic()
            code = self._run_child()
            ran_s = time.monotonic() - began
            wait_s = 0.0 if ran_s > SETTLED_S else min(max(1.0, 2 * wait_s), LONGEST_WAIT_S)
            if not self._is_stopping:
                self._restarts += 1
                self._say(f"ended with {code} after {ran_s:.0f} s; again in {wait_s:.0f} s")
                self._write(None, code)
                self._pause(wait_s)
        self._note.unlink(missing_ok=True)
        return 0

    def _run_child(self) -> int:
        self._child = subprocess.Popen(self._argv, start_new_session=True)
        self._write(self._child.pid, None)
        while self._child.poll() is None:
            if self._is_stopping:
                return self._end_child(self._child)
            time.sleep(TICK_S)
        self._kill_group(self._child)  # children of its own that outlived it
        return self._child.returncode

    def _end_child(self, child: "subprocess.Popen[bytes]") -> int:
        child.terminate()
        try:
            child.wait(GRACE_S)
        except subprocess.TimeoutExpired:
            self._say(f"still there after {GRACE_S:.0f} s: killed")
        self._kill_group(child)
        return child.wait()

    def _kill_group(self, child: "subprocess.Popen[bytes]") -> None:
        try:
            os.killpg(child.pid, signal.SIGKILL)
        except (ProcessLookupError, PermissionError):
            return

    def _pause(self, wait_s: float) -> None:
        deadline = time.monotonic() + wait_s
        while time.monotonic() < deadline and not self._is_stopping:
            time.sleep(TICK_S)

    def _stop(self, _number: int, _frame: FrameType | None) -> None:
        self._is_stopping = True

    def _write(self, pid: int | None, code: int | None) -> None:
        mark = start_mark(pid) if pid else None
        values = {"pid": pid, "started": mark, "restarts": self._restarts, "last_exit": code}
        draft = self._note.with_name(self._note.name + ".new")
        draft.write_text(json.dumps(values))
        draft.replace(self._note)

    def _say(self, text: str) -> None:
        now = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
        print(f"{now} supervisor: {text}", file=sys.stderr, flush=True)
