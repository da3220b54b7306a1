"""Migrations of both owners under one lock, and the check that none is pending."""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import psycopg
from alembic import command
from alembic.config import Config as AlembicConfig
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from alembic.script.revision import RevisionError
from django.apps import apps
from django.core.management import CommandError
from django.db import DEFAULT_DB_ALIAS, connections
from django.db.migrations.executor import MigrationExecutor
from psycopg.conninfo import make_conninfo
from sqlalchemy import Engine, NullPool, create_engine

from broker.config import ROOT

LOCK_KEY = 0x6E6967_68746A61
"""Advisory lock of Postgres that every migration holds; the bytes of ``nightja``."""
LOCK_POLL_S = 0.2
LOCK_PATIENCE_S = 600
COMMAND = "python manage.py migrate"


class PendingMigrationsError(CommandError):
    """The database is older, or newer, than this code."""


def conninfo(database: str = DEFAULT_DB_ALIAS) -> str:
    """Return libpq's connection string of a Django database, without its statement timeout."""
    settings = connections[database].settings_dict
    options = {k: v for k, v in settings["OPTIONS"].items() if k != "options"}
    names = {"dbname": "NAME", "user": "USER", "password": "PASSWORD", "host": "HOST"}
    values = {name: settings[key] for name, key in {**names, "port": "PORT"}.items()}
    return make_conninfo("", **{k: v for k, v in (values | options).items() if v != ""})


def migration_engine(dsn: str) -> Engine:
    """Return an engine for ``dsn`` that keeps no connection."""
    return create_engine(
        "postgresql+psycopg://", creator=lambda: psycopg.connect(dsn), poolclass=NullPool
    )


@contextmanager
def migration_lock(dsn: str, announce: Callable[[str], object] | None = None) -> Iterator[None]:
    """Hold the lock of all migrations; wait for whoever has it.

    Parameters
    ----------
    dsn : str
        Database to migrate.
    announce : callable, optional
        Told once that another migration is running.

    Raises
    ------
    CommandError
        If the lock is still taken after ``LOCK_PATIENCE_S``.

    Notes
    -----
    The lock is polled: a session that waits inside ``pg_advisory_lock`` holds a snapshot, which
    ``CREATE INDEX CONCURRENTLY`` of the session that has the lock would wait for, for ever.
    """
    give_up_at = time.monotonic() + LOCK_PATIENCE_S
    with psycopg.connect(dsn, autocommit=True) as connection:
        while not _try_lock(connection):
            if announce:
                announce("another migration is running; waiting for it")
                announce = None
            if time.monotonic() > give_up_at:
                raise CommandError(f"another migration has run for {LOCK_PATIENCE_S} s; giving up")
            time.sleep(LOCK_POLL_S)
        try:
            yield
        finally:
            connection.execute("SELECT pg_advisory_unlock(%s)", [LOCK_KEY])


def upgrade_streams(dsn: str) -> None:
    """Bring Alembic's tables up to date; the caller holds the lock."""
    command.upgrade(alembic_config(dsn=dsn, lock_is_held=True), "heads")


def alembic_config(**attributes: Any) -> AlembicConfig:
    """Return Alembic's configuration, whatever the current folder is.

    ``attributes`` are handed to ``migrations/env.py``: ``dsn``, ``lock_is_held``.
    """
    found = AlembicConfig(toml_file=ROOT / "pyproject.toml", attributes=attributes)
    found.set_main_option("script_location", str(ROOT / "migrations").replace("%", "%%"))
    return found


def pending_migrations(database: str = DEFAULT_DB_ALIAS) -> list[str]:
    """Return the names of all migrations that were not applied, Django's first."""
    return pending_people(database) + pending_streams(conninfo(database))


def pending_people(database: str = DEFAULT_DB_ALIAS) -> list[str]:
    """Return the names of Django's migrations that were not applied."""
    executor = MigrationExecutor(connections[database])
    plan = executor.migration_plan(executor.loader.graph.leaf_nodes())
    return [f"{migration.app_label}.{migration.name}" for migration, _ in plan]


def pending_streams(dsn: str) -> list[str]:
    """Return the names of Alembic's migrations that were not applied.

    Raises
    ------
    PendingMigrationsError
        If newer code has migrated the database.
    """
    with migration_engine(dsn).connect() as connection:
        current = MigrationContext.configure(connection).get_current_heads()
    scripts = ScriptDirectory.from_config(alembic_config())
    try:
        missing = list(scripts.iterate_revisions("heads", current or "base"))
    except RevisionError as error:
        raise PendingMigrationsError(
            f"newer code has migrated this database ({error}); install that code"
        ) from None
    return [f"streams.{script.revision} ({script.doc})" for script in reversed(missing)]


def require_migrated(database: str = DEFAULT_DB_ALIAS) -> None:
    """Return if the database fits this code.

    Raises
    ------
    PendingMigrationsError
        Naming what is missing and the command that mends it.
    """
    _refuse(pending_migrations(database))


def require_streams_migrated(dsn: str) -> None:
    """Return if the stream side of the database fits this code; for processes without Django.

    Raises
    ------
    PendingMigrationsError
        Naming what is missing and the command that mends it.
    """
    _refuse(pending_streams(dsn))


def _refuse(missing: Sequence[str]) -> None:
    if missing:
        raise PendingMigrationsError(
            f"{len(missing)} migrations are pending: {', '.join(missing)}; run: {COMMAND}"
        )


def django_tables() -> set[str]:
    """Return the names of all tables that Django owns."""
    models = apps.get_models(include_auto_created=True)
    options = [model._meta for model in models]
    return {each.db_table for each in options if each.managed} | {"django_migrations"}


def _try_lock(connection: psycopg.Connection[Any]) -> bool:
    row = connection.execute("SELECT pg_try_advisory_lock(%s)", [LOCK_KEY]).fetchone()
    return bool(row and row[0])
