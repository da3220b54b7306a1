"""One command brings both owners' tables up to date, whoever else does the same."""

import socket
import subprocess
import sys

import psycopg
import pytest
from alembic import command

from broker.config import ROOT
from broker.migrate import LOCK_KEY, alembic_config, django_tables
from tests.database import COMMAND_S, environment, run_command, run_sql

pytestmark = [pytest.mark.integration, pytest.mark.slow]

NOWHERE = "postgresql://nobody@192.0.2.1:1/none"
TABLES = "SELECT tablename FROM pg_tables WHERE schemaname = 'public'"


def tables(url):
    return {name for (name,) in run_sql(url, TABLES)}


def start_migrate(url):
    return subprocess.Popen(
        [sys.executable, "manage.py", "migrate"],
        cwd=ROOT,
        env=environment(url),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def check(url):
    return run_command(url, "manage.py", "migrate", "--check").returncode


def test_two_at_once_on_an_empty_database_wait_for_the_lock_say_so_and_succeed(empty_database):
    assert check(empty_database) == 1

    with psycopg.connect(empty_database, autocommit=True) as holder:
        holder.execute("SELECT pg_advisory_lock(%s)", [LOCK_KEY])
        waiting = [start_migrate(empty_database) for _ in range(2)]
        said = [process.stderr.readline() for process in waiting]
        made_meanwhile = tables(empty_database)
    texts = ["".join(process.communicate(timeout=COMMAND_S)) for process in waiting]

    assert all("another migration is running" in one for one in said)
    assert made_meanwhile == set()
    assert [process.returncode for process in waiting] == [0, 0], texts
    assert {"alerts", "auth_user", "stream_ranges"} <= tables(empty_database)
    assert check(empty_database) == 0


def test_what_is_pending_is_named_with_the_command(empty_database):
    code = "from broker.migrate import require_migrated; require_migrated()"

    done = run_command(empty_database, "manage.py", "shell", "-c", code)

    assert done.returncode == 1
    assert "auth.0001_initial" in done.stderr
    assert "streams." in done.stderr
    assert "run: python manage.py migrate" in done.stderr


def test_alembic_alone_makes_and_removes_the_streams_tables_but_no_loaded_catalog(database):
    people = tables(database) & django_tables()
    run_sql(database, "CREATE TABLE catalogs.lspsc (id bigint)")

    down = run_command(database, "-m", "alembic", "downgrade", "base")
    left = tables(database)
    up = run_command(database, "-m", "alembic", "upgrade", "head")

    assert (down.returncode, up.returncode) == (0, 0), down.stderr + up.stderr
    assert left == people | {"alembic_version"}
    assert "alerts" in tables(database)
    assert run_sql(database, "SELECT count(*) FROM catalogs.lspsc") == [(0,)]


LETTERS = """
    INSERT INTO dead_letters
        (stream, topic, source_partition, source_offset, last_offset, reason, message)
    VALUES ('ztf', 't', 0, 7, 9, 'expired_offsets', ''), ('ztf', 't', 0, 7, 7, 'worker_died', '')
"""


def test_a_downgrade_keeps_the_older_of_two_letters_at_one_place(database):
    run_sql(database, LETTERS)

    down = run_command(database, "-m", "alembic", "downgrade", "d9c2f7a05b31")

    assert down.returncode == 0, down.stderr
    assert run_sql(database, "SELECT reason FROM dead_letters") == [("expired_offsets",)]


def test_a_downgrade_that_would_mix_two_logs_is_refused(database):
    sources = (
        "INSERT INTO sources (stream, topic, topic_id, resets)"
        " VALUES ('ztf', 't', 'abc', 0), ('ztf', 't', 'abc', 1)"
    )
    run_sql(database, sources)

    down = run_command(database, "-m", "alembic", "downgrade", "b7d3e9a41c06")

    assert down.returncode != 0
    assert "uq_sources_stream_topic_topic_id" in down.stderr
    assert run_sql(database, "SELECT max(resets) FROM sources") == [(1,)]


def test_an_upgrade_that_was_broken_off_while_it_built_indexes_goes_on(database):
    run_command(database, "-m", "alembic", "downgrade", "c4e19b7a6d02")
    run_sql(database, "UPDATE alembic_version SET version_num = 'a1f0c7d20e51'")
    run_sql(database, "DROP INDEX ix_dead_letters_candid")

    up = run_command(database, "-m", "alembic", "upgrade", "head")

    assert up.returncode == 0, up.stderr
    assert run_sql(database, "SELECT to_regclass('ix_dead_letters_candid') IS NULL") == [(False,)]


def test_the_sql_can_be_written_without_a_database():
    done = run_command(NOWHERE, "-m", "alembic", "upgrade", "base:head", "--sql")

    assert "SET LOCAL lock_timeout = '4s'" in done.stdout
    assert "CREATE SEQUENCE stream_epochs" in done.stdout
    assert "django_" not in done.stdout


def test_newer_tables_than_the_code_are_told_apart(database):
    run_sql(database, "UPDATE alembic_version SET version_num = 'from_the_future'")

    done = run_command(database, "manage.py", "migrate")

    assert done.returncode == 1
    assert "newer code has migrated this database" in done.stderr


def test_light_curves_are_stored_uncompressed(database):
    found = run_sql(
        database,
        "SELECT attstorage::text FROM pg_attribute WHERE attrelid = 'light_curves'::regclass"
        " AND attname = 'points'",
    )

    assert found == [("e",)]


DOUBLED = """
    INSERT INTO selected_alerts (
        selection_id, survey, alert_id, source_id, source_partition, source_offset, dia_source_id,
        ra_deg, dec_deg, mjd_tai, science_state, template_state, difference_state, extra,
        processed_at, file_id, csv_seq
    )
    SELECT 1, 'lsst', alert_id, 1, 0, alert_id, dia_source_id, 10, 10, 61000,
        'absent', 'absent', 'absent', '{}', now(), 1, csv_seq
    FROM (VALUES (1, 7, 1), (2, 7, NULL), (3, 8, NULL), (4, 8, 2), (5, 8, 3), (6, 9, NULL))
        AS one (alert_id, dia_source_id, csv_seq)
"""


ASKED = """
    INSERT INTO output_files (host, root, path, kind, night)
    VALUES ('away', '/out', 'data/alerts.jsonl', 'jsonl', '2026-11-22');
    INSERT INTO lasair_alerts (survey, topic, source_id, source_partition, source_offset,
        kafka_timestamp, object_id, detected_at, payload, file_id)
    SELECT 'ztf', 'lasair_1', 1, 0, 1, now(), 'ZTF18aaaaaaa', '2026-11-22', '{}', id
    FROM output_files;
    INSERT INTO stamp_requests (survey, object_id, detected_at)
    VALUES ('ztf', 'ZTF18aaaaaaa', '2026-11-22'), ('ztf', 'ZTF18bbbbbbb', '2026-11-22')
"""


@pytest.mark.parametrize(
    ("hosts", "found"), [((), "away"), (("another",), socket.gethostname())], ids=["one", "two"]
)
def test_images_asked_for_belong_to_the_host_of_their_alert_or_to_the_only_one(
    empty_database, monkeypatch, hosts, found
):
    monkeypatch.delenv("NIGHTJAR_OUTPUT__HOST", raising=False)
    settings = alembic_config(dsn=empty_database, lock_is_held=True)
    command.upgrade(settings, "d7a30b58c1e4")
    run_sql(empty_database, ASKED)
    for host in hosts:
        run_sql(
            empty_database,
            "INSERT INTO output_files (host, root, path, kind, night)"
            f" VALUES ('{host}', '/out', 'b', 'image', '2026-11-22')",
        )

    command.upgrade(settings, "e94b12c7a0d5")

    asked = run_sql(empty_database, "SELECT object_id, host FROM stamp_requests ORDER BY 1")
    assert asked == [("ZTF18aaaaaaa", "away"), ("ZTF18bbbbbbb", found)]


def test_sources_that_are_there_twice_are_kept_once(empty_database, caplog):
    settings = alembic_config(dsn=empty_database, lock_is_held=True)
    command.upgrade(settings, "a90e4c1d7b35")
    run_sql(empty_database, DOUBLED)

    command.upgrade(settings, "b60e4d1f97a8")

    kept = run_sql(empty_database, "SELECT alert_id FROM selected_alerts ORDER BY alert_id")
    assert [number for (number,) in kept] == [1, 4, 6], "of each source the first line's"
    assert "3 rows that a dia_source_id had twice are gone" in caplog.text
