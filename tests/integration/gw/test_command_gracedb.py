"""``manage.py notice --gracedb``: notices that GCN did not bring."""

import json

import pytest
from django.core.management import CommandError, call_command
from sqlalchemy import select

from pipeline.gw.tables import GwAlert
from pipeline.management.commands import notice as command
from tests.gw_notices import as_bytes, make_notice
from tests.standins.gracedb import gracedb
from tests.standins.schema_registry import busy

EVENT = "S260102a"
FILES = f"/superevents/{EVENT}/files/"
PRELIMINARY = f"{EVENT}-preliminary.json,0"
UPDATE = f"{EVENT}-update.json,0"
INITIAL = f"{EVENT}-initial.json,0"


def raw(alert_type, minute):
    made = make_notice(alert_type=alert_type, superevent_id=EVENT)
    return as_bytes(made | {"time_created": f"2026-01-02T03:{minute:02d}:00Z"})


KNOWN = {
    FILES: [UPDATE, INITIAL, PRELIMINARY],
    FILES + PRELIMINARY: raw("PRELIMINARY", 5),
    FILES + INITIAL: raw("INITIAL", 30),
    FILES + UPDATE: raw("UPDATE", 50),
}


@pytest.fixture
def fetch(session, kinds, bells, archive, set_up, monkeypatch):
    """Return a function that fetches from a GraceDB which knows this."""
    monkeypatch.setattr(command, "require_migrated", lambda: None)

    def one(known, event=EVENT):
        with gracedb(known) as server:
            set_up(gracedb__url=server.url)
            call_command("notice", "--gracedb", event, "--as-of", "2026-01-02T04:00")

    return one


def stored(session):
    found = select(GwAlert.alert_type, GwAlert.state).order_by(GwAlert.reception_count)
    return [tuple(row) for row in session.execute(found)]


@pytest.mark.parametrize("known", [{}, {FILES: busy}, {FILES: []}])
def test_what_cannot_be_fetched_is_said(session, fetch, known):
    with pytest.raises(CommandError, match="GraceDB"):
        fetch(known)


def test_notices_are_taken_in_the_order_in_which_they_were_made(session, fetch):
    fetch(KNOWN)

    assert stored(session) == [
        ("PRELIMINARY", "superseded"),
        ("INITIAL", "superseded"),
        ("UPDATE", "current"),
    ]


def test_a_fetched_notice_is_no_second_one(session, fetch, tmp_path, capsys):
    spaced = json.dumps(json.loads(raw("INITIAL", 30)), indent=2).encode()
    assert spaced != KNOWN[FILES + INITIAL]
    (tmp_path / "kafka.json").write_bytes(spaced)
    call_command("notice", str(tmp_path / "kafka.json"), "--as-of", "2026-01-02T04:00")
    fetch(KNOWN)
    fetch(KNOWN)

    assert sorted(kind for kind, _ in stored(session)) == ["INITIAL", "PRELIMINARY", "UPDATE"]
    assert "known already" in capsys.readouterr().out


def test_one_bad_notice_is_named_and_the_others_are_taken(session, fetch):
    with pytest.raises(CommandError, match="3 of 3"):
        fetch(KNOWN | {FILES + PRELIMINARY: b"{"})

    assert [kind for kind, _ in stored(session)] == ["INITIAL", "UPDATE"]
