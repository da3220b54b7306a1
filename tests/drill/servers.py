"""Postgres, Redis and Kafka of one drill: killed, frozen and started again while alerts flow.

They live in a home of their own and keep their data like servers in earnest, fsync and all: with
``--throwaway`` a killed Postgres would prove nothing. A native server has no supervisor that would
start it again behind our back (only our own processes have one), so killed stays killed until
``start``. Every process is found by the home's run file, never by its name.
"""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Literal

import psutil

from compose.native.home import Home
from compose.native.processes import running, wait_for_end
from tests.native import Native

Part = Literal["postgres", "redis", "kafka", "kafka-2", "kafka-3", "postgres-replica"]

PARTS: tuple[Part, ...] = ("postgres", "redis", "kafka")
CLUSTER: tuple[Part, ...] = (*PARTS, "kafka-2", "kafka-3", "postgres-replica")
GONE_WITHIN_S = 10.0


class Servers:
    """The three servers of a drill's home.

    Parameters
    ----------
    folder : Path
        The home; emptied by ``up``.
    is_cluster : bool
        With further brokers and a replica of Postgres.

    Attributes
    ----------
    parts : tuple of str
        What there is.
    """

    def __init__(self, folder: Path, *, is_cluster: bool = False) -> None:
        self.parts = CLUSTER if is_cluster else PARTS
        self.native = Native(Home(folder.absolute()))
        self._frozen: dict[Part, list[psutil.Process]] = {}

    def up(self) -> dict[str, str]:
        """Start all on free ports with empty data; return the settings that name them."""
        self.native.run("down")  # of a drill that was killed
        shutil.rmtree(self.native.home.path, ignore_errors=True)
        self.native.must("up", "servers" if self.parts == PARTS else "cluster", "--free-ports")
        return self.native.settings()

    def down(self) -> None:
        """Stop everything; the data stays until the next ``up``."""
        for part in [*self._frozen]:
            self.thaw(part)
        self.native.must("down")

    def kill(self, part: Part) -> None:
        """Kill a server's own process with -9, as if its machine had lost its power.

        Postgres' backends notice by themselves that their parent is gone and end.
        """
        record = running(self.native.home, part)
        self.native.kill(part)
        self._frozen.pop(part, None)
        if record is not None:
            wait_for_end(record, GONE_WITHIN_S)

    def start(self, part: Part) -> None:
        """Start a killed server on its old ports and data; return when it answers."""
        self.native.must("up", part)

    def freeze(self, part: Part) -> None:
        """Stop a server and its children in mid-step: connections stay open, nothing answers."""
        parent = psutil.Process(self.native.pids(part)[part])
        parent.suspend()  # first: it must not fork while its children are counted
        family = [parent, *parent.children(recursive=True)]
        for process in family[1:]:
            with suppress(psutil.NoSuchProcess):
                process.suspend()
        self._frozen[part] = family

    def thaw(self, part: Part) -> None:
        """Let a frozen server go on as if nothing had happened."""
        for process in self._frozen.pop(part, []):
            with suppress(psutil.NoSuchProcess):
                process.resume()

    def is_up(self, part: Part) -> bool:
        """Return whether a server's process runs; a frozen one does."""
        return part in self.native.pids(part)

    def wait_up(self, part: Part) -> None:
        """Wait until a server answers as it should; ``up`` leaves one that runs alone."""
        self.native.must("up", part)


@contextmanager
def servers(folder: Path, *, is_cluster: bool = False) -> Iterator[Servers]:
    """Yield running servers; they end with this process, however it ends."""
    found = Servers(folder, is_cluster=is_cluster)
    with found.native.hold():
        try:
            found.up()
            yield found
        finally:
            found.down()
