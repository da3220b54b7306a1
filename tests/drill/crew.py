"""Our processes in a drill, started again when they end, as their supervisor would.

A parent that was killed leaves its children behind, as a pulled plug does not but a kill does: they
are orphans that still hold ranges, which is the harder case.
"""

import random
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field

import psutil

from tests.e2e.system import System

WATCH_S = 0.1
BACK_OFF_S = 1.0
PATIENCE_S = 90.0
WORKER_PROCESSES = 2
MEGABYTE = 1e6
READY = "ready."
"""What Celery logs when a worker takes tasks."""


@dataclass
class Member:
    """One process that is wanted.

    Attributes
    ----------
    words : tuple of str
        What to run after Python.
    environment : mapping
        Of every life.
    once : mapping
        Of the next life alone.
    """

    words: tuple[str, ...]
    environment: Mapping[str, str] = field(default_factory=dict)
    once: Mapping[str, str] = field(default_factory=dict)


def listener(stream: str, slot: int = 0, **once: str) -> Member:
    """Return a listener; ``once`` is the environment of its first life."""
    return Member(("manage.py", "listen", stream, "--slot", str(slot)), {}, once)


def worker(
    name: str,
    concurrency: int = WORKER_PROCESSES,
    app: str = "broker.celery",
    queue: str = "alerts",
    **once: str,
) -> Member:
    """Return a Celery worker of one queue; ``once`` is the environment of its first life."""
    words = (
        *("-m", "celery", "-A", app, "worker", "-Q", queue),
        *("--concurrency", str(concurrency), "--hostname", f"{name}@%h", "--loglevel", "INFO"),
        *("--without-gossip", "--without-mingle"),
    )
    return Member(words, {"REMAP_SIGTERM": "SIGQUIT"}, once)


def beat() -> Member:
    """Return the clock of the periodic tasks."""
    words = ("beat", "--loglevel", "INFO", "--pidfile", "")
    return Member(("-m", "celery", "-A", "broker.celery", *words))


class Crew:
    """The processes of one stage.

    Parameters
    ----------
    system : System
        Starts them.
    seed : int
        Of every draw.
    patience : float
        Every limit on waiting is this many times as long.
    """

    def __init__(self, system: System, seed: int, patience: float = 1.0) -> None:
        self._system = system
        self._patience = patience
        self._wanted: dict[str, Member] = {}
        self._lock = threading.RLock()
        self._is_ending = threading.Event()
        self._watch = threading.Thread(target=self._keep, name="crew", daemon=True)
        self._noted: set[int] = set()
        self._started_at: dict[str, float] = {}
        self._children: set[psutil.Process] = set()
        self.draw = random.Random(seed)
        self.killed: Counter[str] = Counter()
        self.deaths: Counter[str] = Counter()
        """Ends of wanted processes by name, whoever ended them."""
        self.memory_mb = 0.0

    def open(self) -> None:
        """Begin to watch."""
        self._watch.start()

    def close(self) -> None:
        """Stop everything."""
        self._is_ending.set()
        if self._watch.is_alive():
            self._watch.join()
        self._system.stop_all()
        for orphan in self._children:  # psutil knows a process from a later one of the same id
            with suppress(psutil.NoSuchProcess):
                orphan.kill()

    def want(self, name: str, member: Member) -> None:
        """Start a process, and keep it running; in place of one of the same name."""
        if name in self._wanted:
            self.stop(name)
        with self._lock:
            self._wanted[name] = member
            self._start(name)

    def names(self, prefix: str = "") -> list[str]:
        """Return the processes that are wanted."""
        return sorted(name for name in self._wanted if name.startswith(prefix))

    def member(self, name: str) -> Member | None:
        """Return how a process that is wanted is started; None: it is not wanted."""
        return self._wanted.get(name)

    def process(self, name: str) -> psutil.Process:
        """Return the process that runs under ``name`` now."""
        with self._lock:
            return psutil.Process(self._system.processes[name].pid)

    def stop(self, name: str) -> float:
        """Stop a process as its supervisor would, for good; return how long that took [s]."""
        with self._lock:
            self._wanted.pop(name)
            began = time.monotonic()
            self._system.stop(name)
        return time.monotonic() - began

    def kill(self, name: str) -> None:
        """Kill a process, not its children; it is started again at once."""
        with self._lock:
            self._system.kill(name)
            self.killed[name.partition("-")[0]] += 1
            self.deaths[name] += 1
            self._start(name)

    def kill_child(self, name: str) -> bool:
        """Kill one child of a worker, drawn at random; return whether there was one."""
        with suppress(psutil.NoSuchProcess):
            children = self.process(name).children()
            if children:
                self.draw.choice(children).kill()
                self.killed["child"] += 1
                return True
        return False

    def kill_family(self, name: str) -> None:
        """Kill a process and its children, as if their machine had lost its power.

        Parent first, or it would make others; it is started again as the watch finds it gone.
        """
        family = self._family(name)
        for process in family:
            with suppress(psutil.NoSuchProcess):
                process.kill()
        self.killed[name.partition("-")[0]] += len(family)

    def freeze(self, name: str) -> None:
        """Stop a process and its children in mid-step."""
        for process in self._family(name):
            process.suspend()

    def thaw(self, name: str) -> None:
        """Let a frozen process go on."""
        for process in self._family(name):
            with suppress(psutil.NoSuchProcess):
                process.resume()

    def log(self, name: str) -> str:
        """Return what a process and its earlier lives wrote."""
        path = self._system.logs / f"{name}.log"
        return path.read_text(errors="replace") if path.exists() else ""

    def wait_until_ready(self, name: str) -> None:
        """Wait until the newest life of a worker takes tasks."""
        lives = self.deaths[name] + 1
        self.wait(lambda: self.log(name).count(READY) >= lives, f"{name} ready")

    def wait(self, is_so: Callable[[], object], what: str, within_s: float = PATIENCE_S) -> None:
        """Wait until something is so."""
        give_up_at = time.monotonic() + within_s * self._patience
        while not is_so():
            assert time.monotonic() < give_up_at, f"never came: {what}"
            time.sleep(WATCH_S / 2)

    def _family(self, name: str) -> list[psutil.Process]:
        parent = self.process(name)
        return [parent, *parent.children(recursive=True)]

    def _start(self, name: str) -> None:
        member = self._wanted[name]
        self._system.start(name, *member.words, **(dict(member.environment) | dict(member.once)))
        member.once = {}
        self._started_at[name] = time.monotonic()

    def _keep(self) -> None:
        while not self._is_ending.wait(WATCH_S):
            with self._lock:
                for name in self._wanted:
                    self._see_to(name)
            self._weigh()

    def _see_to(self, name: str) -> None:
        process = self._system.processes[name]
        if process.poll() is None:
            return
        if process.pid not in self._noted:
            self._noted.add(process.pid)
            self.deaths[name] += 1
        if time.monotonic() - self._started_at[name] > BACK_OFF_S:
            self._start(name)

    def _weigh(self) -> None:
        """Note the largest worker process, and who must be gone at the end."""
        for name in self.names("worker"):
            with suppress(psutil.NoSuchProcess, KeyError):
                for process in self._family(name)[1:]:
                    self._children.add(process)
                    rss_mb = process.memory_info().rss / MEGABYTE
                    self.memory_mb = max(self.memory_mb, rss_mb)
