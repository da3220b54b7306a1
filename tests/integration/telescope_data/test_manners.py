"""All that telescopes may do, through the real broker, judged by what the ledger makes of it."""

import pytest
from confluent_kafka import Consumer, TopicPartition
from confluent_kafka import Producer as Client
from sqlalchemy import select

from broker import kafka_admin
from broker.config import config
from broker.db import transaction
from broker.kafka import own_connection
from pipeline import bootstrap
from pipeline.simulate import telescope_bus
from pipeline.simulate.telescope import COMPONENTS, Manners
from pipeline.telescope import board, ledger
from pipeline.telescope.record import telescope, telescopes
from pipeline.telescope.tables import TelescopeAcknowledgment, TelescopeCommand
from pipeline.telescope.topics import telescope_topics
from tests import native
from tests.integration.telescope.conftest import bells, records, small_registry, wish, word
from tests.integration.telescope_data.conftest import end_of
from tests.integration.telescope_data.playing import (
    APPLICATION,
    command,
    everything,
    listening,
    playing,
    states,
    until,
)
from tests.integration.telescope_data.world import DataTopic, letters, rows

__all__ = ["bells", "small_registry"]
pytestmark = [pytest.mark.integration, pytest.mark.slow, pytest.mark.xdist_group("kafka")]

WITHIN_S, LATE_S, STALE_S = 15, 20.0, 20
FAST = {"speed": 60.0, "chunks": 4, "chunk_bytes": 100}
ENDS = ("completed", "failed", "rejected", "cancelled", "timeout")
MANNERS = {
    "plain": Manners(**FAST),
    "fail": Manners(**FAST, fail=1.0),
    "reject": Manners(**FAST, reject=1.0),
    "silent": Manners(**FAST, silent=1.0),
    "late": Manners(**FAST, late_s=LATE_S),
    "shuffle": Manners(**FAST, is_shuffled=True),
    "duplicate": Manners(**FAST, duplicate=1.0),
    "garbage": Manners(**FAST, garbage=1.0),
}
OUTCOMES = {
    # state, stage of the timeout, what came late, code, pieces of data
    "plain": ("completed", None, None, None, 4),
    "fail": ("failed", None, None, "receiver", 3),  # pieces at 20, 40, 60 %; then it fails
    "reject": ("rejected", None, None, "weather", 0),
    "silent": ("timeout", "receive", None, None, 0),
    "late": ("timeout", "receive", "completed", None, 4),  # its data were in time
    "shuffle": ("completed", None, None, None, 4),
    "duplicate": ("completed", None, None, None, 4),
    "garbage": ("completed", None, None, None, 4),
}


@pytest.fixture
def bus(database, kafka, small_registry, set_up, tmp_path, bells):
    """Return a function that puts telescopes on the bus and returns their names by manner."""

    def put(*manners, **settings):
        run = word()
        names = {manner: f"{manner}{run}"[:30] for manner in manners}
        one = [{"name": APPLICATION, "writes_data": True}]
        set_up(
            telescopes=records(*names.values(), applications=one),
            archive__path=str(tmp_path / "archive"),
            telescope__group_id=f"nightjar-{run}",
            **settings,
        )
        native.patiently(lambda: kafka_admin.ensure_topics(telescope_topics(config())))
        native.patiently(lambda: kafka_admin.ensure_acls(bootstrap.service_acls(config())))
        return names

    return put


def row(name):
    with transaction() as session:
        return session.scalars(
            select(TelescopeCommand).where(TelescopeCommand.telescope == name)
        ).first()


def outcome(name):
    found = row(name)
    pieces = [each for each in rows().values() if each.observation_id == found.observation_id]
    return (
        found.state, found.timeout_stage, found.late_status, found.error_code, len(pieces),
    )  # fmt: skip


def store_data():
    """Let the sink store every data topic from its beginning."""
    for each in telescopes():
        topic = DataTopic(each, 0, end_of(each.data))
        if topic.end:
            assert topic.work(0, topic.end - 1)["state"] == "done"


