"""One observation plan in a process of its own: ``python -m pipeline.gw.plan FOLDER``.

Reads ``job.json`` and ``skymap.fits``, writes ``plan.json``, tables and pictures there, and ends.
Heavy imports stand inside functions: workers import this package without them.
"""

import os
import resource
import signal
import sys
import threading
import time
from functools import partial
from pathlib import Path

from pipeline.gw.plan_job import (
    FILES,
    MAP_FILE,
    REFUSED,
    PlanError,
    read_job,
    write_result,
    write_stage,
)

KIBIBYTE = 1024


def main() -> int:
    """Make the plan of the folder named on the command line."""
    began = time.monotonic()
    threading.Thread(target=_end_with_parent, daemon=True).start()
    try:
        _make(Path(sys.argv[1]), began)
    except PlanError as error:
        print(f"plan: {error}", file=sys.stderr)  # noqa: T201 the parent tells people this line
        return REFUSED
    return 0


def _make(folder: Path, began: float) -> None:
    from pipeline.gw import plan_files, plan_pictures, plan_recipe  # noqa: PLC0415 heavy

    job = read_job(folder)
    tell = partial(write_stage, folder=folder)
    result, sky_map = plan_recipe.make(job, (folder / MAP_FILE).read_bytes(), tell)
    tell(FILES)
    plan_files.write_tables(result, folder)
    plan_pictures.write_pictures(job, result, sky_map, folder)
    peak_bytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * KIBIBYTE
    measured = {"duration_s": time.monotonic() - began, "peak_memory_bytes": peak_bytes}
    write_result(result.model_copy(update=measured), folder)


def _end_with_parent() -> None:
    """End this process and what it started once nobody holds the other end of its input.

    The worker holds it. When it is killed, nobody else would end a process in a session of its own.
    """
    while os.read(sys.stdin.fileno(), 1):  # not through a buffer, whose lock would outlive main
        pass
    os.killpg(0, signal.SIGKILL)


if __name__ == "__main__":
    sys.exit(main())
