"""``make bench-api``: ``python -m tests.bench_api [smoke|small|default]``."""

import subprocess
import sys
import tempfile
from pathlib import Path

from tests.bench.command import parser, stand_alone
from tests.bench_api.profiles import HOME, PROFILES, Profile
from tests.environment import point_at
from tests.unlimited import UNLIMITED

LONG_STATEMENT_S = 3600


def main() -> int:
    """Measure and print; 1 when a goal is missed or something was not answered."""
    options = parser("tests.bench_api", __doc__, PROFILES).parse_args()
    home = f"{HOME}-{options.profile}"
    stand_alone(home)
    from tests import native

    running = native.Native(native.Home.named(home))
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
