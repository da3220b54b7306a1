"""The system under test: servers in a home of their own, and our processes as production starts them."""

import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg
from confluent_kafka import Producer
from redis import Redis

from broker import db, kafka_admin
from broker.config import ROOT, config
from broker.kafka_connection import own_connection
from compose.native.processes import read_record, running
from pipeline import bootstrap
from tests.bench.profiles import Profile, home_path
from tests.environment import point_at
from tests.native import Home, Native

INPUT = {"ztf": "ztf_20261120_programid1", "lsst": "lsst-alerts-v11"}
PARTITIONS = 4
APPEND_TIME = {"message.timestamp.type": "LogAppendTime"}
READY_S = 120.0
START_ATTEMPTS = 3
RANGE_PROCESSES = ("worker-alerts", "listen-ztf", "listen-lsst")
OURS = (*RANGE_PROCESSES, "worker-upkeep", "beat")
"""Everything of ours but the web, which an alert never passes."""
SHOWN = 500
KAFKA_QUEUE_KB = 200_000


class BenchError(Exception):
    """The run cannot go on; the message says why."""


@dataclass
class System:
    """One home with its servers and our processes; settings of this process point at it."""

    native: Native
    sent: dict[str, int] = field(default_factory=lambda: {"ztf": 0, "lsst": 0})
    _producer: Producer | None = None

    @property
    def home(self) -> Path:
        return self.native.home.path

    @property
    def worker_log(self) -> Path:
        return self.home / "logs" / "worker-alerts.log"

    def pid(self, part: str) -> int | None:
        """Return the process of a part: the server's, or that of a supervisor of ours."""
        record = running(self.native.home, part)
        return record.pid if record else None

    def child(self, part: str) -> int:
        """Return the process under a supervisor of ours."""
        record = read_record(self.native.home, f"{part}.child")
        if record is None:
            raise BenchError(f"{part} does not run; see {self.home}/logs/{part}.log")
        return record.pid

    def start_processes(self, **settings: str) -> None:
        """Start listeners, workers and beat; wait until the listeners own their partitions."""
        _start(Native(self.native.home, settings), *OURS)
        deadline = time.monotonic() + READY_S
        while not self._is_ready():
            if time.monotonic() > deadline:
                raise BenchError(f"no listener owns its partitions; see {self.home}/logs")
            time.sleep(0.2)

    def stop_processes(self, *names: str) -> None:
        """Stop processes of ours, all when none is named; the servers stay."""
        self.native.must("down", *(names or OURS))

    def send(self, survey: str, values: Iterator[bytes]) -> int:
        """Append packets to the input topic, one partition after the other; return how many."""
        producer = self.producer()
        failed: list[Any] = []
        count = 0
        for value in values:
            self.offer(producer, survey, value, lambda error, _: error and failed.append(error))
            count += 1
        if producer.flush(60) or failed:
            raise BenchError(f"Kafka did not take every packet: {failed[:1]}")
        return count

    def offer(self, producer: Producer, survey: str, value: bytes, note: Any) -> None:
        """Hand one packet to the producer."""
        place = self.sent[survey] % PARTITIONS
        while True:
            try:
                producer.produce(INPUT[survey], value, partition=place, on_delivery=note)
                break
            except BufferError:
                producer.poll(0.1)
        self.sent[survey] += 1

    def producer(self) -> Producer:
        if self._producer is None:
            self._producer = Producer(
                {
                    **own_connection("feed"),
                    "enable.idempotence": True,
                    "linger.ms": 1,
                    "message.max.bytes": config().kafka.message_max_bytes,
                    "queue.buffering.max.kbytes": KAFKA_QUEUE_KB,
                }
            )
        return self._producer

    def sql(self, statement: str, *parameters: Any) -> list[tuple[Any, ...]]:
        """Return the rows of one statement."""
        url = config().postgres.url.get_secret_value()
        with psycopg.connect(url, autocommit=True) as connection:
            done = connection.execute(statement, parameters)
            return done.fetchall() if done.description else []

    def redis(self) -> dict[str, Any]:
        """Return what Redis says of itself."""
        with Redis.from_url(config().redis.url.get_secret_value()) as client:
            return dict(client.info())

    def _is_ready(self) -> bool:
        rows = self.sql(
            "SELECT stream, count(*) FROM stream_partitions WHERE owner IS NOT NULL"
            " AND updated_at > now() - interval '30 s' GROUP BY 1"
        )
        return dict(rows) == {"ztf": PARTITIONS, "lsst": PARTITIONS}


@contextmanager
def system(profile: Profile) -> Iterator[System]:
    """Yield running servers with empty topics and migrated tables; all is stopped at the end."""
    home = home_path()
    _demand_disk(home, profile)
    native = Native(Home(home))
    native.must("down")
    _empty(home)
    try:
        _start(native, "servers", "--free-ports")
        point_at(native.settings())
        _forget()
        yield _prepared(System(native))
    finally:
        native.must("down")
        _empty(home)


def _start(native: Native, *words: str) -> None:
    """Start parts; on a machine that does much else they may need a second look."""
    for _ in range(START_ATTEMPTS):
        done = native.run("up", *words)
        if done.returncode == 0:
            return
    raise BenchError(f"{words[0]} do not start: {(done.stdout + done.stderr)[:SHOWN]}")


def _prepared(found: System) -> System:
    subprocess.run([sys.executable, "manage.py", "migrate", "-v", "0"], cwd=ROOT, check=True)
    settings = config()
    inputs = [bootstrap.input_topic(settings, name) for name in INPUT.values()]
    kafka_admin.ensure_topics(
        kafka_admin.TopicSpec(
            spec.name,
            PARTITIONS if spec in inputs else spec.partitions,
            spec.retention_ms,
            {**spec.config, **APPEND_TIME},
        )
        for spec in (*inputs, *bootstrap.output_topics(settings))
    )
    kafka_admin.ensure_acls(bootstrap.service_acls(settings))
    return found


def _demand_disk(home: Path, profile: Profile) -> None:
    folder = home
    while not folder.exists():
        folder = folder.parent
    usage = shutil.disk_usage(folder)
    # Below a twentieth the listeners brake, and nothing would ever be cut.
    free = usage.free - usage.total // 20
    if free < profile.free_bytes:
        raise BenchError(
            f"{free / 1e9:.0f} GB free below {folder}, the {profile.name} form wants "
            f"{profile.free_bytes / 1e9:.0f} GB"
        )


def _empty(home: Path) -> None:
    """Throw away what a run leaves, but the database with its catalogs, and the spool."""
    for name in ("kafka/data", "archive", "redis"):
        shutil.rmtree(home / name, ignore_errors=True)


def _forget() -> None:
    config.cache_clear()
    db.engine.cache_clear()
    db._sessions.cache_clear()
