"""F9: Redis delivers a range's task again and again while it is worked on."""

import time

from tests.drill import crew as crews
from tests.drill.record import Fault
from tests.drill.stage import Stage
from tests.drill.tripling import COPY, Tripler

LASTS_S = 10.0
SHORT_LASTS_S = 2.0
SLOW_RATE_PER_S = 4.0
SLOW_S = 30.0


def run(stage: Stage) -> None:
    """Ring three times more for each range; then let Redis do it by itself."""
    with stage.case("each task rung four times") as case:
        with case.fault(), Tripler(stage.system) as tripler:
            time.sleep(SHORT_LASTS_S if stage.is_short else LASTS_S)
        case.outcome.note = f"{tripler.sent} more rings"
        assert tripler.sent > 0
    if not stage.is_short:
        _take_back(stage)


def _take_back(stage: Stage) -> None:
    stage.cast["worker"] = crews.worker("worker", app="tests.drill.impatient")
    stage.man()
    with stage.case("taken back after 1 s, ranges of 5 s", rate_per_s=SLOW_RATE_PER_S) as case:
        with case.fault():
            time.sleep(SLOW_S)
        copies = stage.crew.log("worker").count(COPY)
        dropped = stage.crew.log("worker").count('"is_dropped": true')
        case.outcome.note = f"{copies} deliveries, {dropped} of them dropped"
        assert dropped > 0, "no copy ever came"


FAULT = Fault("F9", "tasks delivered again and again", run, is_short=True)
