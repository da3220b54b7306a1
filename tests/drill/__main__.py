"""``python -m tests.drill``: play every fault on servers of the drill's own, and say what was lost."""

import os

from tests.environment import ALONE

# Before anything reads a setting: a drill never sees a developer's parts or thresholds.
os.environ.update({"NIGHTJAR_HOME": os.environ.get("DRILL_HOME", ".nightjar/drill")} | ALONE)

import argparse
import json
import signal
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from broker.config import config, project_path
from tests.drill import ground, report
from tests.drill.faults import FAULTS, OF_A_CLUSTER
from tests.drill.record import Outcome
from tests.drill.stage import Stage


def main(arguments: Sequence[str]) -> int:
    """Play the faults that were asked for; return 1 when anything was lost or a case failed."""
    options = _parser().parse_args(arguments)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # our processes must not outlive us
    known = OF_A_CLUSTER if options.cluster else FAULTS
    wanted = [fault for fault in known if fault.number in (options.only or [fault.number])]
    began = datetime.now(UTC)
    outcomes: list[Outcome] = []
    with ground.own(project_path(config().home), is_cluster=options.cluster) as own:
        for number, fault in enumerate(wanted):
            with Stage(
                own, number, is_short=options.short, patience=options.patience, say=_say
            ) as stage:
                outcomes += stage.play(fault)
            if options.json:  # at once: a drill that is broken off has still seen something
                found = report.as_json(outcomes, report.about(began))
                options.json.write_text(json.dumps(found, indent=2) + "\n")
    about = report.about(began)
    print(f"\n{report.fault_table(wanted, outcomes)}\n\n{report.sums(outcomes)}")
    if options.out:
        options.out.write_text(report.page(wanted, outcomes, about))
    return 0 if all(outcome.survived or outcome.skipped for outcome in outcomes) else 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.drill", description=__doc__)
    parser.add_argument(
        "--cluster", action="store_true", help="on three brokers, two hosts of workers, a replica"
    )
    parser.add_argument("--short", action="store_true", help="a case or two of each kind")
    parser.add_argument(
        "--only",
        type=lambda text: text.split(","),
        metavar="F1,F3",
        help=f"these faults alone, of {', '.join(fault.number for fault in (*FAULTS, *OF_A_CLUSTER))}",
    )
    parser.add_argument(
        "--patience",
        type=float,
        default=1.0,
        metavar="N",
        help="on a busy machine: wait N times as long, send N times slower",
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the outcomes")
    parser.add_argument("--out", type=Path, metavar="FILE", help="write the table as a page")
    return parser


def _say(outcome: Outcome) -> None:
    print(report.line(outcome), flush=True)


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
