"""Stop the parts when the last test run that uses them is gone, even when it was killed.

Every user of a home holds a shared lock on one file; the kernel lets go of it when the process
ends, however it ends. The watchdog waits for the exclusive lock, and so for the last of them.
"""

import fcntl
import os
import signal
import subprocess
import sys
from io import TextIOWrapper

from compose.native.home import ROOT, Home

GRACE_S = 3.0
"""The data is thrown away: nobody waits for a clean end."""


def use(home: Home) -> TextIOWrapper:
    """Hold the parts of ``home`` as long as the returned file is open; start a watchdog."""
    home.make()
    file = (home.run / "users.lock").open("w")
    fcntl.flock(file, fcntl.LOCK_SH)
    with (home.logs / "watchdog.log").open("ab") as log:
        subprocess.Popen(
            [sys.executable, str(ROOT / "compose" / "native"), "watchdog"],
            env={**os.environ, "NIGHTJAR_HOME": str(home.path)},
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        ).returncode = 0  # it outlives us
    return file


def watch(home: Home) -> None:
    """Wait for the last user, then stop everything; return at once if another watches."""
    home.make()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with (
        (home.run / "watchdog.lock").open("w") as single,
        (home.run / "users.lock").open("w") as users,
    ):
        try:
            fcntl.flock(single, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return
        fcntl.flock(users, fcntl.LOCK_EX)
        from compose.native.lifecycle import down  # noqa: PLC0415 small while it waits

        down(home, (), grace_s=GRACE_S)
