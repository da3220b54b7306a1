"""The distribution as a telescope team has it: its wheel in an environment without anything of ours."""

import shutil
import subprocess
import sys
from pathlib import Path

from broker.config import ROOT
from tests.client_environment import UV, ClientEnvironment
from tests.environment import of_a_stranger

SOURCE = ROOT / "pipeline" / "telescope" / "client"
BUILD_LIMIT_S = 300
ENVIRONMENT = ClientEnvironment("nightjar-telescope", "confluent.lock")
"""What the wheel needs, pinned; the wheel itself comes on top."""


def build(folder: Path) -> Path:
    """Build the wheel out of a copy of the source; return it."""
    copy = folder / "client"
    shutil.copytree(SOURCE, copy, ignore=shutil.ignore_patterns("*.egg-info", "__pycache__"))
    must(
        *(sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "--no-build-isolation"),
        *("-w", str(folder), str(copy)),
    )
    (wheel,) = folder.glob("*.whl")
    return wheel


def install(wheel: Path) -> Path:
    """Install a wheel and what it needs, and nothing else; return the Python that has it."""
    python = ENVIRONMENT.installed()
    must(*UV, "--python", str(python), "--no-deps", "--reinstall", str(wheel))
    must(sys.executable, "-m", "uv", "pip", "check", "-q", "--python", str(python))
    return python


def must(*words: str, folder: Path | None = None) -> str:
    """Run a program of a stranger's; return what it printed."""
    done = subprocess.run(
        words,
        cwd=folder,
        env=of_a_stranger(),
        capture_output=True,
        text=True,
        timeout=BUILD_LIMIT_S,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout
