"""A listener on a real Postgres, and on a Kafka that loses the end of a log, or a topic."""

from datetime import date

import pytest
from sqlalchemy import text

from broker.db import transaction
from broker.errors import TransientError
from broker.ranges import listener as listeners
from broker.ranges.brakes import Brakes
from broker.ranges.claim import Counts, claim, finish
from broker.ranges.listener import Listener, ListenerSettings
from broker.ranges.sources import source_id

pytestmark = [pytest.mark.integration, pytest.mark.usefixtures("database")]

STREAM, TOPIC = "ztf", "ztf_20260101_programid1"
PLACE = (TOPIC, 0)
TONIGHT = date(2026, 1, 1)


class Clock:
    """Seconds that pass when a test says so."""

    def __init__(self):
        self.now = 1000.0

    def monotonic(self):
        return self.now

    def sleep(self, seconds):
        self.now += seconds


class Kafka:
    """One topic with one partition, as a listener sees it."""

    def __init__(self):
        self.topic_id = "id-1"
        self.low = self.high = 0
        self.offsets = {}
        self.listeners = None
        self.watched = []

    def join(self, listeners):
        self.listeners = listeners
        return self

    def poll(self, timeout_s):
        """Nothing comes but what a test hands over."""

    def watch(self, ends):
        self.watched.append(ends)

    def commit_all(self, offsets):
        self.offsets |= offsets
        return True

    def committed(self, places):
        return {place: self.offsets.get(place) for place in places}

    def close(self):
        """Nothing is open."""

    def topic_ids(self, topics):
        return {TOPIC: self.topic_id} if self.topic_id and TOPIC in topics else {}

    def ends(self, places):
        return self._each(places, self.high)

    def beginnings(self, places):
        return self._each(places, self.low)

    def _each(self, places, offset):
        if places and not self.topic_id:
            raise TransientError("Kafka: unknown topic")
        return dict.fromkeys(places, offset)


class Stage:
    """The listener, and a worker that finishes what it is told to."""

    def __init__(self, clock, folder):
        self.clock, self.kafka, self.rung = clock, Kafka(), []
        settings = ListenerSettings(
            stream=STREAM, task="t", queue="q", owner="one", start="earliest", window=4,
            longest=10, tick_s=0.05, ring_after_s=30.0, tonight=lambda: TONIGHT,
        )  # fmt: skip
        self.listener = Listener(
            settings, self.kafka.join, self.kafka, Brakes(STREAM, folder),
            lambda *call: self.rung.append(call[-3:-1]),
        )  # fmt: skip

    def tick(self, seconds=0.1, times=1):
        for _ in range(times):
            self.clock.now += seconds
            self.listener.tick()

    def work(self, first):
        with transaction() as session:
            source = source_id(session, STREAM, *PLACE)
        held = claim(STREAM, *PLACE, first, 0, "task")
        with transaction() as session:
            assert finish(session, held, Counts())
        return source


@pytest.fixture
def stage(monkeypatch, tmp_path):
    clock = Clock()
    monkeypatch.setattr(listeners, "time", clock)
    made = Stage(clock, tmp_path)
    made.kafka.high = 30
    made.kafka.listeners.on_assign([PLACE])
    made.tick()
    return made


def ask(statement):
    with transaction() as session:
        return [tuple(row) for row in session.execute(text(statement))]


def ranges():
    return ask("SELECT first_offset, last_offset, state FROM stream_ranges ORDER BY 1")


def letters():
    return ask("SELECT source_offset, last_offset, message FROM dead_letters ORDER BY 1")


def test_offsets_are_cut(stage):
    assert stage.rung == [(0, 9), (10, 19), (20, 29)]


def test_while_whole_windows_wait_the_end_of_the_log_is_asked_for_once_a_second(stage):
    asked = []
    ends = stage.kafka.ends
    stage.kafka.ends = lambda places: asked.append(stage.clock.now) or ends(places)
    stage.kafka.high = 200
    stage.tick()
    assert len(asked) == 1

    stage.tick(0.1, times=30)

    assert 3 <= len(asked) - 1 <= 4
    for first in (0, 10, 20, 30):
        stage.work(first)
    stage.tick(0.1, times=2)
    assert (70, 79) in stage.rung, "what waits is cut without asking"


def test_a_quiet_log_is_asked_for_in_every_tick(stage):
    asked = []
    ends = stage.kafka.ends
    stage.kafka.ends = lambda places: asked.append(1) or ends(places)

    stage.tick(0.1, times=10)

    assert len(asked) == 10


def test_a_log_that_is_shorter_than_the_cursor_is_read_from_its_beginning(stage):
    sources = {stage.work(first) for first in (0, 10, 20)}
    stage.tick(1.0, times=2)
    assert stage.kafka.offsets == {PLACE: 30}
    stage.kafka.high = 12

    stage.tick(1.0, times=4)

    assert ranges() == [(0, 9, "queued"), (10, 11, "queued")]
    assert letters() == []
    assert stage.work(0) not in sources


def test_a_log_that_is_shorter_than_what_was_cut_goes_on_at_the_cursor(stage):
    old = stage.work(0)
    stage.work(20)
    stage.tick(1.0, times=2)
    stage.kafka.high = 15

    stage.tick(1.0, times=4)

    assert ranges() == [(10, 14, "queued")]
    assert [letter[:2] for letter in letters()] == [(10, 19)]
    assert "the log became shorter" in letters()[0][2]
    assert stage.work(10) != old


