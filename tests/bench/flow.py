"""Timed segments of the flow: packets lie in Kafka, the brake goes off, and the log tells the rest."""

import json
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from broker.config import config
from broker.db import transaction
from broker.ranges import stops
from tests.bench import measure
from tests.bench.measure import Cpu
from tests.bench.packets import Spool
from tests.bench.servers import BenchError, System

DONE = "range.done"
STOPPED = "listener.stopped"
STUCK_S = 120.0
SETTLE_S = 1.6
"""Listeners commit every second."""
WAIT_S = 0.02


@dataclass
class WorkerLog:
    """The log of one of our processes, read on from where the last reading ended."""

    path: Path
    position: int = 0

    def skip(self) -> None:
        """Forget what stands there."""
        self.position = self.path.stat().st_size if self.path.exists() else 0

    def lines(self) -> Iterator[dict[str, Any]]:
        """Yield the lines that have come; half a line waits."""
        if not self.path.exists():
            return
        if self.path.stat().st_size < self.position:
            self.position = 0  # a new file: the old one had grown too long
        with self.path.open("rb") as file:
            file.seek(self.position)
            for line in file:
                if not line.endswith(b"\n"):
                    return
                self.position += len(line)
                if line.startswith(b"{"):
                    yield json.loads(line)


@dataclass
class Work:
    """What the worker said of some ranges."""

    read: int = 0
    ranges: int = 0
    last_at: float = 0.0
    wall_ms: Counter[str] = field(default_factory=Counter)
    cpu_ms: Counter[str] = field(default_factory=Counter)
    body_cpu_ms: float = 0.0

    def add(self, line: dict[str, Any]) -> None:
        self.read += line["read"]
        self.ranges += 1
        self.last_at = datetime.fromisoformat(line["timestamp"]).timestamp()
        self.body_cpu_ms += line["task_cpu_ms"]
        for name, value in line.items():
            if name.endswith("_cpu_ms") and name != "task_cpu_ms":
                self.cpu_ms[name.removesuffix("_cpu_ms")] += value
            elif name.endswith("_ms") and not name.endswith("_cpu_ms"):
                self.wall_ms[name.removesuffix("_ms")] += value


@dataclass(frozen=True)
class Segment:
    """One timed stretch.

    Attributes
    ----------
    alerts : int
        Packets worked on.
    seconds : float
        From the first enqueue to the end of the last range.
    work : Work
        Of the worker's own telling.
    cpu : Cpu
        CPU seconds meanwhile.
    redis_bytes : int
        That came into Redis meanwhile.
    """

    alerts: int
    seconds: float
    work: Work
    cpu: Cpu
    redis_bytes: int

    @property
    def rate_hz(self) -> float:
        return self.alerts / self.seconds


def brake(system: System, survey: str) -> None:
    """Stop cutting, and wait until the listener says so."""
    log = WorkerLog(system.home / "logs" / f"listen-{survey}.log")
    log.skip()
    with transaction() as session:
        stops.stop(session, survey, "the benchmark fills the topic")
    give_up_at = time.monotonic() + STUCK_S
    while not any(line.get("event") == STOPPED for line in log.lines()):
        if time.monotonic() > give_up_at:
            raise BenchError(f"the listener of {survey} does not stop; see {log.path}")
        time.sleep(WAIT_S)


def release(survey: str) -> None:
    """Let the listener cut again."""
    with transaction() as session:
        stops.resume(session, survey)


def segment(system: System, spool: Spool, first: int, last: int, log: WorkerLog) -> Segment:
    """Fill the topic with packets [first, last) behind the brake, and time their way."""
    survey = spool.survey
    brake(system, survey)
    system.send(survey, spool.values(first, last))
    newest = system.sql("SELECT coalesce(max(id), 0) FROM stream_ranges")[0][0]
    log.skip()
    redis_before, before = system.redis(), measure.cpu(system)
    release(survey)
    began = _first_enqueue(system, newest)
    work = wait_for(log, last - first)
    spent = measure.cpu(system).since(before)
    redis_bytes = system.redis()["total_net_input_bytes"] - redis_before["total_net_input_bytes"]
    return Segment(last - first, work.last_at - began, work, spent, redis_bytes)


def _first_enqueue(system: System, newest: int) -> float:
    """Wait for the first range after the row ``newest``; return when it was enqueued [s].

    Its bell is due again so long after it was inserted and rung. Asked for at once, for done rows
    are deleted in time.
    """
    give_up_at = time.monotonic() + STUCK_S
    while time.monotonic() < give_up_at:
        ring_at = system.sql(
            "SELECT extract(epoch FROM min(ring_at))::float8 FROM stream_ranges WHERE id > %s",
            newest,
        )[0][0]
        if ring_at is not None:
            return float(ring_at) - config().ranges.ring_after_s
        time.sleep(WAIT_S)
    raise BenchError("the listener cuts nothing")


def wait_for(log: WorkerLog, alerts: int) -> Work:
    """Read the worker's log until so many packets are done."""
    work = Work()
    moved_at = time.monotonic()
    while work.read < alerts:
        for line in log.lines():
            if line.get("event") == DONE:
                work.add(line)
                moved_at = time.monotonic()
            elif line.get("level") in {"warning", "error", "critical"}:
                print(f"  worker: {line.get('event')} {line.get('error', '')}"[:300])
        if time.monotonic() - moved_at > STUCK_S:
            raise BenchError(f"{work.read} of {alerts} packets done, and none for {STUCK_S:.0f} s")
        time.sleep(WAIT_S)
    return work
