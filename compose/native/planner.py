"""gwemopt, which makes observation plans: installed while the demo runs, for it is large."""

import fcntl
import subprocess
from importlib import metadata

from compose.native.beforehand import Need
from compose.native.home import ROOT, Home, last_lines

LOCK = ROOT / ".venv" / "plans.lock"
LOG = "plans"
"""As in ``logs plans``."""
INSTALL = ("nice", "-n", "19", "make", "-s", "plans")


def install(home: Home) -> int:
    """Install it unless somebody does already; what is said goes into the home's logs."""
    home.make()
    with LOCK.open("w") as lock, (home.logs / f"{LOG}.log").open("wb") as log:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return 0
        return subprocess.run(
            INSTALL, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=log, stderr=log, check=False
        ).returncode


def need(home: Home) -> Need:
    """Say whether observation plans can be made; all else goes on without."""
    said = (last_lines(home.logs / f"{LOG}.log", 1) or [""])[0].strip()
    if is_being_installed():
        text = f"is being installed ({said or 'just begun'}); see: python compose/native logs plans"
    elif version := _version():
        text = version
    elif said:
        text = f"absent, the last try ended with {said!r}; no observation plans until: make plans"
    else:
        text = "absent: no observation plans until: make plans"
    return Need("gwemopt", is_met=True, text=text)


def is_being_installed() -> bool:
    """Return whether ``install`` is at work somewhere."""
    if not LOCK.exists():
        return False
    with LOCK.open() as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False


def _version() -> str:
    try:
        return metadata.version("gwemopt")
    except metadata.PackageNotFoundError:
        return ""
