"""The real parts as the tests see them: started once per run, stopped when the last worker ends."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from io import TextIOWrapper
from typing import Any

from dotenv import dotenv_values

from broker.errors import TransientError
from compose.native.home import ROOT, Home
from compose.native.processes import running
from compose.native.watchdog import use
from tests.environment import inherited

TEST_HOME = ".nightjar/test"
PATIENCE_S = 180.0
UP_LIMIT_S = 400
"""Longest start: Maven may have to fetch Kafka's jars first."""


@dataclass
class Native:
    """``python compose/native`` on one home.

    Attributes
    ----------
    home : Home
        Where its state lies.
    environment : mapping
        Added to ours.
    """

    home: Home
    environment: Mapping[str, str] = field(default_factory=dict)

    @property
    def place(self) -> dict[str, str]:
        """The variable that names this home."""
        return {"NIGHTJAR_HOME": str(self.home.path)}

    def run(self, *words: str) -> "subprocess.CompletedProcess[str]":
        """Run one verb to its end."""
        # The parts live on with the output's file; a pipe would make us wait for them.
        return subprocess.run(
            [sys.executable, str(ROOT / "compose" / "native"), *words],
            env=inherited(self.environment, self.place),
            capture_output=True,
            text=True,
            timeout=UP_LIMIT_S,
            check=False,
        )

    def must(self, *words: str) -> str:
        """Run one verb that has to succeed; return what it printed."""
        done = self.run(*words)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def settings(self) -> dict[str, str]:
        """Return what the parts tell the project."""
        path = self.home.path / "native.env"
        return {name: text for name, text in dotenv_values(path).items() if text is not None}

    def states(self) -> dict[str, dict[str, Any]]:
        """Return what is known about each part."""
        return {state["name"]: state for state in json.loads(self.must("status", "--json"))}

    def pids(self, *names: str) -> dict[str, int]:
        """Return the process ids of parts that run."""
        records = {name: running(self.home, name) for name in names}
        return {name: record.pid for name, record in records.items() if record}

    def kill(self, name: str) -> None:
        """Kill one part as if its machine had failed."""
        os.kill(self.pids(name)[name], signal.SIGKILL)

    def hold(self) -> TextIOWrapper:
        """Let the parts end with this process, however it ends."""
        return use(self.home)


@dataclass(frozen=True)
class Parts:
    """The running parts of a test run.

    Attributes
    ----------
    native : Native
        Their supervisor.
    postgres_url : str
        Database ``nightjar``; its user may make further databases.
    redis_url : str
        First database.
    kafka_servers : str
        Inside listener.
    public_servers : tuple of str
        SCRAM listeners.
    missing : mapping
        Why a part did not start, by its name.
    """

    native: Native
    postgres_url: str
    redis_url: str
    kafka_servers: str
    public_servers: tuple[str, ...]
    missing: Mapping[str, str]


def patiently(call: Callable[[], object]) -> None:
    """Make a call to a part, again while it answers too late: other tests keep the machine busy."""
    give_up_at = time.monotonic() + PATIENCE_S
    while True:
        try:
            call()
        except TransientError:
            if time.monotonic() > give_up_at:
                raise
        else:
            return


def start() -> Parts:
    """Start the parts of this test run, or find them started by another worker of it."""
    native = Native(Home.named(TEST_HOME))
    done = native.run("up", "--free-ports", "--throwaway", "--lasair")
    states = native.states()
    settings = native.settings()
    ports = settings["NIGHTJAR_KAFKA__SCRAM_PORTS"].split(",")
    return Parts(
        native,
        settings["NIGHTJAR_POSTGRES__URL"],
        settings["NIGHTJAR_REDIS__URL"],
        settings["NIGHTJAR_KAFKA__BOOTSTRAP_SERVERS"],
        tuple(f"localhost:{port}" for port in ports),
        {
            name: done.stderr.strip() or states[name]["says"]
            for name in ("postgres", "redis", "kafka")
            if states[name]["says"] != "answers"
        },
    )
