"""The demo is a person's terminal: whoever stops its parts from another one must end it first.

It would otherwise find them gone and complain.
"""

import fcntl
import os
import signal
import time

from compose.native.home import Home, NativeError
from compose.native.processes import POLL_S

ENDS_WITHIN_S = 120.0
"""It stops every part itself before it ends."""


def end(home: Home) -> bool:
    """Ask the demo of this home to stop, wait until it has; return whether there was one.

    Raises
    ------
    NativeError
        If it does not.
    """
    pid = holder(home)
    if pid is None or pid == os.getppid():  # the demo's own ``down``
        return False
    print(f"demo: told to stop, pid {pid}", flush=True)
    os.kill(pid, signal.SIGTERM)
    give_up_at = time.monotonic() + ENDS_WITHIN_S
    while holder(home) is not None:
        if time.monotonic() > give_up_at:
            raise NativeError(f"the demo (pid {pid}) still runs after {ENDS_WITHIN_S:.0f} s")
        time.sleep(POLL_S)
    return True


def holder(home: Home) -> int | None:
    """Return the process id of the demo that runs in this home, or None."""
    path = home.run / "demo.lock"
    if not path.exists():
        return None
    with path.open() as file:
        try:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            text = file.read()
            return int(text) if text else None
    return None
