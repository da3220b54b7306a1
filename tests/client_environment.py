"""Environments of published clients: each its own, made at most once per lock file."""

import fcntl
import hashlib
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from broker.config import ROOT
from tests.environment import of_a_stranger

FOLDER = ROOT / ".nightjar" / "clients"
PROGRAMS = ROOT / "tests" / "clients"
INSTALL_LIMIT_S = 600
UV = (sys.executable, "-m", "uv", "pip", "install", "-q")


@dataclass(frozen=True)
class ClientEnvironment:
    """A client as people install it, and nothing of ours.

    Attributes
    ----------
    name : str
        Of its folder: client and version.
    lock : str
        File in ``tests/clients`` that pins every package by hash.
    """

    name: str
    lock: str

    @property
    def python(self) -> Path:
        """Return its Python, whether it is there yet or not."""
        return self._home / "bin" / "python"

    def installed(self) -> Path:
        """Return its Python, made first when it is not there."""
        FOLDER.mkdir(parents=True, exist_ok=True)
        with (FOLDER / f"{self.name}.lock").open("w") as file:
            fcntl.flock(file, fcntl.LOCK_EX)  # several test runs may want it at once
            if not self._is_ready():
                self._install()
        return self.python

    @property
    def _home(self) -> Path:
        return FOLDER / self.name

    @property
    def _mark(self) -> Path:
        return self._home / "ready"

    def _is_ready(self) -> bool:
        return self._mark.exists() and self._mark.read_text() == self._wanted()

    def _install(self) -> None:
        _run(sys.executable, "-m", "venv", "--clear", str(self._home))
        locked = ("--require-hashes", "-r", str(PROGRAMS / self.lock))
        # uv takes seconds where pip takes a minute, but knows no pip.conf.
        if _ended(*UV, "--python", str(self.python), *locked).returncode:
            _run(str(self.python), "-m", "pip", "install", "-q", *locked)
        self._mark.write_text(self._wanted())

    def _wanted(self) -> str:
        pins = (PROGRAMS / self.lock).read_bytes()
        return f"{sys.version} {hashlib.sha256(pins).hexdigest()}"


def _run(*words: str) -> None:
    done = _ended(*words)
    assert done.returncode == 0, done.stdout + done.stderr


def _ended(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        words,
        env=of_a_stranger(),
        capture_output=True,
        text=True,
        timeout=INSTALL_LIMIT_S,
        check=False,
    )
