"""F2: workers' parents and children, and listeners, killed at random every two seconds."""

import time

from tests.drill import crew as crews
from tests.drill.case import MESSAGES_PER_ALERT
from tests.drill.record import Fault
from tests.drill.stage import STREAMS, Stage

RANGES = 2000
SHORT_KILLS = 5
"""Of a parent, of children and of a listener, as the draws fall."""
EVERY_S = 2.0
SHORT_EVERY_S = 1.0
ALERTS_PER_TASK = 3
RATE_PER_S = 30.0
"""Slow enough that most packets are ranges of their own."""
RECOVERED_WITHIN_S = 120.0
WORKERS = ("worker-1", "worker-2")
VICTIMS = ("child", "child", "child", "child", "parent", "child", "child", "parent", "listener")
LIVE_RANGES = "SELECT count(*) FROM stream_ranges"
FINISHED_RANGES = "SELECT count(*) FROM stream_ranges WHERE state = 'done'"


def run(stage: Stage) -> None:
    """Kill until so many ranges were cut; whoever is killed is started again."""
    stage.settings["NIGHTJAR_RANGES__ALERTS_PER_TASK"] = str(ALERTS_PER_TASK)
    del stage.cast["worker"]
    stage.cast |= {name: crews.worker(name) for name in WORKERS}
    in_flight = len(WORKERS) * crews.WORKER_PROCESSES * ALERTS_PER_TASK * MESSAGES_PER_ALERT
    wanted = RANGES
    with stage.case(
        "at random" if stage.is_short else f"at random over {wanted} ranges",
        at_most_repeated=in_flight * wanted,
        rate_per_s=RATE_PER_S,
        within_s=RECOVERED_WITHIN_S,
    ) as case:
        with case.fault():
            kills = 0
            while not _is_enough(stage, kills):
                before = _finished(stage)
                _kill_one(stage)
                kills += 1
                time.sleep(SHORT_EVERY_S if stage.is_short else EVERY_S)
                # On a busy machine a process takes longer to start than we to kill it again.
                stage.crew.wait(
                    lambda before=before: _finished(stage) > before, "work between two kills"
                )
        case.most_repeated = kills * in_flight
        case.outcome.note = _told(stage)


def _is_enough(stage: Stage, kills: int) -> bool:
    if stage.is_short:
        return kills >= SHORT_KILLS
    found: int = stage.system.sql(LIVE_RANGES)[0][0]
    return found >= RANGES


def _finished(stage: Stage) -> int:
    found: int = stage.system.sql(FINISHED_RANGES)[0][0]
    return found


def _kill_one(stage: Stage) -> None:
    crew = stage.crew
    victim = crew.draw.choice(VICTIMS)
    if victim == "listener":
        crew.kill(f"listen-{crew.draw.choice(STREAMS)}")
    elif victim == "parent":
        crew.kill(crew.draw.choice(WORKERS))
    else:
        crew.wait(lambda: crew.kill_child(crew.draw.choice(WORKERS)), "a child to kill")


def _told(stage: Stage) -> str:
    ranges = stage.system.sql(LIVE_RANGES)[0][0]
    return f"{ranges} ranges; killed {dict(sorted(stage.crew.killed.items()))}"


FAULT = Fault("F2", "random kill -9 of workers, their children, and listeners", run, is_short=True)