def test_every_manner_of_a_telescope_comes_to_its_own_end(bus):
    names = bus(*MANNERS, telescope__receive_within_s=WITHIN_S)
    with playing({names[manner]: each for manner, each in MANNERS.items()}), listening() as ours:
        until(lambda: len(everything()["telescope_latest_status"]) == 8 * len(COMPONENTS), ours,
              "the status of all")  # fmt: skip
        for name in names.values():
            command(name)
        until(lambda: set(states().values()) <= set(ENDS), ours, "the end of all")
        until(lambda: row(names["late"]).late_status == "completed", ours, "the late end")
        until(lambda: of_garbage(names), ours, "the last bytes that are none")
        store_data()

    assert {manner: outcome(name) for manner, name in names.items()} == OUTCOMES
    with transaction() as session:
        said = session.scalars(select(TelescopeAcknowledgment)).all()
    told = {
        manner: [each.disposition for each in said if each.telescope == name]
        for manner, name in names.items()
    }
    assert len(told["duplicate"]) == len(told["plain"]) == 6  # of what came twice, one is kept
    assert set(told["late"]) == {"late"}
    assert told["silent"] == []
    assert row(names["shuffle"]).progress_percent == 100
    buried = {(each.topic, each.reason) for each in letters()}
    of_one = telescope(names["garbage"])
    assert {topic for topic, _ in buried} == {of_one.acknowledgments, of_one.data}
    assert len([each for each in letters() if each.topic == of_one.acknowledgments]) == 6
    assert len([each for each in letters() if each.topic == of_one.data]) == 4


def of_garbage(names):
    topic = telescope(names["garbage"]).acknowledgments
    return len([each for each in letters() if each.topic == topic]) == 6


def test_a_telescope_that_says_nothing_for_a_while_asks_before_it_is_commanded(bus, monkeypatch):
    monkeypatch.setattr(telescope_bus, "STATUS_EVERY_S", 1.0)
    monkeypatch.setattr(telescope_bus, "DOWN_AFTER_S", 2.0)
    [name] = bus("down", telescope__stale_after_s=STALE_S).values()

    def doubts():
        with transaction() as session:
            return board.doubts(session, telescope(name))

    with playing({name: Manners(**FAST)}, {name: 2.0 * STALE_S}), listening() as ours:
        assert doubts() == [f"{APPLICATION} has not been heard of yet"]
        until(lambda: not doubts(), ours, "its first word")
        until(doubts, ours, "its silence")
        [doubt] = doubts()
        assert doubt.startswith(f"{APPLICATION} has not been heard of since")
        with pytest.raises(ledger.UnconfirmedError, match="has not been heard of since"):
            ledger.create(wish(name), "owl")
        until(lambda: not doubts(), ours, "its return")


class Repeated:
    """Takes the place of the players' log, and counts the commands that came before."""

    def __init__(self):
        self.count = 0

    def info(self, event, **_):
        self.count += event == "command.repeated"

    warning = error = info


def repeat(topic):
    """Write the only message of a topic once more, as it is."""
    consumer = Consumer(own_connection("admin") | {"group.id": word()})
    consumer.assign([TopicPartition(topic, 0, 0)])
    [found] = consumer.consume(1, 30)
    consumer.close()
    client = Client(own_connection("admin"))
    client.produce(topic, found.value(), found.key(), headers=found.headers())
    assert client.flush(30) == 0


def is_heard(listener):
    """Return whether the listener has taken all that telescopes said."""
    ends = {
        topic: end_of(topic)
        for each in telescopes()
        for topic in (each.acknowledgments, each.status)
    }
    taken = listener.reception._next
    return all(taken.get((topic, 0), 0) == end for topic, end in ends.items())


def test_every_message_once_more_changes_nothing(bus, set_up, monkeypatch):
    repeated = Repeated()
    monkeypatch.setattr(telescope_bus, "log", repeated)
    some = ("plain", "fail", "reject", "duplicate", "garbage")
    names = bus(*some, telescope__receive_within_s=600)
    with listening() as ours:
        with playing({names[manner]: MANNERS[manner] for manner in some}):
            for name in names.values():
                command(name)
            until(lambda: set(states().values()) <= set(ENDS), ours, "the end of all")
            store_data()
            assert {manner: outcome(name) for manner, name in names.items()} == {
                manner: OUTCOMES[manner] for manner in some
            }
            for each in telescopes():
                repeat(each.commands)
            until(lambda: repeated.count == len(some), ours, "the commands once more")
        until(lambda: is_heard(ours), ours, "what they said when they were ended")
    before = everything()
    assert len(before["telescope_acknowledgments"]) == 6 + 5 + 1 + 6 + 6  # none for a repetition

    set_up(telescope__group_id=f"{config().telescope.group_id}-again")
    with listening() as again:
        until(lambda: is_heard(again), again, "everything once more")
    store_data()

    assert everything() == before
