"""``make bench``: ``python -m tests.bench [smoke|default|full]``."""

import argparse
import os
import sys

# Before anything reads a setting: a run of the benchmark knows no settings but its own.
os.environ["NIGHTJAR_HOME"] = ".nightjar/bench"  # noqa: TID251 for this run and its children
os.environ["NIGHTJAR_TOML"] = os.devnull  # noqa: TID251 for this run and its children

from tests.bench.profiles import PROFILES


def main() -> int:
    """Measure and print; 1 when the books do not balance."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument("profile", nargs="?", default="default", choices=sorted(PROFILES))
    parser.add_argument("--survey", default="both", choices=("ztf", "lsst", "both"))
    options = parser.parse_args()
    from tests.bench import run, servers, stages
    from tests.bench.flow import WorkerLog
    from tests.bench.measure import Calibration

    profile = PROFILES[options.profile]
    surveys = run.SURVEYS if options.survey == "both" else (options.survey,)
    with servers.system(profile) as system:
        prepared = run.prepare(system, profile)
        system.start_processes()
        log = WorkerLog(system.worker_log)
        calibration = Calibration()
        for survey in surveys:
            result = run.timed(system, profile, prepared.spools[survey], log, calibration)
            found = stages.stages(result.segments)
            print(survey, "D", [round(d) for d in result.d_hz])
            print(
                "rate",
                [round(one.rate_hz) for one in result.segments],
                [round(r, 2) for r in result.ratios],
            )
            for name, value in found.lines.items():
                print(f"  {name:<34} {value:7.3f}")
            print("total", found.total, "unexpl", found.unexplained, "celery", found.celery_share)
            print(
                "redis B/alert",
                sum(s.redis_bytes for s in result.segments)
                / sum(s.alerts for s in result.segments),
                "ranges",
                [s.work.ranges for s in result.segments],
            )
        print(calibration.summary())
    return 0


if __name__ == "__main__":
    sys.exit(main())
