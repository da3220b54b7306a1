"""``manage.py dead_letters``: what the admin does, for a terminal."""

import pytest
from django.core.management import CommandError, call_command

from broker.dead_letters import DeadLetter
from broker.errors import TransientError
from broker.ranges import second_tries
from broker.ranges.replays import ReplayError
from pipeline.management import letters
from tests.factories import make_dead_letter, make_source

pytestmark = pytest.mark.integration


@pytest.fixture(autouse=True)
def _name(monkeypatch):
    monkeypatch.setattr(letters, "operator", lambda: "ada (command line)")


@pytest.fixture
def found(session):
    """Return letters by name: two open ones for two reasons, one ignored, one resolved."""
    source = make_source(session)
    given = {
        "cut": {"reason": "truncated", "message": "cut [bold]short\x1b[31m"},
        "nan": {"reason": "bad_value"},
        "ignored": {"state": "ignored"},
        "resolved": {"state": "resolved"},
    }
    return {
        name: make_dead_letter(session, source, source_offset=at, last_offset=at, **fields)
        for at, (name, fields) in enumerate(given.items())
    }


def state(session, letter):
    session.expire_all()
    return session.get(DeadLetter, letter.id).state


def test_letters_are_counted_and_nothing_in_them_reaches_the_terminal(found, capsys):
    call_command("dead_letters")

    out = capsys.readouterr().out
    assert "truncated" in out
    assert "2024-11-21" in out
    assert "\x1b[31m" not in out


def test_nothing_to_count_is_said(session, capsys):
    call_command("dead_letters", "--stream", "lsst")

    assert capsys.readouterr().out == "No dead letter fits.\n"


@pytest.mark.parametrize(
    ("words", "names"),
    [
        (["--reason", "truncated"], ["cut"]),
        (["--stream", "ztf"], ["cut", "nan"]),
        (["--night", "2024-11-21", "--partition", "3"], ["cut", "nan"]),
        (["--state", "ignored", "--all"], ["ignored"]),
        (["--all"], ["cut", "nan"]),
    ],
    ids=str,
)
def test_open_letters_that_the_filters_name_are_sent_once_more(found, asked, capsys, words, names):
    call_command("dead_letters", "--retry", *words)

    assert asked == [found[name].id for name in names]
    assert f"{len(names)} of {len(names)} dead letters are sent once more." in (
        capsys.readouterr().out
    )


def test_a_filter_that_nothing_fits_is_told(found, asked, capsys):
    call_command("dead_letters", "--retry", "--topic", "another")

    assert (asked, capsys.readouterr().out) == ([], "No dead letter fits.\n")


def test_single_letters_are_named_by_their_ids(found, asked):
    call_command("dead_letters", "--retry", "--id", str(found["nan"].id))

    assert asked == [found["nan"].id]


def test_ignoring_keeps_the_reason(session, found, capsys):
    call_command("dead_letters", "--reason", "bad_value", "--ignore", " a test ")

    assert (state(session, found["nan"]), state(session, found["cut"])) == ("ignored", "open")
    row = session.get(DeadLetter, found["nan"].id)
    assert (row.note, row.resolved_by) == ("a test", "ada (command line)")
    assert "1 of 1 dead letters are ignored: a test" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (["--retry"], "name some"),
        (["--ignore", "why not"], "name some"),
        (["--ignore", " ", "--all"], "needs a reason"),
        (["--retry", "--state", "resolved", "--all"], "can be retried"),
    ],
    ids=str,
)
def test_an_order_that_may_be_a_slip_is_refused(session, found, asked, words, why):
    with pytest.raises(CommandError, match=why):
        call_command("dead_letters", *words)

    assert asked == []
    assert state(session, found["cut"]) == "open"


def test_letters_that_cannot_be_had_are_named(found, monkeypatch, capsys):
    asked = []

    def some_are_gone(_session, ids, _by, _brokers):
        if found["cut"].id in ids:
            raise ReplayError("gone", {found["cut"].id: "Kafka has forgotten it"})
        asked.extend(ids)

    monkeypatch.setattr(second_tries, "retry_letters", some_are_gone)
    monkeypatch.setattr(second_tries, "ask_brokers", lambda _ids: {})

    call_command("dead_letters", "--retry", "--all")

    out = capsys.readouterr().out
    assert asked == [found["nan"].id]
    assert "1 of 2 dead letters are sent once more." in out
    assert f"not letter {found['cut'].id}: Kafka has forgotten it" in out


def test_a_kafka_that_is_away_fails_the_command(found, monkeypatch):
    def away(*_):
        raise TransientError("Kafka does not answer")

    monkeypatch.setattr(second_tries, "ask_brokers", away)

    with pytest.raises(CommandError, match="after 0 letters: Kafka does not answer"):
        call_command("dead_letters", "--retry", "--all")
