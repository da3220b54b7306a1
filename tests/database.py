"""Databases for tests: one transaction that Django and SQLAlchemy share, or a database alone."""

import subprocess
import sys
import uuid
from collections import deque
from collections.abc import Callable, Iterator
from typing import Any

import psycopg
import pytest
from django.contrib.auth.models import User
from django.db import connection, connections
from django.test import Client
from psycopg.adapt import AdaptersMap
from psycopg.conninfo import conninfo_to_dict
from sqlalchemy import Pool, StaticPool, create_engine
from sqlalchemy.orm import Session, sessionmaker

from broker import db
from broker.config import ROOT, config
from broker.settings import database as django_database
from tests import native
from tests.environment import inherited

COMMAND_S = 300
"""On a machine that does much else."""
ADDRESS = ("NAME", "USER", "PASSWORD", "HOST", "PORT")


class LentConnection:
    """Django's own psycopg connection, whose transaction the borrower cannot end."""

    def __init__(self, owned: "psycopg.Connection[Any]") -> None:
        object.__setattr__(self, "_owned", owned)

    @property
    def __class__(self) -> type:
        return psycopg.Connection  # code that borrows it for COPY makes sure of what it got

    def __getattr__(self, name: str) -> Any:
        return getattr(self._owned, name)

    def __setattr__(self, name: str, value: Any) -> None:
        setattr(self._owned, name, value)

    def cursor(self, *args: Any, **kwargs: Any) -> "psycopg.Cursor[Any]":
        """Return a plain cursor: Django's bind on the client and read JSON as text."""
        found = psycopg.Cursor(self._owned, *args, **kwargs)
        found._adapters = AdaptersMap(psycopg.adapters)
        return found

    def commit(self) -> None:
        """Leave it to Django."""

    def rollback(self) -> None:
        """Leave it to Django."""

    def close(self) -> None:
        """Leave it to Django."""


@pytest.fixture(scope="session")
def django_db_modify_db_settings(
    parts: native.Parts, migrated_template: str, django_db_modify_db_settings_parallel_suffix: None
) -> None:
    """Point Django at the Postgres of this run, where a copy of the template is its database."""
    found = django_database(parts.postgres_url)
    for name in ADDRESS:
        connections.settings["default"][name] = found[name]
    connections.settings["default"]["TEST"]["TEMPLATE"] = migrated_template


@pytest.fixture
def session(db: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[Session]:
    """Return a session inside Django's test transaction; ``transaction()`` opens savepoints in it.

    Each side sees the other's rows and Django's rollback undoes all. There is one connection: no
    locks between sessions, ``now()`` stands still, deferred constraints need SET CONSTRAINTS.
    """
    connection.ensure_connection()
    engine = create_engine(
        "postgresql+psycopg://",
        creator=lambda: LentConnection(connection.connection),
        poolclass=StaticPool,
        use_native_hstore=False,
    )
    bound = engine.connect()
    bound.begin()
    sessions = sessionmaker(bound, expire_on_commit=False, join_transaction_mode="create_savepoint")
    monkeypatch.setattr("broker.db.engine", lambda: engine)
    monkeypatch.setattr("broker.db._sessions", lambda: sessions)
    # Advisory locks are a database's: in one that all workers share, tests would lock each other out.
    name = connection.settings_dict["NAME"]
    own_url = f"{config().postgres.url.get_secret_value().rpartition('/')[0]}/{name}"
    monkeypatch.setattr("broker.db._url", lambda: own_url)
    with sessions() as found:
        yield found
    bound.close()
    engine.dispose()


@pytest.fixture
def staff(db: None) -> Client:
    """Return a browser that is logged in as a member of staff with every permission."""
    browser = Client(headers={"host": "localhost"})
    browser.force_login(User.objects.create(username="staff", is_staff=True, is_superuser=True))
    return browser


@pytest.fixture(scope="session")
def make_database(parts: native.Parts) -> Callable[..., str]:
    """Return a function that makes a database and returns its URL; it ends with the servers."""

    def make(template: str = "template1") -> str:
        name = f"nightjar_{uuid.uuid4().hex[:12]}"
        run_sql(parts.postgres_url, f'CREATE DATABASE "{name}" TEMPLATE "{template}"')
        return f"{parts.postgres_url.rpartition('/')[0]}/{name}"

    return make


@pytest.fixture
def empty_database(make_database: Callable[..., str], parts: native.Parts) -> Iterator[str]:
    """Return the URL of a database without a table."""
    url = make_database()
    yield url
    _drop(parts, url)


@pytest.fixture(scope="session")
def migrated_template(parts: native.Parts, testrun_uid: str) -> str:
    """Return the name of a migrated database that nobody connects to, to copy from.

    The first worker that asks makes it, for all of the run.
    """
    name, unfinished = f"template_{testrun_uid[:12]}", f"unfinished_{testrun_uid[:12]}"
    with psycopg.connect(parts.postgres_url, autocommit=True) as server:
        server.execute("SELECT pg_advisory_lock(hashtext(%s))", [name])
        if not server.execute("SELECT FROM pg_database WHERE datname = %s", [name]).rowcount:
            server.execute(f'CREATE DATABASE "{unfinished}"')
            url = f"{parts.postgres_url.rpartition('/')[0]}/{unfinished}"
            done = run_command(url, "manage.py", "migrate")
            assert done.returncode == 0, done.stderr
            server.execute(f'ALTER DATABASE "{unfinished}" RENAME TO "{name}"')
    return name


@pytest.fixture
def database(
    make_database: Callable[..., str],
    migrated_template: str,
    parts: native.Parts,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[str]:
    """Return the URL of a migrated database of this test's own, for real transactions.

    ``config()``, ``transaction()`` and every process that the test starts use it; Django does not.
    """
    url = make_database(migrated_template)
    with monkeypatch.context() as patch:
        patch.setenv("NIGHTJAR_POSTGRES__URL", url)
        _forget()
        yield url
    _forget()
    _drop(parts, url)


def _drop(parts: native.Parts, url: str) -> None:
    # At once: the hundreds of a whole run would fill a small disk.
    name = conninfo_to_dict(url)["dbname"]
    run_sql(parts.postgres_url, f'DROP DATABASE "{name}" WITH (FORCE)')


def run_command(url: str, *words: str) -> "subprocess.CompletedProcess[str]":
    """Run a Python program of the project on the database at ``url`` to its end."""
    return subprocess.run(
        [sys.executable, *words],
        cwd=ROOT,
        env=environment(url),
        capture_output=True,
        text=True,
        timeout=COMMAND_S,
        check=False,
    )


def environment(url: str) -> dict[str, str]:
    """Return the environment of a process that shall use the database at ``url``."""
    return inherited({"NIGHTJAR_POSTGRES__URL": url})


def run_sql(url: str, statement: str) -> list[tuple[Any, ...]]:
    """Run one statement on a connection of its own and return its rows."""
    with psycopg.connect(url, autocommit=True) as one_off:
        done = one_off.execute(statement)
        return done.fetchall() if done.description else []


_pools: deque[Pool] = deque(maxlen=20)
"""Of tests before: a thread that still works gives its connection back to them."""


def _forget() -> None:
    config.cache_clear()
    if db.engine.cache_info().currsize:
        _pools.append(db.engine().pool)
        db.engine().dispose()  # or a later test fails for a connection that was never closed
    for pool in _pools:  # a thread may have given one back since
        pool.dispose()
    db.engine.cache_clear()
    db._sessions.cache_clear()
