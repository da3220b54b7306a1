"""One stream on the real parts: its listeners and workers as processes, and what they did."""

import json
import subprocess
import sys
import time
import uuid
from collections import Counter
from pathlib import Path

from confluent_kafka import Consumer, TopicPartition
from confluent_kafka import Producer as Client
from sqlalchemy import text

from broker.config import ROOT
from broker.db import transaction
from broker.kafka import own_connection
from tests.environment import inherited

PATIENCE_S = 90
QUICK = {"NIGHTJAR_RANGES__SESSION_TIMEOUT_MS": "6000"}
ROWS = """CREATE TABLE range_test_rows (topic text, partition int, "offset" bigint,
    times int DEFAULT 1, started_at timestamptz, UNIQUE (topic, partition, "offset"))"""


class World:
    """One stream with one topic, its listeners and its workers."""

    def __init__(self, topic: str, partitions: int, environment: dict[str, str], logs: Path):
        self.stream = f"test-{uuid.uuid4().hex[:8]}"
        self.topic = topic
        self.partitions = partitions
        self.environment = environment
        self.logs = logs
        self.processes: list[subprocess.Popen] = []
        self.produced = Counter()
        group = {"group.id": f"nightjar-{self.stream}"}  # asks, never joins
        self.asker = Consumer({**own_connection(), **group})

    def listener(self, slot=0, **settings):
        module = ("-m", "tests.integration.range_tasks")
        return self._start(
            f"listener-{slot}", settings, *module, self.stream, self.topic, str(slot)
        )

    def worker(self, orders=None, **settings):
        settings["RANGE_TEST"] = json.dumps(orders or {})
        settings["REMAP_SIGTERM"] = "SIGQUIT"
        options = ("-Q", "alerts", "-c", "2", "--without-gossip", "--without-mingle")
        celery = ("-m", "celery", "-A", "tests.integration.range_tasks", "worker")
        return self._start("worker", settings, *celery, *options, "--loglevel", "WARNING")

    def _start(self, name, settings, *words):
        with (self.logs / f"{name}.log").open("ab") as log:
            process = subprocess.Popen(
                [sys.executable, *words],
                cwd=ROOT,
                env=inherited(self.environment, settings),
                stdout=log,
                stderr=log,
            )
        self.processes.append(process)
        return process

    def produce(self, count):
        """Spread ``count`` more messages over the partitions."""
        client = Client({**own_connection("admin"), "linger.ms": 1})
        for number in range(count):
            client.produce(self.topic, b"packet", partition=number % self.partitions)
            self.produced[number % self.partitions] += 1
        assert client.flush(30) == 0

    def expected(self):
        return {(p, o) for p, count in self.produced.items() for o in range(count)}

    def rows(self):
        with transaction() as session:
            found = session.execute(text('SELECT partition, "offset" FROM range_test_rows')).all()
        return {tuple(row) for row in found}

    def states(self):
        with transaction() as session:
            found = session.execute(text("SELECT state, count(*) FROM stream_ranges GROUP BY 1"))
            return dict(found.all())

    def committed(self):
        """Return what Kafka knows, by partition."""
        places = [TopicPartition(self.topic, partition) for partition in range(self.partitions)]
        return {found.partition: found.offset for found in self.asker.committed(places, 10)}

    def wait(self, is_so, what):
        give_up_at = time.monotonic() + PATIENCE_S
        while not is_so():
            assert time.monotonic() < give_up_at, f"{what} never came\n{self.told()}"
            time.sleep(0.1)

    def told(self):
        return "\n".join(
            f"--- {log.name}\n{log.read_text()[-4000:]}" for log in sorted(self.logs.glob("*.log"))
        )

    def wait_until_all_is_done(self):
        self.wait(lambda: self.rows() >= self.expected(), "the last row")
        self.wait(lambda: self.states().keys() <= {"done"}, "the end of the last range")
        self.wait_for_the_last_commit()
        assert self.rows() == self.expected()

    def wait_for_the_last_commit(self):
        ends = {partition: self.produced[partition] for partition in range(self.partitions)}
        self.wait(lambda: self.committed() == ends, "the last commit")

    def end(self):
        self.asker.close()
        for process in self.processes:
            if process.poll() is None:
                process.kill()
            process.wait()
