"""Kafka Connect: another way of telescopes' data into their table; started only when named.

Its worker logs in as ``connect`` and has no right but those of ``pipeline/telescope/rights.py``.
"""

import json
import shutil
import signal
import urllib.request
import zipfile
from dataclasses import dataclass
from pathlib import Path

from compose.native import jars
from compose.native.home import ROOT, Home
from compose.native.java import java
from compose.native.kafka import Kafka
from compose.native.part import NotReadyError
from compose.native.ports import LOOPBACK
from compose.native.postgres import DATABASE, USER, Postgres
from compose.native.processes import Command
from compose.native.registry import Registry

FOLDER = ROOT / "compose" / "connect"
PLACE = ROOT / ".nightjar" / "connect"
"""Of the project, whatever the home, as Kafka's jars."""
RUNTIME = jars.Jars("Kafka Connect", FOLDER / "runtime", PLACE / "runtime")
PLUGINS = jars.Jars("Kafka Connect's sink", FOLDER / "plugins", PLACE / "plugins" / "sink" / "libs")
SERVICES = PLACE / "plugins" / "sink" / "services.jar"
CONVERTER = "io.apicurio.registry.utils.converter.AvroConverter"
NOTE = "META-INF/services/org.apache.kafka.connect.storage.Converter"
"""Which the converter's own jar lacks; without it every class of every jar would be looked at."""
HEAP = ("-Xms128m", "-Xmx512m", "-XX:+UseSerialGC")
UTC = "-Duser.timezone=UTC"
"""The sink binds times without a zone: with another, rows would be hours off."""
MAIN = "org.apache.kafka.connect.cli.ConnectDistributed"
ANSWER_S = 5


@dataclass(frozen=True)
class Connect:
    """The Kafka Connect worker of one home.

    Attributes
    ----------
    home : Home
        Where it runs.
    port : int
        Of its REST interface, on loopback.
    kafka : Kafka
        Which it reads, and which keeps its state.
    registry : Registry
        Which has the schemas of what it reads.
    postgres : Postgres
        Where rows go.
    """

    home: Home
    port: int
    kafka: Kafka
    registry: Registry
    postgres: Postgres
    name = "connect"
    stop_signal = signal.SIGTERM

    @property
    def folder(self) -> Path:
        """Its working folder."""
        return self.home.path / "connect"

    def ports(self) -> dict[str, tuple[int, ...]]:
        """Return its port."""
        return {"connect": (self.port,)}

    def wipe(self) -> None:
        """Leave its state to Kafka, with which it goes."""

    def prepare(self) -> None:
        """Have its jars here, and its plugins where it looks for them."""
        jars.ensure(RUNTIME)
        jars.ensure(PLUGINS)
        write_services(SERVICES)
        self.folder.mkdir(exist_ok=True)
        link = self.folder / "plugins"
        link.unlink(missing_ok=True)
        link.symlink_to(PLACE / "plugins")
        shutil.copy(FOLDER / "worker.properties", self.folder)

    def command(self) -> Command:
        """Return the worker's command; places and secrets stand in its environment."""
        return Command(
            (
                *(str(java()), *HEAP, UTC, f"-Dnightjar.logs={self.home.logs}"),
                f"-Dlog4j2.configurationFile={FOLDER / 'log4j2.properties'}",
                *("-cp", f"{RUNTIME.libs}/*", MAIN, "worker.properties"),
            ),
            cwd=str(self.folder),
            environment={
                "CONNECT_KAFKA": f"{LOOPBACK}:{self.kafka.internal_port}",
                "CONNECT_SECRET_KAFKA": self.kafka.passwords["KAFKA_CONNECT_PASSWORD"],
                "CONNECT_LISTEN": f"{LOOPBACK}:{self.port}",
                "CONNECT_POSTGRES": f"{LOOPBACK}:{self.postgres.port}/{DATABASE}",
                "CONNECT_POSTGRES_USER": USER,
                "CONNECT_SECRET_POSTGRES": self.postgres.password,
                "CONNECT_REGISTRY": f"http://{LOOPBACK}:{self.registry.port}",
            },
        )

    def check(self) -> None:
        """Ask for its connectors, which it has when it has joined its group."""
        try:
            address = f"http://{LOOPBACK}:{self.port}/connectors"
            with urllib.request.urlopen(address, timeout=ANSWER_S) as reply:
                json.load(reply)
        except (OSError, ValueError) as error:
            raise NotReadyError(str(error)) from None

    def finish(self) -> None:
        """Need nothing more: compose/connect/deploy-connector.sh gives it something to do."""

    def failed_for_now(self, log: str) -> bool:  # noqa: ARG002 a Server is asked so
        """Fail for good or not at all."""
        return False


def write_services(path: Path) -> None:
    """Write the jar by which Kafka Connect finds the converter."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(path, "w") as jar:
        jar.writestr(zipfile.ZipInfo(NOTE), f"{CONVERTER}\n")
