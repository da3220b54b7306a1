"""``make fuzz-api``: ``python -m tests.fuzz_api [--examples 100]``."""

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.environment import ALONE, point_at
from tests.fuzz_api.run import ask
from tests.fuzz_api.site import served

HOME = ".nightjar/fuzz-api"


def main() -> int:
    """Fuzz the REST interface on servers of its own; 1 when an answer was not as described."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz_api", description=__doc__)
    parser.add_argument("--examples", type=int, default=100, help="drawn for each operation (100)")
    options = parser.parse_args()
    # Before anything reads a setting: a run knows no settings but its own.
    point_at({"NIGHTJAR_HOME": HOME} | ALONE)
    from tests import native

    running = native.Native(native.Home.named(HOME))
    try:
        running.must("up", "postgres", "redis", "--free-ports", "--throwaway")
        point_at(running.settings())
        subprocess.run([sys.executable, "manage.py", "migrate", "-v", "0"], check=True)
        with tempfile.TemporaryDirectory() as folder, served({}, Path(folder)) as site:
            return ask(site, options.examples)
    finally:
        running.must("down")


if __name__ == "__main__":
    sys.exit(main())
