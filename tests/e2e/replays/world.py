"""Past nights in one process: real Postgres, Kafka and archive; listener and workers by hand."""

import io
import random
import signal
import subprocess
import sys
import uuid
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from confluent_kafka import TopicPartition
from django.core.management import call_command
from sqlalchemy import text

from broker.config import ROOT, config
from broker.db import engine, transaction
from broker.kafka import Cluster, own_connection
from broker.kafka_connection import admin_client
from broker.ranges.claim import claim
from pipeline.alerts import ledger, replay_tasks, tasks
from pipeline.alerts.resources import Resources
from tests.drill.books import sending
from tests.drill.load import FIRST_CANDID, ztf
from tests.e2e import system as systems
from tests.e2e.published import OUTPUTS, consume

EMPTY = "TRUNCATE alerts, alert_duplicates, objects, light_curves"
NIGHTS = ("--from", "2026-01-01", "--to", "2099-12-30")
"""Packets of these tests come when the test runs."""
PACKETS = 60
MESSAGES = 2 * PACKETS
"""Each packet of these tests goes to a class topic and to babamul.none."""
LONGEST = 20
MOST_PACKETS = 1000
DOOMED = """
from broker.celery import app
from broker.ranges.claim import claim
from pipeline.alerts.tasks import work_on
"""


def books() -> ledger.Ledger:
    """Return the books of every stream."""
    with transaction() as session:
        return ledger.read(session)


def counts() -> dict[str, int]:
    """Return what became of the packets of ZTF."""
    return ledger.by_stream(books())["ztf"]