def test_an_answer_that_is_too_low_once_changes_nothing(stage):
    before = ranges()
    old = stage.work(0)
    stage.kafka.high = 12
    stage.tick(0.1, times=2)
    stage.kafka.high = 30
    stage.tick(1.0, times=4)

    assert [row[:2] for row in ranges()] == [row[:2] for row in before]
    assert letters() == []
    assert stage.work(10) == old


def test_a_doubt_of_long_ago_does_not_make_the_next_one_sure(stage):
    stage.work(0)
    stage.kafka.high = 12
    stage.kafka.listeners.on_revoke([PLACE])
    stage.kafka.listeners.on_assign([PLACE])
    stage.tick()  # a doubt, and the partition goes before it is resolved
    stage.kafka.listeners.on_revoke([PLACE])
    stage.clock.now += 3600
    stage.kafka.listeners.on_assign([PLACE])
    stage.tick()
    stage.kafka.high = 30
    stage.tick(1.0, times=4)

    assert [row[:2] for row in ranges()] == [(0, 9), (10, 19), (20, 29)]
    assert letters() == []


def test_each_reset_is_a_source_of_its_own(stage):
    seen = [stage.work(0)]
    for high in (20, 10):
        stage.kafka.high = high
        stage.tick(1.0, times=4)
        with transaction() as session:
            seen.append(source_id(session, STREAM, *PLACE))

    assert len(set(seen)) == 3


def test_a_reset_is_remembered_when_the_bookkeeping_is_emptied(stage):
    stage.kafka.high = 12
    stage.tick(1.0, times=4)
    with transaction() as session:
        source = source_id(session, STREAM, *PLACE)
        session.execute(text("TRUNCATE stream_partitions, stream_ranges"))

    stage.kafka.high = 13
    stage.tick(1.0, times=4)

    with transaction() as session:
        assert source_id(session, STREAM, *PLACE) == source


def test_an_offset_beyond_the_end_is_a_reset_even_without_any_bookkeeping(stage):
    stage.work(0)
    stage.tick(1.0, times=2)
    with transaction() as session:
        old = source_id(session, STREAM, *PLACE)
        session.execute(text("TRUNCATE stream_partitions, stream_ranges"))
    stage.kafka.high = 5

    stage.tick(1.0, times=5)

    assert ranges() == [(0, 4, "queued")]
    assert stage.work(0) != old


def test_a_topic_that_vanishes_and_returns_is_read_again_without_a_restart(stage):
    stage.work(0)
    stage.tick(1.0, times=2)
    stage.kafka.topic_id = None
    stage.tick(31.0, times=3)
    assert [letter[:2] for letter in letters()] == [(10, 29)]
    assert ranges() == []

    stage.kafka.topic_id, stage.kafka.high = "id-2", 7
    stage.kafka.offsets.clear()
    stage.tick(1.0, times=3)

    assert ranges() == [(0, 6, "queued")]


def test_offsets_that_outlive_their_topic_do_not_count_for_the_next_of_its_name(stage):
    stage.work(0)
    stage.tick(1.0, times=2)
    assert stage.kafka.offsets == {PLACE: 10}
    stage.kafka.topic_id = None
    stage.tick(31.0, times=3)
    with transaction() as session:
        session.execute(text("TRUNCATE stream_partitions, stream_ranges"))

    stage.kafka.topic_id, stage.kafka.high = "id-2", 17
    stage.tick(1.0, times=3)

    assert ranges() == [(0, 9, "queued"), (10, 16, "queued")]


def test_a_topic_that_returns_under_its_old_id_goes_on_where_it_was(stage):
    old = stage.work(0)
    stage.tick(1.0, times=2)
    assert stage.kafka.offsets == {PLACE: 10}
    stage.kafka.topic_id = None
    stage.tick(31.0, times=3)

    stage.kafka.topic_id = "id-1"
    stage.tick(1.0, times=3)

    assert ranges() == [(10, 19, "queued"), (20, 29, "queued")]
    assert stage.work(10) == old


def test_a_topic_that_the_group_takes_away_is_not_taken_again(stage):
    stage.kafka.topic_id = None
    stage.tick(31.0, times=3)
    stage.kafka.listeners.on_revoke([PLACE])

    stage.kafka.topic_id = "id-2"
    stage.tick(1.0, times=3)

    assert ranges() == []


@pytest.mark.parametrize("loss", ["expired", "shorter", "made anew", "deleted"])
def test_offsets_that_nobody_will_read_are_booked_on_the_night_when_that_is_noticed(stage, loss):
    kafka = stage.kafka
    if loss == "expired":
        kafka.low, kafka.high = 60, 70
        for first in (0, 10, 20):
            stage.work(first)
    elif loss == "shorter":
        kafka.high = 20
    else:
        kafka.topic_id = "id-2" if loss == "made anew" else None

    stage.tick(31.0, times=3)

    assert {night for (night,) in ask("SELECT night FROM dead_letters")} == {TONIGHT}


def test_ends_are_watched_only_while_nothing_waits_and_nothing_is_in_flight(stage):
    assert stage.kafka.watched == []  # ranges are in flight

    for first in (0, 10, 20):
        stage.work(first)
    stage.tick()
    assert stage.kafka.watched == [{PLACE: 30}]

    stage.kafka.high = 31
    stage.tick()
    assert stage.kafka.watched == [{PLACE: 30}]
    assert stage.rung[-1] == (30, 30)
