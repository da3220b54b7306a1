"""Transactions of the stream side: their statement limit, and connections that died at rest."""

from contextlib import suppress

import psycopg
import pytest
from sqlalchemy import text

from broker import db
from broker.db import transaction
from broker.settings import database as django_database
from tests.database import run_sql

DEFAULT_S = 60


def limit_s(**options: int) -> int:
    with transaction(**options) as session:
        return int(
            session.scalar(
                text("SELECT setting::int / 1000 FROM pg_settings WHERE name = 'statement_timeout'")
            )
        )


def backend() -> int:
    with transaction() as session:
        return int(session.scalar(text("SELECT pg_backend_pid()")))


def test_each_transaction_has_the_limit_that_it_asked_for(database: str):
    assert [limit_s(), limit_s(statement_timeout_s=7), limit_s(statement_timeout_s=7)] == [
        DEFAULT_S,
        7,
        7,
    ]
    assert [limit_s(), limit_s(statement_timeout_s=3)] == [DEFAULT_S, 3]


def test_a_limit_that_was_rolled_back_is_set_again(database: str):
    with pytest.raises(ZeroDivisionError), transaction(statement_timeout_s=7):
        raise ZeroDivisionError
    assert limit_s(statement_timeout_s=7) == 7

    with pytest.raises(ZeroDivisionError), transaction():
        raise ZeroDivisionError
    assert limit_s() == DEFAULT_S


def test_a_host_that_vanished_is_noticed_within_seconds(database: str):
    with transaction() as session:
        known = db.cursor(session).connection.info.get_parameters()
    assert {name: known[name] for name in db.TCP_OPTIONS} == {
        "tcp_user_timeout": "10000",
        "keepalives_idle": "5",
        "keepalives_interval": "2",
        "keepalives_count": "3",
    }
    assert db.TCP_OPTIONS.items() <= django_database(database)["OPTIONS"].items()


def test_a_lock_is_held_without_a_transaction_and_ends_with_its_block(database: str):
    open_transactions = (
        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
        " AND backend_type = 'client backend' AND pid <> pg_backend_pid()"
        " AND xact_start IS NOT NULL"
    )
    with db.lock("one") as first, db.lock("one") as second, db.lock("two") as other:
        assert (first, second, other) == (True, False, True)
        with transaction() as session:
            assert session.scalar(text(open_transactions)) == 0
    with db.lock("one") as again:
        assert again


def test_a_connection_that_died_at_rest_is_replaced(database: str, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(db, "PING_AFTER_S", 0.0)
    first = backend()
    run_sql(database, f"SELECT pg_terminate_backend({first})")

    assert backend() != first


def test_a_connection_that_dies_in_use_says_so_and_the_next_is_new(database: str):
    first = backend()
    run_sql(database, f"SELECT pg_terminate_backend({first})")

    with pytest.raises(Exception, match="terminat") as raised:
        backend()

    assert isinstance(raised.value.__cause__, psycopg.OperationalError)
    assert backend() != first


def test_a_lock_is_let_go_before_its_connection_ends(database: str, monkeypatch):
    """Also by who fails: a server's process that is about to end must not hold it any longer."""
    left_open: list[psycopg.Connection] = []
    monkeypatch.setattr(psycopg.Connection, "close", lambda self: left_open.append(self))  # noqa: PLW0108 bound to the class

    with suppress(ZeroDivisionError), db.lock("one"):
        raise ZeroDivisionError
    with db.lock("one") as again:
        pass

    monkeypatch.undo()
    for connection in left_open:
        connection.close()
    assert again


def test_a_lock_of_one_run_of_tests_is_none_of_another(session):
    with psycopg.connect(db._url()) as connection:
        (name,) = connection.execute("SELECT current_database()").fetchone()

    assert name == session.execute(text("SELECT current_database()")).scalar_one()
