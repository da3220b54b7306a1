"""``manage.py notice``: notices taken by hand, from files and from dead letters."""

import logging
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from sqlalchemy import select
from sqlalchemy.orm import Session

from broker.dead_letters import DeadLetter
from broker.ranges.second_tries import try_again
from pipeline.gw.arrival import Intake
from pipeline.gw.grb_tables import GcnNotice, GrbAlert
from pipeline.gw.reception import Reception
from pipeline.gw.tables import GwAlert, GwStep
from pipeline.management.commands import notice as command
from tests.gw_messages import notice, received
from tests.voevents import packet

pytestmark = pytest.mark.integration
THEN = ("--as-of", "2026-11-21T21:00")


@pytest.fixture(autouse=True)
def _in_a_test(kinds, session, bells, archive, monkeypatch: pytest.MonkeyPatch) -> None:
    """Take the database as migrated, and the archive of this test."""
    monkeypatch.setattr(command, "require_migrated", lambda: None)
    monkeypatch.setattr(command, "project_path", lambda _: archive)


def written(folder: Path, name: str, raw: bytes) -> str:
    (folder / name).write_bytes(raw)
    return str(folder / name)


def test_a_file_is_stored_and_told_of(session: Session, tmp_path: Path, capsys):
    call_command("notice", written(tmp_path, "a.json", notice()), *THEN)

    [row] = session.scalars(select(GwAlert))
    assert (row.topic, row.state, row.is_silent) == ("file", "current", False)
    assert session.scalars(select(GwStep.step).order_by(GwStep.id)).all()[:2] == ["thread", "card"]
    assert "S261121a N°1 PRELIMINARY: real, current" in capsys.readouterr().out


@pytest.mark.parametrize(("verbosity", "is_logged"), [(1, False), (2, True)])
def test_the_log_repeats_what_is_printed_only_when_asked(
    session: Session, tmp_path: Path, monkeypatch, verbosity: int, is_logged: bool
):
    seen = []

    def spy(self: Reception, message):
        seen.append(logging.getLogger("pipeline.gw.reception").isEnabledFor(logging.INFO))
        return take(self, message)

    take = Reception.take
    monkeypatch.setattr(Reception, "take", spy)
    monkeypatch.setattr(logging.getLogger(), "level", logging.INFO)
    file = written(tmp_path, "a.json", notice())
    call_command("notice", file, *THEN, verbosity=verbosity)

    assert seen == [is_logged]
    assert logging.getLogger().level == logging.INFO


def test_an_old_notice_is_refused_with_the_time_to_say(session: Session, tmp_path: Path):
    file = written(tmp_path, "a.json", notice())

    with pytest.raises(CommandError, match=r"a\.json is of 2026-11-21T.* Say --as-of 2026-"):
        call_command("notice", file, "--as-of", "2026-11-23")

    assert not session.scalars(select(GwAlert)).all()


def test_an_old_notice_is_stored_without_a_word_when_asked_for(session: Session, tmp_path: Path):
    file = written(tmp_path, "a.json", notice())

    call_command("notice", file, "--as-of", "2026-11-23", "--silent")

    assert session.scalars(select(GwAlert.is_silent)).all() == [True]


def test_a_bad_file_is_named_and_the_others_are_taken(session: Session, tmp_path: Path):
    files = [written(tmp_path, "bad.json", b"{"), written(tmp_path, "good.json", notice())]

    with pytest.raises(CommandError, match=r"bad\.json"):
        call_command("notice", *files, *THEN)

    assert len(session.scalars(select(GwAlert)).all()) == 1
    assert session.scalars(select(DeadLetter.reason)).all() == ["not_json"]


@pytest.mark.parametrize("words", [[], ["/nowhere.json"], ["--letter", "7"]])
def test_what_is_not_there_is_said(session: Session, words):
    with pytest.raises(CommandError):
        call_command("notice", *words)


def test_a_buried_notice_is_read_again_from_the_archive(
    session: Session, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    def broken(*_: object) -> None:
        raise RuntimeError("a bug of ours")

    file = written(tmp_path, "a.json", notice())
    with monkeypatch.context() as patch:
        patch.setattr("pipeline.gw.store.store", broken)
        with pytest.raises(CommandError):
            call_command("notice", file, *THEN)
    letter_id = session.scalars(select(DeadLetter.id)).one()

    tried = try_again([letter_id], "somebody")
    assert "manage.py notice --letter" in tried.refused[letter_id]
    call_command("notice", "--letter", str(letter_id))

    assert session.scalars(select(GwAlert.state)).all() == ["current"]


def buried(stream: str, topic: str, raw: bytes) -> None:
    """Bury a message of a stream as a bug of ours does."""

    def broken(*_: object) -> None:
        raise RuntimeError("a bug of ours")

    reception = Reception(stream, Intake(broken, broken), lambda _topic: "topic-id")
    assert reception.take(received(raw, topic=topic)) is None
    reception.close()


def test_what_was_buried_of_any_stream_of_gcn_is_taken_as_that_stream_takes_it(session: Session):
    buried("voevent", "gcn.classic.voevent.SWIFT_BAT_GRB_POS_ACK", packet(61))
    buried("gcn_json", "gcn.circulars", b'{"subject": "GRB 251214: it", "circularId": 38000}')
    letters = session.scalars(select(DeadLetter.id)).all()

    call_command("notice", "--letter", *map(str, letters))

    assert session.scalars(select(GrbAlert.packet_type)).all() == [61]
    assert session.scalars(select(GcnNotice.topic)).all() == ["gcn.circulars"]


def test_files_of_other_streams_are_taken_as_these_take_them(session: Session, tmp_path: Path):
    circular = b'{"subject": "GRB 251214: it", "circularId": 38000}'

    call_command("notice", written(tmp_path, "bat.xml", packet(61)), "--as-of", "2025-12-14T10:00")
    call_command("notice", written(tmp_path, "c.json", circular), "--topic", "gcn.circulars")

    assert session.scalars(select(GrbAlert.packet_type)).all() == [61]
    assert session.scalars(select(GcnNotice.topic)).all() == ["gcn.circulars"]


def test_a_topic_that_gcn_has_not_is_refused(session: Session, tmp_path: Path):
    with pytest.raises(CommandError, match="invalid choice"):
        call_command("notice", written(tmp_path, "c.json", b"{}"), "--topic", "gcn.circular")


def test_a_dead_letter_of_alerts_is_no_notice(session: Session):
    buried("ztf", "ztf_20251214_programid1", b"Obj")
    [letter_id] = session.scalars(select(DeadLetter.id))

    with pytest.raises(CommandError, match="no dead letter of igwn, voevent, gcn_json"):
        call_command("notice", "--letter", str(letter_id))
