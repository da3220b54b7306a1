"""A database of catalogs alone: their loads commit."""

import uuid
from collections.abc import Iterator

import psycopg
import pytest
from psycopg import sql
from sqlalchemy import Engine, create_engine
from sqlalchemy.orm import Session

from broker.config import config
from broker.db import sqlalchemy_url
from pipeline.alerts.tables import SkyObject


@pytest.fixture(scope="module")
def database(parts) -> Iterator[str]:
    """A database of this module's own, because loads commit."""
    home = config().postgres.url.get_secret_value()
    name = f"nightjar_catalogs_{uuid.uuid4().hex[:8]}"
    with psycopg.connect(home, autocommit=True) as connection:
        connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
        yield psycopg.conninfo.make_conninfo(home, dbname=name)
        connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


@pytest.fixture(scope="module")
def engine(database) -> Iterator[Engine]:
    engine = create_engine(
        sqlalchemy_url("postgresql://"), creator=lambda: psycopg.connect(database)
    )
    SkyObject.__table__.create(engine)
    yield engine
    engine.dispose()


@pytest.fixture
def connection(database) -> Iterator[psycopg.Connection]:
    """A connection that commits by itself, on a database without catalogs."""
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute("DROP SCHEMA IF EXISTS catalogs CASCADE")
        yield connection


@pytest.fixture
def session(engine) -> Iterator[Session]:
    with Session(engine) as session:
        yield session
        session.rollback()
