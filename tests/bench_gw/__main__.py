"""``make bench-gw``: ``python -m tests.bench_gw [smoke|notices|default]``."""

import argparse
import json
import os
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING, cast

from tests.bench_gw.profiles import HOME, PROFILES
from tests.environment import point_at

if TYPE_CHECKING:
    from io import TextIOWrapper


def main() -> int:
    """Measure and print; 1 when a goal is missed or the run cannot go on."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench_gw", description=__doc__)
    parser.add_argument("profile", nargs="?", default="default", choices=sorted(PROFILES))
    parser.add_argument("--json", type=Path, help="write the figures there")
    parser.add_argument("--out", type=Path, help="write the report there, as Markdown")
    options = parser.parse_args()
    cast("TextIOWrapper", sys.stdout).reconfigure(line_buffering=True)
    # Before anything reads a setting: a run of the benchmark knows no settings but its own.
    point_at({"NIGHTJAR_HOME": HOME, "NIGHTJAR_TOML": os.devnull})
    from tests.bench import servers
    from tests.bench_gw import notices, report, run

    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # its servers must not outlive it
    profile = PROFILES[options.profile]
    try:
        with servers.system(profile.of_alerts) as system:
            found = run.measured(profile, system)
    except (servers.BenchError, notices.NotTaken) as error:
        print(f"FAILED: {error}", file=sys.stderr)
        return 1
    print("\n" + report.text(found), end="")
    if options.json:
        options.json.write_text(json.dumps(found, indent=1) + "\n")
    if options.out:
        options.out.write_text(report.markdown(found))
    return 1 if report.failures(found) else 0


if __name__ == "__main__":
    sys.exit(main())
