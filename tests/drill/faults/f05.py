"""F5: Kafka is killed, or frozen.

The advertised address of a broker leads its clients past a proxy, so a slow Kafka is a frozen one:
for 10 s, which producers sit out, and for 30 s, which is longer than their delivery timeout (20 s).
Want of replicas needs a cluster: one broker never refuses a write for it.
"""

import time

from tests.drill.case import ALERTS_PER_TASK, MESSAGES_PER_ALERT
from tests.drill.crew import WORKER_PROCESSES
from tests.drill.record import Fault
from tests.drill.stage import Stage

SIT_OUT_S = 10.0
TOO_LONG_S = 30.0
ONE_BROKER = "Kafka 4 takes min.insync.replicas above a topic's replicas for all of them (tried)"
AT_WORK = WORKER_PROCESSES * ALERTS_PER_TASK * MESSAGES_PER_ALERT
"""Messages that may be on their way at one time."""
TRIES = 2
"""Of each of them within the longest outage: one every 20 s."""


def run(stage: Stage) -> None:
    """Take Kafka away in each way; the short form knows death alone."""
    _kill(stage, "kill -9, started at once", 0.0)
    stage.skip("NOT_ENOUGH_REPLICAS", ONE_BROKER)
    if not stage.is_short:
        _kill(stage, "kill -9, away for 10 s", SIT_OUT_S)
        _freeze(stage, "frozen for 10 s", SIT_OUT_S)
        _freeze(stage, "frozen for 30 s", TOO_LONG_S)


def _kill(stage: Stage, name: str, away_s: float) -> None:
    with stage.case(name, at_most_repeated=TRIES * AT_WORK) as case, case.fault():
        stage.servers.kill("kafka")
        time.sleep(away_s)
        stage.servers.start("kafka")


def _freeze(stage: Stage, name: str, for_s: float) -> None:
    with stage.case(name, at_most_repeated=TRIES * AT_WORK) as case, case.fault():
        stage.servers.freeze("kafka")
        time.sleep(for_s)
        stage.servers.thaw("kafka")


FAULT = Fault("F5", "Kafka: kill -9, away, frozen", run, is_short=False)
