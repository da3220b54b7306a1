"""Dead letters of streams that are stored in batches: their listeners take them once more."""

from collections.abc import Callable
from contextlib import closing
from typing import NamedTuple

import pytest
from django.core.management import call_command
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from broker import retakes
from broker.avro import UnreadableError
from broker.dead_letters import DeadLetter
from broker.errors import TransientError
from broker.kafka_messages import Received
from broker.letter_packets import NoPacketError, archived_packet, kafka_packet
from broker.ranges.second_tries import try_again
from broker.retakes import take_retried
from pipeline.lasair.message import BadMessage
from pipeline.lasair.reception import TopicReception
from pipeline.lasair.tables import LasairAlert
from pipeline.selected.reception import Reception
from pipeline.selected.tables import SelectedAlert
from tests import lasair
from tests.integration.selected import world

pytestmark = pytest.mark.integration


Taker = Reception | TopicReception


class Kind(NamedTuple):
    """A stream that is stored in batches, with one good message of it."""

    stream: str
    message: Received
    reading: str
    """What reads a message."""
    error: Exception
    table: type
    make: Callable[[], Taker]


def selected(source: str) -> Taker:
    return world.Consumer(source=source).reception


READ = "pipeline.selected.judging._judge"
MESSAGE = world.received(world.packet(1))[0]
UNREADABLE = UnreadableError("bad_value", "a bug of ours")
KINDS = {
    "selected": Kind(
        "selected", MESSAGE, READ, UNREADABLE, SelectedAlert, lambda: selected("selected")
    ),
    "antares": Kind(
        "antares", MESSAGE, READ, UNREADABLE, SelectedAlert, lambda: selected("antares")
    ),
    "lasair": Kind(
        "lasair",
        lasair.received(lasair.alert(), 7),
        "pipeline.lasair.reception.read",
        BadMessage("not_json", "a bug of ours"),
        LasairAlert,
        lasair.reception,
    ),
}


@pytest.fixture(params=KINDS)
def kind(request: pytest.FixtureRequest, session: Session, set_up, tmp_path) -> Kind:
    set_up(
        output__root=tmp_path / "output",
        output__host="here",
        archive__path=tmp_path / "archive",
        lasair__cutouts="false",
    )
    return KINDS[request.param]


@pytest.fixture
def buried(kind: Kind, monkeypatch: pytest.MonkeyPatch) -> Kind:
    """Let a bug of ours bury the message."""

    def broken(*_: object) -> None:
        raise kind.error

    with monkeypatch.context() as patch, closing(kind.make()) as taker:
        patch.setattr(kind.reading, broken)
        taker.take([kind.message])
    return kind


def letter(session: Session) -> DeadLetter:
    session.expire_all()
    return session.scalars(select(DeadLetter)).one()


def rows(session: Session, kind: Kind) -> int:
    return session.scalar(select(func.count()).select_from(kind.table)) or 0


def look(kind: Kind) -> int:
    with closing(kind.make()) as taker:
        return take_retried(kind.stream, taker.take_again)


def test_a_letters_message_can_be_looked_at(session, buried):
    assert archived_packet(session, letter(session)) == buried.message.value
    with pytest.raises(NoPacketError, match="only the archive is looked at"):
        kafka_packet(letter(session), None)


def test_a_mended_letter_becomes_a_row_once_and_stays_resolved(session, buried, capsys):
    number = str(letter(session).id)

    call_command("dead_letters", "--stream", buried.stream, "--retry")
    assert "1 of 1 dead letters are sent once more" in capsys.readouterr().out
    assert (letter(session).state, rows(session, buried)) == ("retried", 0)

    assert look(buried) == 1
    assert (letter(session).state, rows(session, buried)) == ("resolved", 1)
    call_command("dead_letters", "--id", number, "--retry")
    assert "No dead letter fits" in capsys.readouterr().out
    assert look(buried) == 0
    row = session.scalars(select(buried.table)).one()
    assert (row.source_offset, row.source_id) == (
        buried.message.offset,
        letter(session).source_id,
    )


def test_what_is_still_bad_is_open_again(session, buried, monkeypatch):
    def broken(*_: object) -> None:
        raise buried.error

    monkeypatch.setattr(buried.reading, broken)
    try_again([letter(session).id], "ada")

    look(buried)

    found = letter(session)
    assert (found.state, found.attempts, rows(session, buried)) == ("open", 2, 0)


def test_whoever_died_behind_the_row_is_followed_by_one_that_resolves(session, buried, monkeypatch):
    class Died(BaseException):
        pass

    def die(*_: object) -> None:
        raise Died

    try_again([letter(session).id], "ada")
    with monkeypatch.context() as patch:
        patch.setattr(retakes.dead_letters, "resolve", die)
        with pytest.raises(Died):
            look(buried)
    assert (letter(session).state, rows(session, buried)) == ("retried", 1)

    look(buried)

    assert (letter(session).state, rows(session, buried)) == ("resolved", 1)


def test_a_server_that_is_away_leaves_the_letter_to_the_next_look(session, buried, monkeypatch):
    def away(*_: object) -> None:
        raise TransientError("away")

    try_again([letter(session).id], "ada")
    with pytest.raises(TransientError):
        take_retried(buried.stream, away)

    assert letter(session).state == "retried"
    assert look(buried) == 1
    assert letter(session).state == "resolved"


def test_a_letter_whose_bytes_are_gone_is_refused_with_the_reason(session, buried, tmp_path):
    for file in (tmp_path / "archive").rglob("*.seg"):
        file.unlink()

    tried = try_again([letter(session).id], "ada")

    [why] = tried.refused.values()
    assert "is not on this machine, or expired" in why
    assert (tried.taken, letter(session).state) == ([], "open")


def test_a_letter_of_another_topic_is_left_to_its_own_listener(session, buried):
    try_again([letter(session).id], "ada")

    with closing(buried.make()) as taker:
        assert take_retried(buried.stream, taker.take_again, topic="another") == 0
    assert letter(session).state == "retried"