@dataclass
class ReplayWorld:
    """One topic of one stream, worked range by range as a test says."""

    topic: str
    monkeypatch: Any
    partitions: int = 2
    rung: list[tuple[Any, ...]] = field(default_factory=list)
    first_packet: int = field(
        default_factory=lambda: MOST_PACKETS * random.SystemRandom().randrange(10**6, 3 * 10**6)
    )

    def __post_init__(self) -> None:
        self.resources = Resources(config())
        self.monkeypatch.setattr(tasks, "resources", lambda: self.resources)
        self.monkeypatch.setattr(replay_tasks, "enqueue", self._hear)
        replay_tasks._cluster.cache_clear()
        self.cluster = Cluster(own_connection())

    def _hear(self, task: str, _queue: str, *arguments: Any, priority: int = 0) -> bool:
        if task != replay_tasks.ADVANCE:
            assert priority == 9
            self.rung.append(arguments)
        return True

    def packets(self, count: int) -> list[bytes]:
        """Return packets that no other world on the same broker has."""
        return [ztf(self.first_packet + number).value for number in range(count)]

    def listen(self) -> None:
        """Work everything that has come, live, and commit it."""
        topic_id = self.cluster.topic_ids([self.topic])[self.topic]
        places = [(self.topic, partition) for partition in range(self.partitions)]
        for (topic, partition), high in self.cluster.ends(places).items():
            at = {"topic": topic, "partition": partition, "topic_id": topic_id, "high": high}
            begin = self.value(
                "SELECT committed_offset FROM stream_partitions WHERE topic = :topic"
                " AND partition = :partition",
                **at,
            )
            self.do(
                "INSERT INTO stream_partitions (stream, topic, partition, topic_id, epoch)"
                " VALUES ('ztf', :topic, :partition, :topic_id, 1) ON CONFLICT DO NOTHING",
                **at,
            )
            for first in range(begin or 0, high, LONGEST):
                last = min(high, first + LONGEST) - 1
                self.do(
                    "INSERT INTO stream_ranges (stream, topic, partition, first_offset, last_offset)"
                    " VALUES ('ztf', :topic, :partition, :first, :last)",
                    topic=topic,
                    partition=partition,
                    first=first,
                    last=last,
                )
                self.work("ztf", topic, partition, first, last)
            self.do(
                "UPDATE stream_partitions SET committed_offset = :high, high_offset = :high"
                " WHERE topic = :topic AND partition = :partition",
                **at,
            )

    def work(
        self, stream: str, topic: str, partition: int, first: int, _last: int, replay_id: int = 0
    ) -> None:
        """Work one range as a worker does."""
        held = claim(stream, topic, partition, first, replay_id, owner=uuid.uuid4().hex)
        if held is not None:
            tasks.work_on(held, 0.0)

    def die_at(self, point: str, system: systems.System, *arguments: Any) -> None:
        """Let a process of its own work one range and be killed at a fail point."""
        stream, topic, partition, first, _last, replay_id = arguments
        claimed = f"{stream!r}, {topic!r}, {partition}, {first}, {replay_id}, 'doomed'"
        done = subprocess.run(
            [sys.executable, "-c", f"{DOOMED}work_on(claim({claimed}), 0.0)"],
            cwd=ROOT,
            env=system._environment() | {"NIGHTJAR_TESTING__FAILPOINT": point},
            timeout=300,
            check=False,
        )
        assert done.returncode == -signal.SIGKILL

    def ask(self, *words: str) -> str:
        """Run the command without waiting; return what it said."""
        said = io.StringIO()
        call_command("replay", "ztf", *NIGHTS, "--yes", "--no-wait", *words, stdout=said)
        return said.getvalue()

    def step(self) -> list[tuple[Any, ...]]:
        """Let beat ring once; return the ranges that are rung for."""
        self.rung.clear()
        replay_tasks.advance_replays()
        return list(self.rung)

    def carry_on(self) -> None:
        """Ring and work until every replay has ended."""
        for _ in range(100):
            for arguments in self.step():
                self.work(*arguments)
            if not self.value("SELECT count(*) FROM replays WHERE finished_at IS NULL"):
                return
        raise AssertionError(self.rows("SELECT * FROM replays"))

    def replay(self, *words: str) -> str:
        """Ask for a replay and carry it to its end; return the preview."""
        said = self.ask(*words)
        self.carry_on()
        return said

    def forget(self) -> None:
        """Let Kafka forget everything of the topic."""
        ends = [TopicPartition(self.topic, partition, -1) for partition in range(self.partitions)]
        admin = admin_client()  # kept: its answers end with it
        for future in admin.delete_records(ends).values():
            future.result(15)

    def science(self) -> tuple[list[Any], list[Any]]:
        """Return the keys of the alerts, and the light curves."""
        alerts = self.rows("SELECT survey, candid, source_offset FROM alerts ORDER BY 1, 2")
        curves = self.rows(
            "SELECT o.survey, o.object_id, c.series, c.points FROM light_curves AS c"
            " JOIN objects AS o ON o.id = c.object_id ORDER BY 1, 2, 3"
        )
        return alerts, curves

    def sent_since(self, ends: dict[tuple[str, int], int]) -> Counter[tuple[Any, ...]]:
        """Return what came to the public topics, with its delivery id."""
        came = consume(OUTPUTS, ends)
        own = {str(FIRST_CANDID + self.first_packet + n) for n in range(MOST_PACKETS)}
        return Counter(
            (*sending(one), one.headers["delivery_id"])
            for one in came
            if one.headers["candid"] in own
        )

    def last_replay(self) -> Any:
        """Return the newest replay's row."""
        return self.rows("SELECT * FROM replays ORDER BY id DESC LIMIT 1")[0]

    def rows(self, statement: str, **values: Any) -> list[Any]:
        """Return the rows of one statement."""
        with transaction() as session:
            return list(session.execute(text(statement), values).all())

    def value(self, statement: str, **values: Any) -> Any:
        """Return one value, None without a row."""
        with transaction() as session:
            return session.scalar(text(statement), values)

    def do(self, statement: str, **values: Any) -> None:
        """Run one statement that returns nothing."""
        with transaction() as session:
            session.execute(text(statement), values)

    def close(self) -> None:
        """Close what is open."""
        self.resources.close()
        engine().dispose()
