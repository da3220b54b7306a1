"""The demo's stream lives for hours, and not for ever."""

from itertools import islice

import pytest

from broker.kafka_types import Message
from pipeline.simulate import demo


@pytest.fixture
def sent(monkeypatch):
    """What a feed sends, without Kafka."""
    found = []

    class Producer:
        def __init__(self, *_):
            """Connect to nothing."""

        def send(self, messages):
            found.extend(messages)
            return [None] * len(messages)

    monkeypatch.setattr(demo, "Producer", Producer)
    monkeypatch.setattr(demo, "own_connection", lambda _: {})
    return found


def test_it_trickles_on_behind_the_second_sky_and_ends_some_day(monkeypatch):
    monkeypatch.setattr(demo, "MOST_SKIES", 4)
    program = demo.simulated(7, 10, 10, "lsst-alerts-v11")
    second = len(list(islice(program.later, 20)))

    left = sum(1 for _ in program.later)

    assert second == 20
    assert left >= 20
    assert left <= 3 * 25


def test_it_is_brisk_first_and_slow_then(sent, monkeypatch):
    monkeypatch.setattr(demo, "BRISK", 2)
    later = [Message("t", None, b"%d" % at, []) for at in range(4)]
    feed = demo.Feed(demo.Program({}, set(), [], later))
    pauses = []
    monkeypatch.setattr(feed._stop, "wait", pauses.append)

    feed._run()

    assert pauses == [0.5, 0.5, demo.SLOW_S, demo.SLOW_S]
    assert sent == later


def test_every_topic_that_it_ever_sends_to_is_made_before(monkeypatch):
    monkeypatch.setattr(demo, "MOST_SKIES", 6)

    program = demo.simulated(7, 40, 10, "lsst-alerts-v11")

    used = {message.topic for message in [*program.first, *program.later]}
    assert used <= program.topics


def test_who_is_refused_at_once_waits_before_the_next_try(monkeypatch):
    class Refuses:
        tries = 0

        def __init__(self, *_):
            """Connect to nothing."""

        def send(self, messages):
            Refuses.tries += 1
            return [None if Refuses.tries > 2 else "no such topic"] * len(messages)

    monkeypatch.setattr(demo, "Producer", Refuses)
    monkeypatch.setattr(demo, "own_connection", lambda _: {})
    feed = demo.Feed(demo.Program({}, set(), [Message("t", None, b"", [])], ()))
    pauses = []
    monkeypatch.setattr(feed._stop, "wait", pauses.append)

    feed._run()

    assert pauses == [demo.REFUSED_S, demo.REFUSED_S, demo.BATCH_PAUSE_S]
    assert feed.sent == 1
