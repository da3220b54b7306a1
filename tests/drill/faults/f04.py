"""F4: Postgres is killed and started again, stays away for a while, or is frozen.

While it is away nothing can be claimed, stored or marked. A worker that was between the broker's
acknowledgment and the mark repeats its range, one range for each process; nothing else may come
twice.
"""

import time

from tests.drill.case import ALERTS_PER_TASK, MESSAGES_PER_ALERT
from tests.drill.crew import WORKER_PROCESSES
from tests.drill.record import Fault
from tests.drill.stage import Stage

AWAY_S = 10.0
UNMARKED = WORKER_PROCESSES * ALERTS_PER_TASK * MESSAGES_PER_ALERT
"""Messages that Kafka may have and Postgres may not know of when it dies."""


def run(stage: Stage) -> None:
    """Take Postgres away in three ways; the short form freezes nothing."""
    _kill(stage, "kill -9, started at once", 0.0)
    _kill(stage, "kill -9, away for 10 s", AWAY_S)
    if not stage.is_short:
        _freeze(stage)


def _kill(stage: Stage, name: str, away_s: float) -> None:
    with stage.case(name, at_most_repeated=UNMARKED) as case, case.fault():
        stage.servers.kill("postgres")
        time.sleep(away_s)
        stage.servers.start("postgres")


def _freeze(stage: Stage) -> None:
    with stage.case("frozen for 10 s", at_most_repeated=UNMARKED) as case, case.fault():
        stage.servers.freeze("postgres")
        time.sleep(AWAY_S)
        stage.servers.thaw("postgres")


FAULT = Fault("F4", "Postgres: kill -9, away, frozen", run, is_short=False)
