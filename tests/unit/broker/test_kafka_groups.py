"""What a group has still to read, has lost and is about to lose, from offsets alone."""

from threading import Event

import pytest

from broker import kafka_groups
from broker.errors import TransientError
from broker.kafka_groups import Group, Member

A, B = ("babamul.none", 0), ("babamul.none", 1)


def group(committed, low=0, end=100, fresh=50, members=()):
    """Return a group of which every partition holds the same offsets."""
    places = list(committed)
    return Group(
        "babamul-owl",
        "STABLE",
        members,
        committed,
        dict.fromkeys(places, end),
        dict.fromkeys(places, low),
        dict.fromkeys(places, fresh),
        None,
    )


@pytest.mark.parametrize(
    ("committed", "lag", "expiring", "lost"),
    [
        ({A: 100}, 0, 0, 0),
        ({A: 60}, 40, 0, 0),
        ({A: 30}, 70, 20, 0),
        ({A: 30, B: 100}, 70, 20, 0),
        ({}, 0, 0, 0),
    ],
)
def test_what_is_not_read(committed, lag, expiring, lost):
    found = group(committed)

    assert (found.lag, found.expiring, found.lost) == (lag, expiring, lost)


def test_what_expired_is_lost_and_waits_no_more():
    found = group({A: 10}, low=25)

    assert (found.lag, found.expiring, found.lost) == (75, 25, 15)


def test_everything_expires_where_no_message_is_fresh():
    assert group({A: 30}, fresh=None).expiring == 70


def test_a_topic_that_was_made_anew_owes_nothing():
    assert group({A: 500}).lag == 0


def test_hosts_are_counted_once():
    members = (
        Member("a", "10.0.0.1", ()),
        Member("b", "10.0.0.1", ()),
        Member("c", "10.0.0.2", ()),
    )

    assert len(group({A: 1}, members=members).hosts) == 2


@pytest.mark.parametrize(
    "look",
    [lambda: kafka_groups.group("g", 1), lambda: kafka_groups.groups("g", kept_ms=1, limit=9)],
    ids=["one", "all"],
)
def test_a_whole_look_is_given_up_in_time(look, monkeypatch):
    answers = Event()
    monkeypatch.setattr(kafka_groups, "LOOK_S", 0.05)
    monkeypatch.setattr(kafka_groups, "group_names", lambda _: ["g"])
    monkeypatch.setattr(kafka_groups, "_look", lambda *_: answers.wait(30))

    with pytest.raises(TransientError, match="no answer"):
        look()
    answers.set()


def test_what_is_seen_in_time_is_returned(monkeypatch):
    monkeypatch.setattr(kafka_groups, "group_names", lambda _: ["a", "b", "c"])
    monkeypatch.setattr(kafka_groups, "_look", lambda name, _: None if name == "a" else name)

    assert kafka_groups.groups("", kept_ms=1, limit=2) == ["b"]
