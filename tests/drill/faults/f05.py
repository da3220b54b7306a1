"""F5: Kafka is killed, frozen, or refuses what we write for want of replicas.

The advertised address of a broker leads its clients past a proxy, so a slow Kafka is a frozen one:
for 10 s, which producers sit out, and for 30 s, which is longer than their delivery timeout (20 s).
Want of replicas is real: the output topics demand two in-sync replicas where there is one, and the
broker refuses every write with NOT_ENOUGH_REPLICAS until the demand is taken back.
"""

import time

from confluent_kafka.admin import AlterConfigOpType, ConfigEntry, ConfigResource, ResourceType

from broker.kafka_connection import ANSWER_S, admin_client
from tests.drill.books import OUTPUTS
from tests.drill.case import ALERTS_PER_TASK, MESSAGES_PER_ALERT
from tests.drill.crew import WORKER_PROCESSES
from tests.drill.record import Fault
from tests.drill.stage import Stage

SIT_OUT_S = 10.0
TOO_LONG_S = 30.0
REPLICAS = "min.insync.replicas"
REFUSED = "not acknowledged"
"""In the log of a worker whose messages were not taken."""
AT_WORK = WORKER_PROCESSES * ALERTS_PER_TASK * MESSAGES_PER_ALERT
"""Messages that may be on their way at one time."""
TRIES = 2
"""Of each of them within the longest outage: one every 20 s."""


def run(stage: Stage) -> None:
    """Take Kafka away in each way; the short form knows death and want of replicas."""
    _kill(stage, "kill -9, started at once", 0.0)
    _starve(stage, "NOT_ENOUGH_REPLICAS for 10 s", SIT_OUT_S)
    if not stage.is_short:
        _kill(stage, "kill -9, away for 10 s", SIT_OUT_S)
        _freeze(stage, "frozen for 10 s", SIT_OUT_S)
        _freeze(stage, "frozen for 30 s", TOO_LONG_S)
        _starve(stage, "NOT_ENOUGH_REPLICAS for 30 s", TOO_LONG_S)


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


def _starve(stage: Stage, name: str, for_s: float) -> None:
    """Refuse all writes; what is refused is not in the log, so nothing may come twice."""
    with stage.case(name) as case:
        _ = stage.servers  # the topics are everybody's
        refused = stage.crew.log("worker").count(REFUSED)
        with case.fault():
            _demand_replicas(2)
            try:
                time.sleep(for_s)
            finally:
                _demand_replicas(1)
        if for_s > SIT_OUT_S:
            assert stage.crew.log("worker").count(REFUSED) > refused, "no write was refused"


def _demand_replicas(count: int) -> None:
    demands = [
        ConfigResource(
            ResourceType.TOPIC,
            topic,
            incremental_configs=[
                ConfigEntry(REPLICAS, str(count), incremental_operation=AlterConfigOpType.SET)
            ],
        )
        for topic in OUTPUTS
    ]
    admin = admin_client()  # what it was asked dies with it
    for answer in admin.incremental_alter_configs(demands).values():
        answer.result(ANSWER_S)


FAULT = Fault("F5", "Kafka: kill -9, frozen, NOT_ENOUGH_REPLICAS", run, is_short=False)
