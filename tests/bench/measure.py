"""What is read off the machine: D, the calibration loop, CPU by process, memory."""

import io
import platform
import statistics
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any

import fastavro
import psutil

from broker.config import ROOT
from compose.native.kafka import pinned_version
from tests.bench.servers import System
from tests.bench.templates import rubin_schema

PARTS = {
    "postgres": ("postgres",),
    "kafka": ("kafka",),
    "redis": ("redis",),
    "listeners": ("listen-ztf", "listen-lsst"),
    "worker": ("worker-alerts",),
    "upkeep and beat": ("worker-upkeep", "beat"),
}
"""Processes by line of the table."""

CALIBRATION_LOOPS = 200
D_PACKETS = 200
LIBRARIES = ("celery", "fastavro", "numpy", "confluent-kafka", "psycopg", "redis")


@dataclass
class Calibration:
    """The loop that tells how fast the processor is just now [µs]."""

    took_us: list[float] = field(default_factory=list)

    def sample(self) -> None:
        for _ in range(CALIBRATION_LOOPS):
            began = time.perf_counter()
            sum(i * i for i in range(1000))
            self.took_us.append(1e6 * (time.perf_counter() - began))

    def summary(self) -> dict[str, float]:
        return {
            "min_us": round(min(self.took_us), 1),
            "median_us": round(statistics.median(self.took_us), 1),
            "max_us": round(max(self.took_us), 1),
        }


def d_rate(survey: str, packets: Sequence[bytes], seconds: float) -> float:
    """Return D: packets per second that fastavro reads on one core, one after the other."""
    read = reader(survey)
    count, began = 0, time.perf_counter()
    while True:
        for packet in packets[count % len(packets) :][:50]:
            read(packet)
            count += 1
        if (took := time.perf_counter() - began) >= seconds:
            return count / took


def reader(survey: str) -> Callable[[bytes], Any]:
    """Return what D counts: a container with its schema, or a bare record with a parsed one."""
    if survey == "ztf":
        return lambda value: next(fastavro.reader(io.BytesIO(value)))
    schema = rubin_schema()

    def read(value: bytes) -> Any:
        stream = io.BytesIO(value)
        stream.seek(5)
        return fastavro.schemaless_reader(stream, schema, None)

    return read


@dataclass(frozen=True)
class Cpu:
    """CPU seconds since each process began, by part; and inside the alert worker and listeners.

    Attributes
    ----------
    parts : dict
        Whole trees of processes, also of children that ended.
    child_main, child_clients, child_all : float
        The worker's children: main threads, librdkafka's threads, and all of them together.
    bell : float
        The listeners' thread that writes to Redis.
    children : frozenset of int
        The worker's children; in a difference, those that came or went meanwhile. What one took
        that went is known of the whole tree alone, so the ``child`` figures are then too small.
    """

    parts: dict[str, float]
    child_main: float
    child_clients: float
    child_all: float
    bell: float
    children: frozenset[int] = frozenset()

    def since(self, before: "Cpu") -> "Cpu":
        return Cpu(
            {name: spent - before.parts[name] for name, spent in self.parts.items()},
            self.child_main - before.child_main,
            self.child_clients - before.child_clients,
            self.child_all - before.child_all,
            self.bell - before.bell,
            self.children ^ before.children,
        )

    @property
    def total(self) -> float:
        return sum(self.parts.values())


def cpu(system: System) -> Cpu:
    """Read the CPU time of everything."""
    parts = {
        name: sum(tree_s(pid) for part in members if (pid := system.pid(part)))
        for name, members in PARTS.items()
    }
    children = _children(system.child("worker-alerts"))
    threads = [list(_threads(pid)) for pid in children]
    return Cpu(
        parts,
        sum(spent for of in threads for kind, spent in of if kind == "main"),
        sum(spent for of in threads for kind, spent in of if kind == "librdkafka"),
        sum(_own_s(pid) for pid in children),
        sum(
            spent
            for part in PARTS["listeners"]
            for kind, spent in _threads(system.child(part))
            if kind == "other"
        ),
        frozenset(children),
    )


def peak_memory(system: System) -> dict[str, int]:
    """Return the largest resident set of each process [bytes], by part and number."""
    found = {}
    for members in PARTS.values():
        for part in members:
            if pid := system.pid(part):
                for at, process in enumerate(_family(pid)):
                    found[f"{part} {at}"] = _peak(process.pid)
    return {name: size for name, size in found.items() if size}


def machine(system: System) -> dict[str, Any]:
    """Return what the figures depend on; no names of hosts or folders."""
    return {
        "processor": _processor(),
        "cores": psutil.cpu_count(),
        "memory_gb": round(psutil.virtual_memory().total / 1e9, 1),
        "kernel": platform.release(),
        "python": platform.python_version(),
        "postgres": str(system.sql("SHOW server_version")[0][0]),
        "kafka": pinned_version(),
        "redis": str(system.redis()["redis_version"]),
        "fsync": str(system.sql("SHOW fsync")[0][0]),
        "synchronous_commit": str(system.sql("SHOW synchronous_commit")[0][0]),
        "commit": _commit(),
        **{name: version(name) for name in LIBRARIES},
    }


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()


def _commit() -> str:
    def git(*words: str) -> str:
        return subprocess.run(
            ["git", *words], cwd=ROOT, capture_output=True, text=True, check=False
        ).stdout.strip()

    changed = " with changes" if git("status", "--porcelain", "--untracked-files=no") else ""
    return (git("rev-parse", "--short", "HEAD") or "unknown (no repository)") + changed


def _family(pid: int) -> list[psutil.Process]:
    try:
        parent = psutil.Process(pid)
        return [parent, *parent.children(recursive=True)]
    except psutil.NoSuchProcess:
        return []


def tree_s(pid: int) -> float:
    total = 0.0
    for process in _family(pid):
        try:
            times = process.cpu_times()
        except psutil.NoSuchProcess:
            continue
        total += times.user + times.system + times.children_user + times.children_system
    return total


def _own_s(pid: int) -> float:
    times = psutil.Process(pid).cpu_times()
    return float(times.user + times.system)


def _children(pid: int) -> list[int]:
    """Return the pool's processes: children of the worker that run its code."""
    return [child.pid for child in psutil.Process(pid).children()]


def _threads(pid: int) -> Iterator[tuple[str, float]]:
    """Yield the kind and the CPU seconds of each thread."""
    for task in Path(f"/proc/{pid}/task").iterdir():
        try:
            name = (task / "comm").read_text()
            spent = int((task / "schedstat").read_text().split()[0]) / 1e9
        except (FileNotFoundError, ProcessLookupError):
            continue
        if int(task.name) == pid:
            yield "main", spent
        else:
            yield ("librdkafka" if name.startswith("rdk:") else "other"), spent


def _peak(pid: int) -> int:
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except (FileNotFoundError, ProcessLookupError):
        return 0
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM")), 0)
