"""C1 to C3: one of several is killed: a broker of three, the workers of a host, the replica.

The workers of the second host have an archive of their own, as on another machine.
"""

import subprocess
import sys
import time
from dataclasses import replace

from broker.config import ROOT
from tests.drill import crew as crews
from tests.drill.case import ALERTS_PER_TASK, MESSAGES_PER_ALERT
from tests.drill.crew import WORKER_PROCESSES
from tests.drill.record import Fault
from tests.drill.stage import Stage
from tests.environment import inherited

AWAY_S = 10.0
FAR = "worker-far"
HOST = "host-b"
AT_WORK = 2 * WORKER_PROCESSES * ALERTS_PER_TASK * MESSAGES_PER_ALERT
"""Messages that may be on their way at one time, from both hosts."""
TRIES = 2
ASKED_WITHIN_S = 90
_ASK = """
import sys, time
from sqlalchemy import text
from broker.replica import nearby, seen
give_up_at = time.monotonic() + float(sys.argv[2])
while (found := seen()).state != sys.argv[1] and time.monotonic() < give_up_at:
    time.sleep(0.3)
with nearby(statement_timeout_s=5) as session:
    print(found.state, session.scalar(text("SELECT pg_is_in_recovery()")),
          session.scalar(text("SELECT count(*) FROM alerts")))
"""
"""What a page does: prints the replica's state, whether it was read, and how many alerts it had."""


def kill_broker(stage: Stage) -> None:
    """Kill the broker that clients are told of first, then another for longer, then two."""
    _two_hosts(stage)
    _without(stage, "first of three, started at once", 0.0, "kafka")
    _without(stage, "another, away for 10 s", AWAY_S, "kafka-2")
    if not stage.is_short:
        _without(stage, "two of three, away for 10 s", AWAY_S, "kafka-2", "kafka-3")


def kill_workers(stage: Stage) -> None:
    """Kill every process of one host's workers."""
    _two_hosts(stage)
    with stage.case("kill -9 of a host's workers", at_most_repeated=AT_WORK) as case:
        stage.crew.wait_until_ready(FAR)
        case.strike()
        stage.crew.kill_family(FAR)


def kill_replica(stage: Stage) -> None:
    """Kill the replica while alerts flow; who reads goes to the primary, and back."""
    _two_hosts(stage)
    with stage.case("kill -9 of the replica") as case:
        before = _ask(stage, "used")
        with case.fault():
            stage.servers.kill("postgres-replica")
            without = _ask(stage, "away")
            stage.servers.start("postgres-replica")
        again = _ask(stage, "used")
        if [one[:2] for one in (before, without, again)] != [
            ("used", "True"),
            ("away", "False"),
            ("used", "True"),
        ]:
            case.complaints.append(f"pages read {before}, {without}, {again}")
        if not int(before[2]) <= int(without[2]) <= int(again[2]):
            case.complaints.append(f"alerts were missing: {before}, {without}, {again}")
        case.outcome.note = f"alerts that a page saw: {before[2]}, {without[2]}, {again[2]}"


def _without(stage: Stage, name: str, away_s: float, *brokers: str) -> None:
    with stage.case(name, at_most_repeated=TRIES * AT_WORK) as case, case.fault():
        for broker in brokers:
            stage.servers.kill(broker)
        time.sleep(away_s)
        for broker in brokers:
            stage.servers.start(broker)


def _two_hosts(stage: Stage) -> None:
    worker = crews.worker(FAR)
    of_host = {
        "NIGHTJAR_ARCHIVE__HOST": HOST,
        "NIGHTJAR_ARCHIVE__PATH": f"{stage.system.environment['NIGHTJAR_ARCHIVE__PATH']}-{HOST}",
    }
    stage.cast[FAR] = replace(worker, environment={**worker.environment, **of_host})


def _ask(stage: Stage, state: str) -> tuple[str, str, str]:
    url = stage.system.environment["NIGHTJAR_POSTGRES__URL"]
    server = inherited()["NIGHTJAR_POSTGRES__REPLICA_URL"].rpartition("/")[0]
    done = subprocess.run(
        [sys.executable, "-c", _ASK, state, str(ASKED_WITHIN_S)],
        cwd=ROOT,
        env=inherited(
            stage.system.environment,
            {"NIGHTJAR_POSTGRES__REPLICA_URL": f"{server}/{url.rpartition('/')[2]}"},
        ),
        capture_output=True,
        text=True,
        timeout=2 * ASKED_WITHIN_S,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    found, was_replica, alerts = done.stdout.split()[-3:]
    return found, was_replica, alerts


BROKER = Fault("C1", "one broker of three: kill -9", kill_broker, is_short=False)
WORKERS = Fault("C2", "the workers of one host of two: kill -9", kill_workers, is_short=False)
REPLICA = Fault("C3", "the replica of Postgres: kill -9", kill_replica, is_short=False)
