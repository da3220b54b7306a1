"""F1: a process is killed with -9 at each named place of the range protocol."""

from tests.drill import crew as crews
from tests.drill.case import ALERTS_PER_TASK, MESSAGES_PER_ALERT
from tests.drill.record import Fault
from tests.drill.stage import Stage

WORKER_POINTS = (
    "after_claim",
    "after_read",
    "after_archive",
    "after_store",
    "after_ack",
    "before_done",
)
LISTENER_POINTS = ("after_insert", "after_publish", "before_commit", "after_commit")
ACKNOWLEDGED = frozenset({"after_ack", "before_done"})
"""Here Kafka has the messages, and Postgres does not know it yet."""
PASSES = (1, 2)
LOST = "worker.lost"
SHORT = ("after_store", "before_done", "before_commit")


def run(stage: Stage) -> None:
    """Kill at each place, at the first and at the second pass, one case each."""
    for point in (*WORKER_POINTS, *LISTENER_POINTS):
        for nth in PASSES:
            if not stage.is_short or (point in SHORT and nth == 1):
                _kill_at(stage, point, nth)


def _kill_at(stage: Stage, point: str, nth: int) -> None:
    name, case = f"{point}:{nth}", _kill_worker if point in WORKER_POINTS else _kill_listener
    case(stage, name, {"NIGHTJAR_TESTING__FAILPOINT": name}, is_late=point in ACKNOWLEDGED)


def _kill_worker(stage: Stage, name: str, once: dict[str, str], *, is_late: bool) -> None:
    """Put a worker that loses its only child in the place of the one at work."""
    most = ALERTS_PER_TASK * MESSAGES_PER_ALERT if is_late else 0
    with stage.case(name, at_most_repeated=most, at_least_repeated=int(is_late)) as case:
        lost = stage.crew.log("worker").count(LOST)
        stage.crew.want("worker", crews.worker("worker", 1, "tests.drill.frail", **once))
        stage.crew.wait(lambda: stage.crew.log("worker").count(LOST) > lost, "a child's death")
        case.strike()
    assert stage.crew.log("worker").count(LOST) == lost + 1


def _kill_listener(stage: Stage, name: str, once: dict[str, str], *, is_late: bool) -> None:
    """Put a listener that dies in the place of the one at work; its supervisor starts another."""
    with stage.case(name) as case:
        deaths = stage.crew.deaths["listen-ztf"]
        stage.crew.want("listen-ztf", crews.listener("ztf", **once))
        stage.crew.wait(lambda: stage.crew.deaths["listen-ztf"] > deaths, "its death")
        case.strike()


FAULT = Fault("F1", "kill -9 at each of the ten fail points", run, is_short=True)
