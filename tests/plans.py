"""What tests of real plans share: gwemopt, installed where it is missing, and sky maps of samples."""

import base64
import importlib.util
import json
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

from broker.config import ROOT
from pipeline.gw import plan_process
from pipeline.gw.plan_job import PlanJob, PlanResult, read_result, write_job
from pipeline.gw.plan_process import Limits
from tests import samples

LOCK = ROOT / "requirements-plans.lock"
LIMITS = Limits(time_s=300.0, memory_bytes=4 * 2**30, output_bytes=50_000_000)
INSTALL_S = 1200


def install() -> None:
    """Install gwemopt as ``make plans`` does, if it is not there."""
    if importlib.util.find_spec("gwemopt") is None:
        pip = [sys.executable, "-m", "pip", "install", "-q", "--require-hashes", "-r", str(LOCK)]
        subprocess.run(pip, check=True, timeout=INSTALL_S)
        importlib.invalidate_caches()


def sample(name: str) -> tuple[bytes, datetime]:
    """Return the sky map of a sample notice, and its event's time."""
    notice = json.loads((samples.folder() / f"gw/igwn/{name}.json").read_text())
    event = notice["event"]
    return base64.b64decode(event["skymap"]), datetime.fromisoformat(event["time"]).astimezone(UTC)


def make(job: PlanJob, fits: bytes, folder: Path, prefix: str = "") -> PlanResult:
    """Make a plan as a worker does; ``prefix`` is code that its process runs first."""
    folder.mkdir()
    write_job(job, fits, folder)
    command = plan_process.command(folder)
    if prefix:
        code = (
            f"{prefix}\nimport runpy, sys\nsys.argv = ['plan', {str(folder)!r}]\n"
            "runpy.run_module('pipeline.gw.plan', run_name='__main__')"
        )
        command = (sys.executable, "-c", code)
    ended = plan_process.run(command, folder, LIMITS)
    assert ended.failure == "", (folder / plan_process.LOG_FILE).read_text()
    return read_result(folder)
