"""Packages of the system: installed with apt when root, named in one line otherwise."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from compose.native.home import NativeError

CLUSTER_SWITCH = Path("/etc/postgresql-common/createcluster.conf")
SERVICE_SWITCH = Path("/usr/sbin/policy-rc.d")
"""Asked by Debian's packages before they start a service; 101 forbids it."""


def may_install() -> bool:
    """Return whether we are root on a system with apt."""
    return os.geteuid() == 0 and shutil.which("apt-get") is not None


def install(*names: str) -> None:
    """Install packages, saying so first.

    Raises
    ------
    NativeError
        With the command to run when we may not, or when apt fails.
    """
    command = f"apt-get install -y --no-install-recommends {' '.join(names)}"
    if not may_install():
        raise NativeError(f"missing: {' '.join(names)}; run: sudo {command}")
    print(f"installing {' '.join(names)} with apt-get")
    _apt("update", "-q")
    if any(name.startswith("postgresql-") for name in names):
        _apt("install", "-y", "-q", "--no-install-recommends", "postgresql-common")
        _forbid_cluster()
    _apt("install", "-y", "-q", "--no-install-recommends", *names)


def install_programs(*names: str) -> None:
    """Install packages as ``install`` does, and let none of their services run, now or later."""
    with _without_services():
        install(*names)
    if shutil.which("systemctl"):
        subprocess.run(["systemctl", "disable", *names], capture_output=True, check=False)


@contextmanager
def _without_services() -> Iterator[None]:
    """Forbid packages to start services meanwhile, unless somebody has decided that already."""
    if SERVICE_SWITCH.exists() or not may_install():
        yield
        return
    SERVICE_SWITCH.write_text("#!/bin/sh\nexit 101\n")
    SERVICE_SWITCH.chmod(0o755)
    try:
        yield
    finally:
        SERVICE_SWITCH.unlink()


def _apt(*words: str) -> None:
    done = subprocess.run(
        ["apt-get", *words],
        env={**os.environ, "DEBIAN_FRONTEND": "noninteractive"},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise NativeError(f"apt-get {' '.join(words)} failed: {done.stderr.strip()[-2000:]}")


def _forbid_cluster() -> None:
    """Keep Debian from starting a cluster of its own on port 5432."""
    text = CLUSTER_SWITCH.read_text() if CLUSTER_SWITCH.exists() else ""
    kept = [line for line in text.splitlines() if "create_main_cluster" not in line]
    CLUSTER_SWITCH.parent.mkdir(parents=True, exist_ok=True)
    CLUSTER_SWITCH.write_text("\n".join([*kept, "create_main_cluster = false"]) + "\n")
