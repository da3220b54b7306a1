"""``make bench``: ``python -m tests.bench [smoke|default|full]``."""

import sys
from pathlib import Path

from tests.bench.command import failed, parser, stand_alone, told, with_report
from tests.bench.profiles import HOME, HOMES, PROFILES


def main() -> int:
    """Measure and print; 1 when the books do not balance, notice no fault, or the run cannot go on."""
    arguments = with_report(parser("tests.bench", __doc__, PROFILES))
    arguments.add_argument("--survey", default="both", choices=("ztf", "lsst", "both"))
    arguments.add_argument(
        "--plot", type=Path, default=Path(HOME) / "curves.svg", help="draw the curves there"
    )
    options = arguments.parse_args()
    stand_alone(HOMES.get(options.profile, HOME))
    from tests.bench import curves, report, run, servers

    chosen = run.SURVEYS if options.survey == "both" else (options.survey,)
    try:
        found = run.measured(PROFILES[options.profile], chosen)
        if PROFILES[options.profile].has_curves:
            curves.add(found)
            curves.plot(found["curves"], options.plot)
    except servers.BenchError as error:
        return failed(error)
    return told(found, report, options)


if __name__ == "__main__":
    sys.exit(main())
