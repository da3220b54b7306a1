"""``make bench-gw``: ``python -m tests.bench_gw [smoke|notices|default]``."""

import sys

from tests.bench.command import failed, parser, stand_alone, told, with_report
from tests.bench_gw.profiles import HOME, PROFILES


def main() -> int:
    """Measure and print; 1 when a goal is missed or the run cannot go on."""
    options = with_report(parser("tests.bench_gw", __doc__, PROFILES)).parse_args()
    stand_alone(HOME)
    from tests.bench import servers
    from tests.bench_gw import notices, report, run

    profile = PROFILES[options.profile]
    try:
        with servers.system(profile.of_alerts) as system:
            found = run.measured(profile, system)
    except (servers.BenchError, notices.NotTaken) as error:
        return failed(error)
    return told(found, report, options)


if __name__ == "__main__":
    sys.exit(main())
