"""Make a backup: one snapshot of the rows, and what it says of itself; verify and forget some."""

import json
import os
import re
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg
from psycopg import sql

from broker.backup import manifest, programs
from broker.backup.errors import BackupError
from broker.backup.manifest import Manifest
from broker.config import ROOT

PARTIAL = ".partial"
MOMENT = "%Y%m%dT%H%M%SZ"
DRAFT_LIVES = timedelta(days=1)
LOCK_WAIT_S = 60
"""For a table that somebody rewrites: a dump that waits keeps rows that are gone from going."""
_NAME = re.compile(r"\d{8}T\d{6}Z")
_TABLES = """
    SELECT c.relname FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
    WHERE n.nspname = 'public' AND c.relkind IN ('r', 'p') AND NOT c.relispartition
    ORDER BY 1
"""
_SEGMENTS = """
    SELECT host, path, survey, night::text, bytes, sha256, s3_key, s3_state
    FROM archive_segments WHERE deleted_at IS NULL ORDER BY id
"""
_PEOPLE = "SELECT app || '.' || max(name) FROM django_migrations GROUP BY app ORDER BY 1"

Say = Callable[[str], object]


def backup(dsn: str, root: Path, readings: list[dict[str, Any]], say: Say) -> Path:
    """Write a backup below ``root`` and return its folder, which is there whole or not at all.

    Parameters
    ----------
    dsn : str
        Of the database.
    root : Path
        Folder of all backups.
    readings : list of dict
        How far each consumer group has read; asked **before**, so that the rows know more.
    say : callable
        Told each step.

    Raises
    ------
    BackupError
        If a file cannot be written or a program fails; nothing is left behind.
    """
    now = datetime.now(UTC)
    folder = root / now.strftime(MOMENT)
    draft = folder.with_name(folder.name + PARTIAL)
    try:
        root.mkdir(mode=0o700, parents=True, exist_ok=True)
        draft.mkdir(mode=0o700)
    except OSError as error:  # one that exists is being written by somebody else
        raise BackupError(f"{draft}: {error.strerror or error}; nothing was written") from error
    try:
        _write(dsn, draft, readings, say)
        _sync(draft)
        draft.rename(folder)
        _sync(root)
    except OSError as error:
        raise BackupError(f"{draft}: {error.strerror or error}; nothing is kept of it") from error
    finally:
        shutil.rmtree(draft, ignore_errors=True)
    return folder


def backups(root: Path) -> list[Path]:
    """Return the folders of all whole backups, oldest first."""
    found = root.iterdir() if root.is_dir() else ()
    return sorted(each for each in found if _NAME.fullmatch(each.name) and each.is_dir())


def forget_old(root: Path, keep: int) -> list[Path]:
    """Delete all but the ``keep`` newest; return which. 0 keeps all.

    A draft of more than a day ago goes too: whoever wrote it was killed.
    """
    for draft in root.glob(f"*{PARTIAL}"):
        moment = draft.name.removesuffix(PARTIAL)
        if _NAME.fullmatch(moment) and _age(moment) > DRAFT_LIVES:
            shutil.rmtree(draft)
    old = backups(root)[:-keep] if keep else []
    for folder in old:
        (folder / manifest.NAME).unlink(missing_ok=True)  # from now on it is no backup
        shutil.rmtree(folder)
    return old


def _age(moment: str) -> timedelta:
    return datetime.now(UTC) - datetime.strptime(moment, MOMENT).replace(tzinfo=UTC)


def verify(folder: Path) -> Manifest:
    """Read a whole backup; return what it says.

    Raises
    ------
    BackupError
        Naming what is damaged.
    """
    found = manifest.read(folder)
    manifest.check_files(folder, found)
    at = programs.folder(found.server_major)
    programs.run(at / "pg_restore", "dbname=none", "--list", *_file(folder), database=False)
    return found


def _file(folder: Path) -> tuple[str, ...]:
    return (str(folder / manifest.DATABASE),)


def _write(dsn: str, draft: Path, readings: list[dict[str, Any]], say: Say) -> None:
    with psycopg.connect(dsn) as connection:
        connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        connection.read_only = True
        with connection.cursor() as cursor:
            said = _look(cursor, readings)
            (snapshot,) = cursor.execute("SELECT pg_export_snapshot()").fetchone() or ("",)
            say(f"database of {said.database_bytes / 1e6:.0f} MB, {sum(said.rows.values())} rows")
            at = programs.folder(said.server_major)
            target = draft / manifest.DATABASE
            programs.run(
                at / "pg_dump", dsn, "--format=custom", "--no-owner", "--no-privileges",
                f"--snapshot={snapshot}", f"--file={target}",
                f"--lock-wait-timeout={LOCK_WAIT_S}s",
            )  # fmt: skip
            total = _write_segments(cursor, draft / manifest.SEGMENTS)
    files = {}
    for name in (manifest.DATABASE, manifest.SEGMENTS):
        _sync(draft / name)
        files[name] = manifest.measured(draft / name)
        say(f"{name}: {files[name].bytes / 1e6:.1f} MB, SHA-256 {files[name].sha256}")
    replace(said, files=files, archive=total).write(draft)


def _look(cursor: psycopg.Cursor[Any], readings: list[dict[str, Any]]) -> Manifest:
    """Return what the snapshot holds."""
    tables = [name for (name,) in cursor.execute(_TABLES)]
    (taken_at, size, server) = cursor.execute(
        "SELECT now(), pg_database_size(current_database()),"
        " current_setting('server_version_num')::int / 10000"
    ).fetchone() or (None, 0, 0)
    return Manifest(
        taken_at=taken_at.astimezone(UTC).isoformat() if taken_at else "",
        commit=_commit(),
        server_major=server,
        database_bytes=size,
        people=[name for (name,) in cursor.execute(_PEOPLE)],
        streams=[head for (head,) in cursor.execute("SELECT version_num FROM alembic_version")],
        key_check=manifest.key_check(),
        rows=count_rows(cursor, tables),
        readings=readings,
    )


def count_rows(cursor: psycopg.Cursor[Any], tables: list[str]) -> dict[str, int]:
    """Return the number of rows of each table."""
    counted = {}
    for table in tables:
        query = sql.SQL("SELECT count(*) FROM {}").format(sql.Identifier(table))
        (counted[table],) = cursor.execute(query).fetchone() or (0,)
    return counted


def _write_segments(cursor: psycopg.Cursor[Any], path: Path) -> dict[str, int]:
    names = ("host", "path", "survey", "night", "bytes", "sha256", "s3_key", "s3_state")
    count = size = 0
    with path.open("w") as file:
        for row in cursor.execute(_SEGMENTS):
            said = dict(zip(names, row, strict=True))
            file.write(json.dumps(said) + "\n")
            count, size = count + 1, size + (said["bytes"] or 0)
    return {"segments": count, "bytes": size}


def _commit() -> str:
    """Return the commit of the code; empty outside a clone."""
    git = shutil.which("git")
    if git is None:
        return ""
    done = subprocess.run(  # noqa: S603 no word from outside
        [git, "-C", str(ROOT), "rev-parse", "HEAD"], capture_output=True, text=True, check=False
    )
    return done.stdout.strip()


def _sync(path: Path) -> None:
    """Bring a file, or the names of a folder, onto the disk."""
    opened = os.open(path, os.O_RDONLY)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)
