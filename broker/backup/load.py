"""Make a database of a backup: beside the one in use, proved there, then put in its place.

Until the last step nothing that is in use changes, and what was in use is kept under another name:
whoever restored the wrong backup renames it back.
"""

import json
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote

import psycopg
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from broker.backup import manifest, programs
from broker.backup.dump import MOMENT, Say, count_rows
from broker.backup.errors import BackupError
from broker.backup.manifest import Manifest
from broker.config import ROOT

JOBS = 2
MAINTENANCE = "postgres"
_CONNECTED = """
    SELECT DISTINCT coalesce(nullif(application_name, ''), 'a client') || ' at '
        || coalesce(client_addr::text, 'this machine')
    FROM pg_stat_activity WHERE datname = ANY(%s) AND pid <> pg_backend_pid()
        AND backend_type = 'client backend'
"""
_TABLES = "SELECT count(*) FROM pg_class WHERE relkind IN ('r', 'p') AND relnamespace = \
'public'::regnamespace"


@dataclass(frozen=True)
class Target:
    """The database that is replaced, and the one that is made beside it.

    Attributes
    ----------
    dsn : str
        Of the database in use.
    moment : str
        Ends the names of the other two.
    """

    dsn: str
    moment: str

    @classmethod
    def now(cls, dsn: str) -> "Target":
        """Return the target of a restore that begins now."""
        return cls(dsn, datetime.now(UTC).strftime(MOMENT).lower())

    @property
    def name(self) -> str:
        """Return the name of the database in use."""
        return str(conninfo_to_dict(self.dsn)["dbname"])

    @property
    def draft(self) -> str:
        """Return the name of the one that is being made."""
        return f"{self.name}_restoring_{self.moment}"

    @property
    def before(self) -> str:
        """Return the name that the one in use gets."""
        return f"{self.name}_before_{self.moment}"

    @property
    def draft_dsn(self) -> str:
        """Return how the one that is being made is reached."""
        return make_conninfo(self.dsn, dbname=self.draft)

    @contextmanager
    def server(self) -> Iterator["psycopg.Connection[Any]"]:
        """Open a connection that can make and rename databases."""
        dsn = make_conninfo(self.dsn, dbname=MAINTENANCE)
        with psycopg.connect(dsn, autocommit=True) as connection:
            yield connection

    def exists(self, connection: "psycopg.Connection[Any]", name: str) -> bool:
        """Return whether the server has a database of this name."""
        found = connection.execute("SELECT FROM pg_database WHERE datname = %s", [name])
        return bool(found.rowcount)

    def users(self) -> list[str]:
        """Return who is connected to the database in use, or to the one that is being made."""
        with self.server() as connection:
            rows = connection.execute(_CONNECTED, [[self.name, self.draft]])
            return sorted(said for (said,) in rows)

    def is_empty(self) -> bool:
        """Return whether the database in use has no table, or does not exist."""
        with self.server() as connection:
            if not self.exists(connection, self.name):
                return True
        with psycopg.connect(self.dsn) as connection:
            return connection.execute(_TABLES).fetchone() == (0,)


def require_fits(folder: Path, said: Manifest, target: Target) -> None:
    """Return if this machine can restore the backup: its server, its keys.

    Raises
    ------
    BackupError
        Saying what does not fit.
    """
    manifest.check_key(said)
    with target.server() as connection:
        major = connection.info.server_version // 10000
    if major < said.server_major:
        raise BackupError(
            f"{folder} is of PostgreSQL {said.server_major}, this server is {major}: it reads no"
            " dump of a later one"
        )
    programs.folder(max(said.server_major, major))


