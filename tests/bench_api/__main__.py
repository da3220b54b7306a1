"""``make bench-api``: ``python -m tests.bench_api [smoke|small|default]``."""

import argparse
import os
import signal
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, cast

from tests.bench_api.profiles import HOME, PROFILES, Profile
from tests.environment import point_at
from tests.unlimited import UNLIMITED

if TYPE_CHECKING:
    from io import TextIOWrapper

LONG_STATEMENT_S = 3600


def main() -> int:
    """Measure and print; 1 when a goal is missed or something was not answered."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench_api", description=__doc__)
    parser.add_argument("profile", nargs="?", default="default", choices=sorted(PROFILES))
    parser.add_argument("--json", type=Path, help="write the figures there")
    options = parser.parse_args()
    cast("TextIOWrapper", sys.stdout).reconfigure(line_buffering=True)
    # Before anything reads a setting: a run of the benchmark knows no settings but its own.
    point_at({"NIGHTJAR_HOME": f"{HOME}-{options.profile}", "NIGHTJAR_TOML": os.devnull})
    from tests import native

    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # its servers must not outlive it
    running = native.Native(native.Home.named(f"{HOME}-{options.profile}"))
    try:
        running.must("up", "postgres", "redis", "--free-ports")
        point_at(running.settings())
        subprocess.run([sys.executable, "manage.py", "migrate", "-v", "0"], check=True)
        return measured(PROFILES[options.profile], options.json)
    finally:
        running.must("down")


def measured(profile: Profile, out: Path | None) -> int:
    """Fill the database that the settings name, ask, print; return the exit code."""
    point_at({**UNLIMITED, "DJANGO_SETTINGS_MODULE": "broker.settings"})
    import django

    django.setup()
    from broker.config import config
    from tests.bench_api import logins, measure
    from tests.bench_api.run import figures

    with tempfile.TemporaryDirectory() as archive:
        point_at({"NIGHTJAR_ARCHIVE__PATH": archive})
        config.cache_clear()
        rows, filled_s = figures(profile, LONG_STATEMENT_S)
    by_who = logins.medians({"host": config().web.allowed_hosts[0]}, profile.login_rounds)
    print("\n".join(["", *logins.lines(by_who)]))
    if out:
        out.write_text(measure.as_json(profile, filled_s, rows, by_who) + "\n")
    failed = measure.failures(rows) + logins.failures(by_who) if profile.is_judged else []
    for line in failed:
        print(f"FAILED: {line}", file=sys.stderr)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
