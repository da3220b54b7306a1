"""The whole system on the parts of this test run: a database, our processes, what they publish."""

import json
import os
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg
import pytest

from broker import db, kafka_admin
from broker.config import ROOT, config
from broker.kafka import Producer, own_connection
from broker.kafka_types import Message
from pipeline import bootstrap
from tests.e2e.published import OUTPUTS, Published, consume
from tests.environment import inherited

ACCOUNTED_WITHIN_S = 120.0
STOP_WITHIN_S = 40.0
TAIL = 15
"""Lines of a log."""


@dataclass
class System:
    """Listeners and a worker on a database of their own.

    Attributes
    ----------
    environment : mapping
        Settings of the processes beside those of the parts.
    logs : Path
        Folder for what they write.
    """

    environment: Mapping[str, str]
    logs: Path
    processes: dict[str, "subprocess.Popen[bytes]"] = field(default_factory=dict)
    name: str = ""
    _producer: Producer | None = None

    def manage(self, *words: str) -> str:
        """Run one management command to its end."""
        done = self._managed(*words)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def start(self, name: str, *words: str, **environment: str) -> None:
        """Start one of our processes under ``name``."""
        with (self.logs / f"{name}.log").open("ab") as log:
            self.processes[name] = subprocess.Popen(
                [sys.executable, *words],
                cwd=ROOT,
                env=self._environment() | environment,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def start_listeners(self, *streams: str) -> None:
        """Listen to ``streams``."""
        for stream in streams:
            self.start(f"listen-{stream}", "manage.py", "listen", stream, "--slot", "0")

    def start_worker(self, name: str = "worker", concurrency: int = 2, **environment: str) -> None:
        """Start a Celery worker for the alert queue."""
        self.start(
            name,
            *("-m", "celery", "-A", "broker.celery", "worker", "-Q", "alerts"),
            *("--concurrency", str(concurrency), "--hostname", f"{name}@%h", "--loglevel", "INFO"),
            *("--without-gossip", "--without-mingle"),
            REMAP_SIGTERM="SIGQUIT",
            **environment,
        )

    def stop(self, name: str) -> None:
        """Stop one process as its supervisor would."""
        process = self.processes.pop(name)
        process.terminate()
        try:
            process.wait(STOP_WITHIN_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def kill(self, name: str) -> None:
        """Kill one process, not its children, as if its plug were pulled."""
        process = self.processes.pop(name)
        process.kill()
        process.wait()

    def stop_all(self) -> None:
        """Stop every process, listeners first."""
        for name in sorted(self.processes):
            self.stop(name)

    def send(self, messages: Iterable[Message]) -> int:
        """Produce input packets as the feed; return how many."""
        self._producer = self._producer or Producer(own_connection("feed"))
        batch = list(messages)
        refused = [error for error in self._producer.send(batch) if error is not None]
        assert refused == []
        return len(batch)

    def ledger(self) -> dict[str, Any]:
        """Return the books as ``manage.py ledger --json`` prints them, balanced or not."""
        done = self._managed("ledger", "--json")
        assert done.stdout, done.stderr
        return json.loads(done.stdout)

    def wait_until_accounted(self, packets: int, within_s: float = ACCOUNTED_WITHIN_S) -> dict:
        """Wait until ``packets`` are accounted for, nothing waits, and all is committed."""
        give_up_at = time.monotonic() + within_s
        while True:
            if self._is_settled(packets):
                books = self.ledger()
                if books["balanced"] and received(books) == packets and not waiting(books):
                    return books
            assert time.monotonic() < give_up_at, self._why(packets)
            time.sleep(0.3)

    def published(self, starts: Mapping[tuple[str, int], int]) -> list[Published]:
        """Return what came of its own alerts to the public topics since ``starts``."""
        own = {str(candid) for (candid,) in self.sql("SELECT candid FROM alerts")}
        came = consume(OUTPUTS, starts)
        return [message for message in came if message.headers["candid"] in own]

    @property
    def selected_topic(self) -> str:
        """Return its own topic of selected alerts."""
        return self.environment["NIGHTJAR_SELECTED__EXTENDEDNESS__TOPIC"]

    def selected(self) -> list[Published]:
        """Return what came to its own topic of selected alerts."""
        return consume([self.selected_topic], {})

    def sql(self, statement: str, *parameters: Any) -> list[tuple[Any, ...]]:
        """Run one statement and return its rows, if it is of the kind that has any."""
        url = self.environment["NIGHTJAR_POSTGRES__URL"]
        with psycopg.connect(url, autocommit=True) as connection:
            done = connection.execute(statement, parameters)
            return done.fetchall() if done.description else []

    @property
    def folder(self) -> Path:
        """Return where its archive and its logs are."""
        return self.logs.parent

    def tails(self) -> str:
        """Return the last lines that every process wrote."""
        return "\n".join(
            f"--- {path.name}\n" + "\n".join(path.read_text().splitlines()[-TAIL:])
            for path in sorted(self.logs.glob("*.log"))
        )

    def _managed(self, *words: str) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            [sys.executable, "manage.py", *words],
            cwd=ROOT,
            env=self._environment(),
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )

    def _environment(self) -> dict[str, str]:
        return inherited(self.environment)

    def _is_settled(self, packets: int) -> bool:
        lag, committed = self.sql(
            "SELECT coalesce(sum(high_offset - coalesce(committed_offset, 0)), -1),"
            " coalesce(sum(committed_offset), 0) FROM stream_partitions"
        )[0]
        return lag == 0 and committed >= packets

    def _why(self, packets: int) -> str:
        ranges = self.sql(
            "SELECT state, count(*), max(attempts), max(error) FROM stream_ranges GROUP BY 1"
        )
        return f"{packets} sent; ranges {ranges}; {self.ledger()}\n{self.tails()}"


def on(topic: str, values: Iterable[bytes]) -> list[Message]:
    """Return packets as messages for a topic."""
    return [Message(topic, None, value, []) for value in values]


def received(books: Mapping[str, Any]) -> int:
    """Return the packets of all nights."""
    return sum(night["received"] for night in books["nights"])


def waiting(books: Mapping[str, Any]) -> int:
    """Return the messages that Kafka has not acknowledged."""
    return sum(night["waiting"] + night["second_copies_waiting"] for night in books["nights"])


def totals(books: Mapping[str, Any], outcome: str) -> dict[str, int]:
    """Return the counts of one outcome (published, gated, dead_letters …) over all nights."""
    found: defaultdict[str, int] = defaultdict(int)
    for night in books["nights"]:
        for name, count in night[outcome].items():
            found[name] += count
    return dict(found)


@contextmanager
def running(environment: Mapping[str, str], logs: Path) -> Iterator[System]:
    """Yield a system and stop its processes at the end."""
    system = System(environment, logs)
    try:
        yield system
    finally:
        system.stop_all()


def lsst_topic() -> str:
    """Return the topic that LSST packets come on."""
    return config().streams.lsst.topic


@contextmanager
def fresh_system(database: str, folder: Path) -> Iterator[System]:
    """Yield a system on ``database`` that writes into ``folder``; settings point at it meanwhile.

    The group prefix and the input topics carry a name of its own, so that no listener finds what
    another test left.
    """
    name = folder.name.replace("_", "-")[-24:] + f"-{os.getpid()}"
    environment = {
        "NIGHTJAR_POSTGRES__URL": database,
        "NIGHTJAR_ARCHIVE__PATH": str(folder / "archive"),
        "NIGHTJAR_STREAMS__ZTF__TOPIC": f"^ztf_[0-9]{{8}}_programid[123]_{name}$",
        "NIGHTJAR_STREAMS__LSST__TOPIC": f"lsst-alerts-{name}",
        "NIGHTJAR_STREAMS__ZTF__GROUP_PREFIX": f"nightjar-{name}-",
        "NIGHTJAR_STREAMS__LSST__GROUP_PREFIX": f"nightjar-{name}-",
        "NIGHTJAR_SELECTED__EXTENDEDNESS__TOPIC": f"lsst-extendedness-{name}",
    }
    logs = folder / "logs"
    logs.mkdir()
    with pytest.MonkeyPatch.context() as patch:
        for setting, text in environment.items():
            patch.setenv(setting, text)
        _forget()
        kafka_admin.ensure_acls(bootstrap.service_acls(config()))
        kafka_admin.ensure_topics(bootstrap.selected_topics(config()))
        with running(environment, logs) as system:
            system.name = name
            yield system
    _forget()


def _forget() -> None:
    if db.engine.cache_info().currsize:
        db.engine().dispose()
    config.cache_clear()
    db.engine.cache_clear()
    db._sessions.cache_clear()


def make_input_topic(
    system: System,
    stream: str,
    night: str = "20260801",
    programid: int = 1,
    partitions: int = 2,
) -> str:
    """Make one of the system's input topics and return its name."""
    name = f"ztf_{night}_programid{programid}_{system.name}" if stream == "ztf" else lsst_topic()
    spec = bootstrap.input_topic(config(), name)
    kafka_admin.ensure_topics(
        [kafka_admin.TopicSpec(name, partitions, spec.retention_ms, spec.config)]
    )
    return name
