"""Apache Kafka itself: KRaft nodes with SCRAM and ACLs, from jars; one, or three of a cluster."""

import base64
import re
import shutil
import signal
import subprocess
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from string import Template

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient

from broker.config import config
from broker.kafka_login import LoginOutcome, try_login
from compose.native import jars
from compose.native.home import Home, NativeError, write_private
from compose.native.java import java
from compose.native.part import NotReadyError
from compose.native.processes import Command

TEMPLATE = jars.FOLDER / "server.properties"
LOGGING = jars.FOLDER / "log4j2.properties"
HEAP = ("-Xms256m", "-Xmx512m", "-XX:+UseSerialGC")
HEAP_OF_SEVERAL = ("-Xms128m", "-Xmx320m", "-XX:+UseSerialGC")
NODE = "kafka"
SCRAM_LOGIN = "org.apache.kafka.common.security.scram.ScramLoginModule required;"
PROTOCOL = "SASL_PLAINTEXT"
"""Of its listeners, all on loopback; it has no certificate."""
PLAIN = "LASAIR"
"""The listener without a login, where it was asked for: Lasair's clients know none."""
LOOPBACK = "127.0.0.1"
REAUTH_MS = 60_000
REAUTH_THROWAWAY_MS = 10_000
RETENTION_CHECK_MS = 60_000
RETENTION_CHECK_THROWAWAY_MS = 1_000
ANSWER_S = 5


