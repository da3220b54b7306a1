"""What the filters on the raw stream add to the flow: segments with them and without, in turns."""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from tests.bench import flow
from tests.bench.flow import Segment
from tests.bench.stages import stages

if TYPE_CHECKING:
    from tests.bench.run import Run, SurveyRun

WORKER = "worker-alerts"
OFF = {"NIGHTJAR_SELECTED__EXTENDEDNESS__ENABLED": "false"}
WARM = 2
"""One packet in so many warms a worker up that has just started: each of its children takes some ranges
before any is timed, or the first ones of a cold child are all that is seen."""
MOST = 0.05
"""What the filters may add to the CPU time of an alert, as a part of it."""


@dataclass
class Pairs:
    """Neighbouring segments with and without the filters."""

    on: list[Segment] = field(default_factory=list)
    off: list[Segment] = field(default_factory=list)

    def figures(self) -> dict[str, Any]:
        """Return CPU-ms of an alert both ways, the ratios of each pair, and of their sums.

        The sums are judged: a pair alone scatters by more than the filters may add.
        """
        on, off = ([stages([one]).total for one in some] for some in (self.on, self.off))
        cpu = [with_it / without for with_it, without in zip(on, off, strict=True)]
        whole = stages(self.on).total / stages(self.off).total
        return {
            "alerts": sum(one.alerts for one in (*self.on, *self.off)),
            "cpu_ms_on": on,
            "cpu_ms_off": off,
            "cpu_ratio": cpu,
            "cpu_ratio_of_sums": whole,
            "rate_ratio": [a.rate_hz / b.rate_hz for a, b in zip(self.on, self.off, strict=True)],
            "is_met": whole <= 1 + MOST,
        }


def pairs(run: "Run", one: "SurveyRun") -> Pairs:
    """Time the packets that the survey has for this; afterwards the filters are on again."""
    found = Pairs()
    count = run.profile.filter_pairs
    each = one.load.filtered // (2 * count)
    for number in range(count):
        order = (True, False) if number % 2 else (False, True)
        for is_on in order:
            _restart(run, **({} if is_on else OFF))
            flow.segment(run.system, one.spool, *one.take(each // WARM), run.log)
            timed = flow.segment(run.system, one.spool, *one.take(each - each // WARM), run.log)
            (found.on if is_on else found.off).append(timed)
        print(
            f"{one.spool.survey} with its filters: {found.on[-1].rate_hz:.0f} alerts/s,"
            f" without {found.off[-1].rate_hz:.0f}"
        )
    _restart(run)
    return found


def _restart(run: "Run", **settings: str) -> None:
    run.system.stop_processes(WORKER)
    run.system.start_processes(**settings)
