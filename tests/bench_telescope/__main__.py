"""``make bench-telescope``: ``python -m tests.bench_telescope [smoke|default]``."""

import argparse
import shutil
import signal
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, cast

from tests.bench_telescope.run import PROFILES, Figures
from tests.environment import ALONE, point_at

if TYPE_CHECKING:
    from io import TextIOWrapper

HOME = ".nightjar/bench-telescope"


def main() -> int:
    """Measure and print; 1 when a goal is missed or a row is not what was sent."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench_telescope", description=__doc__)
    parser.add_argument("profile", nargs="?", default="default", choices=sorted(PROFILES))
    parser.add_argument("--json", type=Path, help="write the figures there")
    options = parser.parse_args()
    cast("TextIOWrapper", sys.stdout).reconfigure(line_buffering=True)
    # Before anything reads a setting: a run of the benchmark knows no settings but its own.
    point_at({"NIGHTJAR_HOME": f"{HOME}-{options.profile}"} | ALONE)
    from tests import native

    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # its servers must not outlive it
    home = native.Home.named(f"{HOME}-{options.profile}")
    running = native.Native(home)
    running.must("down")
    for left in ("postgres", "kafka/data"):  # of a run before, whose rows would be counted too
        shutil.rmtree(home.path / left, ignore_errors=True)
    try:
        running.must("up", "servers", "registry", "--free-ports")
        point_at(running.settings())
        subprocess.run([sys.executable, "manage.py", "migrate", "-v", "0"], check=True)
        found = measured(options.profile)
    finally:
        running.must("down")
    if options.json:
        options.json.write_text(found.as_json() + "\n")
    for line in found.failures:
        print(f"FAILED: {line}", file=sys.stderr)
    return 1 if found.failures else 0


def measured(profile: str) -> Figures:
    """Send, store and look; print what it took."""
    from tests.bench_telescope.run import run

    with tempfile.TemporaryDirectory() as folder:
        point_at(
            {
                "NIGHTJAR_ARCHIVE__PATH": f"{folder}/archive",
                "NIGHTJAR_LOGS__LEVEL": "warning",
            }
        )
        from broker import logs
        from broker.config import config

        config.cache_clear()
        logs.configure()
        found = run(PROFILES[profile], Path(folder))
    print("\n".join(found.lines()))
    return found


if __name__ == "__main__":
    sys.exit(main())
