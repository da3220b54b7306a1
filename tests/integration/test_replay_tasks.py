"""The task that carries replays on, where Kafka does not have their topic."""

import pytest
from sqlalchemy import text

from broker.db import transaction
from broker.ranges import replays
from broker.ranges.doubts import Doubts
from broker.ranges.replays import Wish
from broker.ranges.whereabouts import Stretch
from pipeline.alerts import replay_tasks

pytestmark = [pytest.mark.integration, pytest.mark.usefixtures("database")]


class Kafka:
    """Knows one topic, or none."""

    def __init__(self):
        self.topics = {}

    def topic_ids(self, _):
        return self.topics


@pytest.fixture
def kafka(monkeypatch):
    made = Kafka()
    monkeypatch.setattr(replay_tasks, "_cluster", lambda _: made)
    monkeypatch.setattr(replay_tasks, "_doubts", Doubts(replay_tasks.GONE_AFTER_S))
    monkeypatch.setattr(replay_tasks, "enqueue", lambda *_, **__: None)
    return made


@pytest.fixture
def clock(monkeypatch):
    class Clock:
        now = 1000.0

        def monotonic(self):
            return self.now

    made = Clock()
    monkeypatch.setattr(replay_tasks, "time", made)
    return made


@pytest.fixture
def replay_id(database):
    with transaction() as session:
        session.execute(
            text(
                "INSERT INTO sources (id, stream, topic, topic_id) OVERRIDING SYSTEM VALUE"
                " VALUES (5, 'ztf', 't', 'abc')"
            )
        )
        stretch = Stretch(("t", 0), 5, "kafka", 0, 9)
        [made] = replays.ask(session, Wish("ztf", "new", "somebody"), [stretch])
    return made


def state():
    with transaction() as session:
        return tuple(session.execute(text("SELECT state, error FROM replays")).one())


def test_a_topic_that_is_missing_once_is_waited_for(kafka, clock, replay_id):
    replay_tasks.advance(replay_id, "ztf")
    assert state() == ("running", "waiting: t: gone from Kafka, or made anew there")

    kafka.topics = {"t": "abc"}
    clock.now += 10
    replay_tasks.advance(replay_id, "ztf")
    assert state() == ("running", None)

    kafka.topics = {}
    clock.now += 10
    replay_tasks.advance(replay_id, "ztf")
    assert state()[0] == "running"


def test_a_topic_that_stays_away_ends_its_replay(kafka, clock, replay_id):
    for _ in range(3):
        replay_tasks.advance(replay_id, "ztf")
        clock.now += 10

    assert state() == ("failed", "t: gone from Kafka, or made anew there")
