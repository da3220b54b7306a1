"""Backups: whole or not at all, proved before they are used, and never over what is in use."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import psycopg
import pytest
from cryptography.fernet import Fernet
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from broker.backup import dump, load, manifest, programs
from broker.backup.errors import BackupError
from broker.backup.load import Target
from broker.config import config
from tests.database import run_sql

pytestmark = [pytest.mark.integration, pytest.mark.slow]
SEGMENT = (
    "INSERT INTO archive_segments (host, path, survey, night, bytes, sha256)"
    " VALUES ('here', 'ztf/a.seg', 'ztf', '2026-08-01', 4, 'ab')"
)
READINGS = [{"stream": "ztf", "group": "g", "error": "", "ids": {}, "at": []}]


@pytest.fixture
def made(database, tmp_path):
    """A backup of a database with one row in a table of Alembic's and one in Django's."""
    run_sql(database, SEGMENT)
    run_sql(
        database,
        "INSERT INTO accounts_audit (actor, action, target, why) VALUES ('a', 'b', 'c', 'd')",
    )
    return dump.backup(make_conninfo(database), tmp_path / "all", READINGS, lambda _: None)


def test_what_is_restored_is_what_was_backed_up(made, database, tmp_path):
    said, target = dump.verify(made), Target.now(make_conninfo(database))
    assert (said.rows["archive_segments"], said.rows["accounts_audit"]) == (1, 1)
    assert said.readings == READINGS
    run_sql(database, "DELETE FROM archive_segments")
    run_sql(database, "DELETE FROM accounts_audit")
    load.require_fits(made, said, target)

    load.load(made, said, target, lambda _: None)
    before = load.swap(target)

    assert run_sql(database, "SELECT path FROM archive_segments") == [("ztf/a.seg",)]
    assert run_sql(database, "SELECT why FROM accounts_audit") == [("d",)]
    kept = database.replace(conninfo_to_dict(database)["dbname"], before)
    assert run_sql(kept, "SELECT count(*) FROM archive_segments") == [(0,)]
    run_sql(f"{database.rpartition('/')[0]}/postgres", f'DROP DATABASE "{before}"')
    (tmp_path / "ztf").mkdir()
    assert load.compare_archive(made, tmp_path, "here") == {"missing": 1}
    (tmp_path / "ztf" / "a.seg").write_bytes(b"four")
    assert load.compare_archive(made, tmp_path, "here") == {"whole": 1}


@pytest.mark.parametrize("name", [manifest.DATABASE, manifest.SEGMENTS])
def test_one_changed_byte_is_seen(made, name):
    path = made / name
    whole = path.read_bytes()
    path.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
    with pytest.raises(BackupError, match=f"{name} is damaged"):
        dump.verify(made)
    path.write_bytes(whole[:-1])
    with pytest.raises(BackupError, match=f"{name} has .* torn"):
        dump.verify(made)


def test_a_backup_that_never_ended_is_none(made):
    (made / manifest.NAME).unlink()

    with pytest.raises(BackupError, match="no backup, or one that never ended"):
        dump.verify(made)


def test_the_key_is_not_in_it_and_another_one_is_refused(made, database, monkeypatch):
    secret = config().web.secret_key.get_secret_value()
    for path in made.iterdir():
        assert secret.encode() not in path.read_bytes()
    monkeypatch.setenv("NIGHTJAR_WEB__FERNET_KEYS", json.dumps([Fernet.generate_key().decode()]))
    config.cache_clear()

    with pytest.raises(BackupError, match="open with another key"):
        load.require_fits(made, manifest.read(made), Target.now(make_conninfo(database)))


def test_who_is_connected_keeps_the_database(made, database):
    target = Target.now(make_conninfo(database))
    assert not target.is_empty()
    load.load(made, dump.verify(made), target, lambda _: None)
    with psycopg.connect(database, application_name="a listener"):
        assert target.users() == ["a listener at 127.0.0.1/32"]
        with pytest.raises(BackupError, match="in use by a listener"):
            load.swap(target)
    with psycopg.connect(target.draft_dsn, application_name="a look"):
        with pytest.raises(BackupError, match="in use by a look"):
            load.swap(target)
        with target.server() as server:
            assert target.exists(server, target.name)
    load.drop(target)


def test_rows_that_are_not_those_of_the_manifest_are_no_restore(made, database):
    said = manifest.read(made)
    wrong = {**said.rows, "archive_segments": 2}
    target = Target.now(make_conninfo(database))

    with pytest.raises(BackupError, match="archive_segments has 1 rows instead of 2"):
        load.load(made, replace(said, rows=wrong), target, lambda _: None)

    with target.server() as server:
        assert not target.exists(server, target.draft)


def test_a_dump_that_fails_leaves_nothing(database, tmp_path, monkeypatch):
    monkeypatch.setattr(programs, "folder", lambda _: tmp_path)
    with pytest.raises(BackupError):
        dump.backup(make_conninfo(database), tmp_path / "all", [], lambda _: None)

    assert list((tmp_path / "all").iterdir()) == []


def test_two_of_one_second_leave_each_other_alone(tmp_path, monkeypatch):
    second = []

    def write(_dsn, draft, *_):
        (draft / "first").write_text("")
        if not second:
            second.append(draft)
            with pytest.raises(BackupError, match="File exists"):
                dump.backup("", tmp_path, [], print)
        assert (draft / "first").exists()

    monkeypatch.setattr(dump, "_write", write)
    monkeypatch.setattr(dump, "MOMENT", "20260801T000000Z")

    assert dump.backup("", tmp_path, [], print).is_dir()


def test_the_newest_stay(tmp_path):
    for day in ("20260801T000000Z", "20260802T000000Z", "20260803T000000Z"):
        (tmp_path / day).mkdir()
    (tmp_path / "notes").mkdir()

    assert dump.forget_old(tmp_path, 0) == []
    assert [each.name for each in dump.forget_old(tmp_path, 2)] == ["20260801T000000Z"]
    assert len(dump.backups(tmp_path)) == 2
    assert (tmp_path / "notes").is_dir()


def test_the_draft_of_a_killed_backup_goes_after_a_day(tmp_path):
    now = datetime.now(UTC)
    for hours in (1, 25):
        (tmp_path / f"{now - timedelta(hours=hours):{dump.MOMENT}}.partial").mkdir()
    (tmp_path / "mine.partial").mkdir()

    dump.forget_old(tmp_path, 0)

    assert sorted(each.name for each in tmp_path.iterdir()) == [
        f"{now - timedelta(hours=1):{dump.MOMENT}}.partial",
        "mine.partial",
    ]
