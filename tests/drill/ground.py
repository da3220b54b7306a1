"""The servers that a drill stands on: of its own, or those of the test run."""

import subprocess
import sys
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import psycopg

from broker import kafka_admin
from broker.config import ROOT, config
from pipeline import bootstrap
from tests.drill.servers import Servers, servers
from tests.environment import inherited, point_at

LSPSC = "id,ra,dec,score,mag_white\n0,10.0,-85.0,0.9,18.0\n"
"""One source far from all alerts: LSST packets wait until there is such a catalog."""


@dataclass
class Ground:
    """Running servers with topics, and a database to copy from.

    Attributes
    ----------
    folder : Path
        For logs and archives.
    template : str
        A migrated database with an LSPSC; nobody is connected to it.
    servers : Servers or None
        What may be done to the servers; None: they are shared, and nothing may.
    """

    folder: Path
    template: str = ""
    servers: Servers | None = None
    _made: list[str] = field(default_factory=list)

    def make_database(self, template: str = "") -> str:
        """Make a database and return its URL."""
        name = f"drill_{uuid.uuid4().hex[:12]}"
        self._run(f'CREATE DATABASE "{name}" TEMPLATE "{template or self.template}"')
        self._made.append(name)
        return f"{self.url.rpartition('/')[0]}/{name}"

    def drop_databases(self) -> None:
        """Drop everything that was made."""
        while self._made:
            self._run(f'DROP DATABASE "{self._made.pop()}" WITH (FORCE)')

    @property
    def url(self) -> str:
        """URL of the servers' first database."""
        return inherited()["NIGHTJAR_POSTGRES__URL"]

    def prepare(self, migrated: str = "") -> None:
        """Make topics, and the template: from a migrated database, else by migrating one."""
        settings = config()
        kafka_admin.ensure_topics(bootstrap.output_topics(settings))
        kafka_admin.ensure_acls(bootstrap.service_acls(settings))
        url = self.make_database(migrated or "template1")
        if not migrated:
            _manage(url, "migrate")
        lspsc = self.folder / "lspsc.csv"
        lspsc.write_text(LSPSC)
        _manage(url, "load_catalog", "lspsc", str(lspsc))
        self.template = url.rpartition("/")[2]

    def _run(self, statement: str) -> None:
        with psycopg.connect(self.url, autocommit=True) as connection:
            connection.execute(statement)


@contextmanager
def own(home: Path, *, is_cluster: bool = False) -> Iterator[Ground]:
    """Yield servers of the drill's own, which may be killed; they end with this process."""
    with servers(home, is_cluster=is_cluster) as found:
        point_at(found.native.settings())
        config.cache_clear()
        folder = home / "stages"
        folder.mkdir()
        ground = Ground(folder, servers=found)
        ground.prepare()
        yield ground


@contextmanager
def lent(folder: Path, migrated: str) -> Iterator[Ground]:
    """Yield the servers of a test run, to which settings point; they are left as they are."""
    ground = Ground(folder)
    try:
        ground.prepare(migrated)
        yield ground
    finally:
        ground.drop_databases()


def _manage(url: str, *words: str) -> None:
    done = subprocess.run(
        [sys.executable, "manage.py", *words],
        cwd=ROOT,
        env=inherited({"NIGHTJAR_POSTGRES__URL": url}),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