def load(folder: Path, said: Manifest, target: Target, say: Say) -> None:
    """Make the database beside the one in use, and prove that it has the backup's rows.

    Raises
    ------
    BackupError
        If it cannot be made, or has other rows; nothing is left of it.
    """
    with target.server() as connection:
        try:
            name = sql.Identifier(target.draft)
            connection.execute(sql.SQL("CREATE DATABASE {} TEMPLATE template0").format(name))
        except psycopg.errors.InsufficientPrivilege as error:
            raise BackupError(
                f"{error.diag.message_primary}: give the user of postgres.url CREATEDB"
            ) from None
    try:
        say(f"restoring into {target.draft}")
        with target.server() as connection:
            major = connection.info.server_version // 10000
        at = programs.folder(max(said.server_major, major))
        programs.run(
            at / "pg_restore", target.draft_dsn, "--no-owner", "--no-privileges",
            "--exit-on-error", f"--jobs={JOBS}", str(folder / manifest.DATABASE),
        )  # fmt: skip
        _compare(said, target)
        say(f"{sum(said.rows.values())} rows of {len(said.rows)} tables, as the backup says")
        # Its code is older or ours; of newer code the command below refuses, naming it.
        say(manage(target.draft_dsn, "migrate", "--verbosity", "0") or "migrated to this code")
    except BaseException:
        drop(target)
        raise


def drop(target: Target) -> None:
    """Drop the database that was being made."""
    with target.server() as connection:
        name = sql.Identifier(target.draft)
        connection.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(name))


def swap(target: Target) -> str | None:
    """Put the made database in the place of the one in use; return the name of that, if any.

    Both names change in one transaction: at no moment is there no database of the name in use.

    Raises
    ------
    BackupError
        If somebody is connected.
    """
    with target.server() as connection:
        rename = sql.SQL("ALTER DATABASE {} RENAME TO {}")
        name, draft, before = map(sql.Identifier, (target.name, target.draft, target.before))
        is_there = target.exists(connection, target.name)
        try:
            with connection.transaction():
                if is_there:
                    connection.execute(rename.format(name, before))
                connection.execute(rename.format(draft, name))
        except psycopg.errors.ObjectInUse:
            raise BackupError(
                f"{target.name} is in use by {', '.join(target.users())}: stop them"
            ) from None
    return target.before if is_there else None


def manage(dsn: str, *words: str) -> str:
    """Run a management command on another database; return what it printed.

    Raises
    ------
    BackupError
        With what it said, if it fails.
    """
    done = subprocess.run(  # noqa: S603 our own program
        [sys.executable, str(ROOT / "manage.py"), *words],
        env={**os.environ, "NIGHTJAR_POSTGRES__URL": url(dsn)},  # noqa: TID251 a child's
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise BackupError(f"manage.py {words[0]}: {done.stderr.strip() or done.stdout.strip()}")
    return done.stdout.strip()


def url(dsn: str) -> str:
    """Return libpq's words as the address that the setting is."""
    said = {name: quote(str(each), safe="") for name, each in conninfo_to_dict(dsn).items()}
    login = said.get("user", "") + (f":{said['password']}" if "password" in said else "")
    place = f"{said.get('host', '')}:{said.get('port', '5432')}"
    tls = "&".join(f"{name}={each}" for name, each in said.items() if name.startswith("ssl"))
    return f"postgresql://{login}@{place}/{said['dbname']}{'?' if tls else ''}{tls}"


def compare_archive(folder: Path, root: Path, host: str) -> dict[str, int]:
    """Compare this host's archive with the backup's list; return how many files are in each state.

    ``whole``, ``growing`` (the rows did not know its size yet), ``missing`` and ``another size``.
    """
    found: Counter[str] = Counter()
    with (folder / manifest.SEGMENTS).open() as file:
        for line in file:
            said = json.loads(line)
            if said["host"] != host:
                found["of another machine"] += 1
                continue
            path = root / said["path"]
            if not path.is_file():
                found["missing, on S3" if said["s3_state"] == "confirmed" else "missing"] += 1
            elif said["bytes"] is None:
                found["growing"] += 1
            else:
                is_whole = path.stat().st_size == said["bytes"]
                found["whole" if is_whole else "of another size"] += 1
    return dict(found)


def _compare(said: Manifest, target: Target) -> None:
    with psycopg.connect(target.draft_dsn) as connection:
        found = count_rows(connection.cursor(), list(said.rows))
    wrong = [
        f"{table} has {found[table]} rows instead of {count}"
        for table, count in said.rows.items()
        if found[table] != count
    ]
    if wrong:
        raise BackupError(f"restored, but {'; '.join(wrong)}")
