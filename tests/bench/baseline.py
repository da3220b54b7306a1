"""Runs the naive baseline on the run's servers, in a database of its own, and compares."""

import base64
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass

import psycopg
from celery import Celery

from broker import db, kafka_admin
from broker.config import ROOT, config
from tests.bench import measure, same
from tests.bench.evidence import Messages
from tests.bench.flow import SETTLE_S
from tests.bench.packets import Spool
from tests.bench.servers import BenchError, System
from tests.environment import inherited

DATABASE = "nightjar_naive"
PARTITIONS = 4
STARTS_S = 60.0
STUCK_S = 120.0
POLL_S = 0.1
PROCESSES = 2


@dataclass(frozen=True)
class Result:
    """What the baseline did.

    Attributes
    ----------
    alerts : int
        Tasks.
    seconds : float
        From the first task sent to the last row marked.
    cpu_s : float
        Its worker and the servers.
    redis_bytes : int
        That came into Redis meanwhile.
    differences : list of str
        Where its rows and messages are not the flow's.
    """

    alerts: int
    seconds: float
    cpu_s: float
    redis_bytes: int
    differences: list[str]

    @property
    def rate_hz(self) -> float:
        return self.alerts / self.seconds


def copy_database() -> None:
    """Give the baseline the same catalogs and history."""
    db.engine().dispose()
    base, _, name = config().postgres.url.get_secret_value().rpartition("/")
    with psycopg.connect(f"{base}/postgres", autocommit=True) as connection:
        connection.execute(f"DROP DATABASE IF EXISTS {DATABASE} WITH (FORCE)")
        connection.execute(f"CREATE DATABASE {DATABASE} TEMPLATE {name} STRATEGY file_copy")
    from tests.bench.naive import TOPIC

    settings = {"max.message.bytes": str(config().kafka.message_max_bytes)}
    kafka_admin.ensure_topics([kafka_admin.TopicSpec(TOPIC, PARTITIONS, 86_400_000, settings)])


def drop_database() -> None:
    """Throw the baseline's database away."""
    base, _, _ = config().postgres.url.get_secret_value().rpartition("/")
    with psycopg.connect(f"{base}/postgres", autocommit=True) as connection:
        connection.execute(f"DROP DATABASE IF EXISTS {DATABASE} WITH (FORCE)")


def url() -> str:
    """Return the baseline's database."""
    base, _, _ = config().postgres.url.get_secret_value().rpartition("/")
    return f"{base}/{DATABASE}"


def run(system: System, spool: Spool, first: int, last: int, warm: int) -> Result:
    """Carry packets [first, last) through the baseline; the first ``warm`` are not timed."""
    from tests.bench import naive

    with _worker(system) as pid:
        values = list(spool.values(first, last))
        _send(naive.app, spool.survey, values[:warm], first)
        _wait(spool, first, first + warm)
        time.sleep(SETTLE_S)
        before, redis_before = _cpu(system, pid), system.redis()["total_net_input_bytes"]
        began = time.monotonic()
        _send(naive.app, spool.survey, values[warm:], first + warm)
        _wait(spool, first + warm, last)
        seconds = time.monotonic() - began
        spent = _cpu(system, pid) - before
        redis_bytes = system.redis()["total_net_input_bytes"] - redis_before
    return Result(
        last - first - warm, seconds, spent, redis_bytes, _differences(spool, first, last)
    )


def _differences(spool: Spool, first: int, last: int) -> list[str]:
    from tests.bench.naive import TOPIC

    candids = [one.candid for one in spool.expected[first:last]]
    chosen = frozenset(candids)
    ours, theirs = Messages(), Messages()
    ours.read(chosen)
    theirs.read(chosen, [TOPIC])
    return [
        *same.differences(
            spool.survey,
            same.rows(config().postgres.url.get_secret_value(), candids),
            same.rows(url(), candids),
            candids,
        ),
        *same.message_differences(ours.kept, theirs.kept),
        *_topics(ours, theirs, chosen),
    ]


def _topics(ours: Messages, theirs: Messages, chosen: frozenset[int]) -> list[str]:
    pairs = [
        {(one.candid, one.delivery_id) for one in read.seen if one.candid in chosen}
        for read in (ours, theirs)
    ]
    return [f"message of one alone: {pair}" for pair in sorted(pairs[0] ^ pairs[1])[:5]]


@contextmanager
def _worker(system: System) -> Iterator[int]:
    """Run the baseline's worker."""
    words = ("-m", "celery", "-A", "tests.bench.naive", "worker", "-Q", "naive")
    options = ("--concurrency", str(PROCESSES), "--loglevel", "WARNING")
    names = ("--hostname", "naive@%h", "--without-gossip", "--without-mingle")
    with (system.home / "logs" / "naive.log").open("ab") as log:
        process = subprocess.Popen(
            [sys.executable, *words, *options, *names],
            cwd=ROOT,
            env=inherited({"NIGHTJAR_POSTGRES__URL": url()}),
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    try:
        yield process.pid
    finally:
        process.terminate()
        with suppress(subprocess.TimeoutExpired):
            process.wait(STARTS_S)
        process.kill()
        process.wait()


def _send(app: Celery, survey: str, values: list[bytes], first: int) -> None:
    from tests.bench.naive import QUEUE, TASK

    with app.connection_for_write() as connection, app.amqp.Producer(connection) as producer:
        now_ms = int(time.time() * 1000)
        for at, value in enumerate(values, first):
            payload = base64.b64encode(value).decode()
            app.send_task(
                TASK,
                (survey, at, now_ms, payload),
                queue=QUEUE,
                producer=producer,
                ignore_result=True,
            )


def _wait(spool: Spool, first: int, last: int) -> None:
    """Wait until every alert of [first, last) is stored and marked."""
    candids = [one.candid for one in spool.expected[first:last]]
    done, moved_at = -1, time.monotonic()
    with psycopg.connect(url(), autocommit=True) as connection:
        while done < len(candids):
            row = connection.execute(
                "SELECT count(*) FROM alerts WHERE candid = ANY(%s) AND pending = 0", (candids,)
            ).fetchone()
            assert row is not None
            if row[0] != done:
                done, moved_at = row[0], time.monotonic()
            if time.monotonic() - moved_at > STUCK_S:
                raise BenchError(f"the baseline stands at {done} of {len(candids)} alerts")
            time.sleep(POLL_S)


def _cpu(system: System, pid: int) -> float:
    """Return the CPU seconds of the baseline's worker and of the servers."""
    servers = [
        measure.tree_s(found)
        for part in ("postgres", "kafka", "redis")
        if (found := system.pid(part))
    ]
    return measure.tree_s(pid) + sum(servers)