@dataclass(frozen=True)
class Kafka:
    """The broker of one home.

    Attributes
    ----------
    home : Home
        Where its data lies.
    internal_port, controller_port : int
        For our processes, and for itself.
    scram_ports : tuple of int
        For people.
    public_host : str
        What people are told to connect to.
    message_max_bytes : int
        Largest batch of messages it takes.
    passwords : mapping
        As ``passwords.passwords`` returns them.
    plain_port : int, optional
        Where nobody logs in; the rights of nobody say what is read there.
    throwaway : bool
        Delete expired messages and end revoked sessions promptly (tests).
    node : int
        Its number, from 1.
    controllers : tuple of int
        Controller ports of all nodes of a cluster, in order; empty: it is the only one.
    """

    home: Home
    internal_port: int
    controller_port: int
    scram_ports: tuple[int, ...]
    public_host: str
    message_max_bytes: int
    passwords: Mapping[str, str]
    throwaway: bool = False
    plain_port: int | None = None
    node: int = 1
    controllers: tuple[int, ...] = ()
    stop_signal = signal.SIGTERM

    @property
    def name(self) -> str:
        """As in ``up NAME``: kafka, kafka-2, kafka-3."""
        return NODE if self.node == 1 else f"{NODE}-{self.node}"

    @property
    def folder(self) -> Path:
        """Its data and settings; a cluster's are its own: what one node wrote alone cannot join."""
        of_cluster = f"cluster-{self.node}" if self.controllers else NODE
        return self.home.path / of_cluster

    @property
    def heap(self) -> tuple[str, ...]:
        """How much memory its JVM takes."""
        return HEAP_OF_SEVERAL if self.controllers else HEAP

    @property
    def properties(self) -> Path:
        """Its settings, with passwords."""
        return self.folder / "server.properties"

    @property
    def data(self) -> Path:
        """Its logs in Kafka's sense."""
        return self.folder / "data"

    @cached_property
    def libs(self) -> Path:
        """Its jars, verified."""
        return jars.ensure()

    def ports(self) -> dict[str, tuple[int, ...]]:
        """Return its four ports or more."""
        return {
            "kafka": (self.internal_port,),
            "kafka_controller": (self.controller_port,),
            "scram": self.scram_ports,
            **({"lasair": (self.plain_port,)} if self.plain_port else {}),
        }

    def wipe(self) -> None:
        """Delete its data."""
        shutil.rmtree(self.data, ignore_errors=True)

    def prepare(self) -> None:
        """Write its settings and format its storage."""
        wanted = config().kafka.public_protocol
        if wanted != PROTOCOL:
            raise NativeError(f"kafka.public_protocol = {wanted}: this Kafka speaks {PROTOCOL}")
        self.folder.mkdir(exist_ok=True)
        write_private(self.properties, self._filled())
        if not (self.data / "meta.properties").exists():
            self._format()

    def command(self) -> Command:
        """Return the broker's command; the settings file holds what is secret."""
        return Command(
            (
                *(str(java()), *self.heap, f"-Dnightjar.logs={self.home.logs}"),
                f"-Dlog4j2.configurationFile={LOGGING}",
                *("-cp", f"{self.libs}/*", "kafka.Kafka", str(self.properties)),
            ),
            cwd=str(self.folder),
        )

    def check(self) -> None:
        """List topics as admin inside, and see a wrong secret refused outside."""
        admin = AdminClient(
            {
                "bootstrap.servers": f"127.0.0.1:{self.internal_port}",
                "security.protocol": PROTOCOL,
                "sasl.mechanism": "PLAIN",
                "sasl.username": "admin",
                "sasl.password": self.passwords["KAFKA_ADMIN_PASSWORD"],
                "log_level": 0,
            }
        )
        try:
            admin.list_topics(timeout=ANSWER_S)
        except KafkaException as error:
            raise NotReadyError(str(error)) from None
        for port in self.scram_ports:
            outcome = try_login("nightjar-nobody", "wrong", f"127.0.0.1:{port}", limit_s=ANSWER_S)
            if outcome is not LoginOutcome.REFUSED:
                raise NotReadyError(f"a wrong secret on port {port} was {outcome}, not refused")

    def finish(self) -> None:
        """Need nothing more: topics and rights come from the registry of topics."""

    def failed_for_now(self, log: str) -> bool:  # noqa: ARG002 a Server is asked so
        """Kafka fails for good or not at all."""
        return False

    def _filled(self) -> str:
        names = ["EXTERNAL", *(f"EXTERNAL{i}" for i in range(2, len(self.scram_ports) + 1))]
        outside = [
            (name, port, PROTOCOL, self.public_host)
            for name, port in zip(names, self.scram_ports, strict=True)
        ]
        if self.plain_port:
            outside.append((PLAIN, self.plain_port, "PLAINTEXT", LOOPBACK))
        return Template(TEMPLATE.read_text()).substitute(
            node=self.node,
            voters=",".join(
                f"{node}@{LOOPBACK}:{port}"
                for node, port in enumerate(self.controllers or (self.controller_port,), 1)
            ),
            copies=len(self.controllers) or 1,
            in_sync=len(self.controllers) // 2 + 1,
            internal_port=self.internal_port,
            controller_port=self.controller_port,
            external_listeners=",".join(
                f"{name}://{LOOPBACK}:{port}" for name, port, *_ in outside
            ),
            external_advertised=",".join(
                f"{name}://{host}:{port}" for name, port, _, host in outside
            ),
            external_protocols=",".join(f"{name}:{protocol}" for name, _, protocol, _ in outside),
            external_logins="\n".join(self._scram_lines(name) for name in names),
            kraft_password=self.passwords["KAFKA_KRAFT_PASSWORD"],
            admin_password=self.passwords["KAFKA_ADMIN_PASSWORD"],
            pipeline_password=self.passwords["KAFKA_PIPELINE_PASSWORD"],
            feed_password=self.passwords["KAFKA_FEED_PASSWORD"],
            connect_password=self.passwords["KAFKA_CONNECT_PASSWORD"],
            message_max_bytes=self.message_max_bytes,
            data=self.data,
            retention_check_ms=(
                RETENTION_CHECK_THROWAWAY_MS if self.throwaway else RETENTION_CHECK_MS
            ),
        )

    def _scram_lines(self, name: str) -> str:
        prefix = f"listener.name.{name.lower()}"
        reauth_ms = REAUTH_THROWAWAY_MS if self.throwaway else REAUTH_MS
        return (
            f"{prefix}.sasl.enabled.mechanisms=SCRAM-SHA-512\n"
            f"{prefix}.scram-sha-512.sasl.jaas.config={SCRAM_LOGIN}\n"
            f"{prefix}.scram-sha-512.connections.max.reauth.ms={reauth_ms}"
        )

    def _cluster_id(self) -> str:
        """Return the id that all nodes of a home's cluster are formatted with."""
        if not self.controllers:
            return cluster_id()
        path = self.home.path / "cluster.id"
        try:
            with path.open("x") as file:  # nodes are prepared side by side
                file.write(cluster_id())
        except FileExistsError:
            pass
        return path.read_text()

    def _format(self) -> None:
        done = subprocess.run(
            [
                *(str(java()), *self.heap, f"-Dnightjar.logs={self.home.logs}"),
                f"-Dlog4j2.configurationFile={LOGGING}",
                *("-cp", f"{self.libs}/*", "kafka.tools.StorageTool", "format"),
                *("-t", self._cluster_id(), "-c", str(self.properties), "--ignore-formatted"),
            ],
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            said = (done.stdout + done.stderr).strip()[-2000:]
            raise NativeError(f"Kafka's storage could not be formatted: {said}")


def cluster_id() -> str:
    """Return a new cluster id that the command line does not take for an option."""
    while True:
        text = base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")
        if not text.startswith("-"):
            return text


def pinned_version() -> str:
    """Return the version of Kafka that the POM names."""
    found = re.search(r"<kafka.version>([^<]+)<", jars.KAFKA.pom.read_text())
    return found[1] if found else "?"
