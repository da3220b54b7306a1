"""Commands on a real topic: each once and in order, whoever dies in between."""

import subprocess
import sys
import threading
import time
import uuid
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest
from confluent_kafka import Consumer, TopicPartition
from nightjar_telescope import TelescopeCommand as Command
from nightjar_telescope.avro import PREFIX, decode, parsed_schema
from sqlalchemy import select, update

from broker import kafka as wire
from broker.config import ROOT
from broker.db import transaction
from broker.errors import TransientError
from broker.kafka_types import Message
from pipeline.telescope import ledger, send, tasks
from pipeline.telescope.listener import NoTelescopesError, make_telescope_listener
from pipeline.telescope.tables import TelescopeAcknowledgment, TelescopeCommand
from tests import native
from tests.database import environment
from tests.integration.telescope.conftest import asked, said, told

pytestmark = [pytest.mark.integration, pytest.mark.slow, pytest.mark.xdist_group("kafka")]

KILLED_AT = ("command_noted", "command_written")
PATIENCE_S = 120
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
SENDER = (
    "import django; django.setup()\n"
    "from pipeline.telescope.send import send_all\n"
    "send_all('{name}')\n"
)


@pytest.fixture
def mine(two, small_registry, database, bells, tmp_path, set_up, monkeypatch):
    """A telescope whose topics are this test's own; what a sweep rings for is done at once."""
    set_up(archive__path=tmp_path / "archive")
    monkeypatch.setattr(tasks, "enqueue", lambda *ring, **_: tasks.catch_up(ring[2]))
    return two[0]


def row(command_id):
    with transaction() as session:
        return session.get(TelescopeCommand, command_id)


def change(command_id, **values):
    with transaction() as session:
        session.execute(
            update(TelescopeCommand)
            .where(TelescopeCommand.command_id == command_id)
            .values(**values)
        )


def messages_on(telescope):
    """Return what lies on a telescope's topic of commands, as any program reads it."""
    end = wire.Cluster(wire.own_connection()).ends([(telescope.commands, 0)])[telescope.commands, 0]
    consumer = Consumer(wire.own_connection() | {"group.id": f"nightjar-{uuid.uuid4().hex}"})
    consumer.assign([TopicPartition(telescope.commands, 0, 0)])
    found = consumer.consume(end, PATIENCE_S) if end else []
    consumer.close()
    assert len(found) == end
    return found


def on_topic(telescope):
    """Return what lies on a telescope's topic of commands, decoded by our schema."""
    writer = parsed_schema(Command)
    found = messages_on(telescope)
    return [decode(Command, writer, message.value()[PREFIX.size :]) for message in found]


def sent_by(telescope):
    native.patiently(lambda: send.send_all(telescope.name))


def lease_ends(command_id):
    change(command_id, lease_until=datetime.now(UTC))


def test_commands_are_sent_once_in_their_order(mine):
    first, second = asked(mine.name, trigger_id="S1"), asked(mine.name)

    sent_by(mine)
    sent_by(mine)

    commands = on_topic(mine)
    assert [each.command_id for each in commands] == [first, second]
    assert commands[0].observation_request.target_name == "M31"
    assert commands[0].observation_request.observation_id == row(first).observation_id
    assert [row(each).kafka_offset for each in (first, second)] == [0, 1]
    assert {row(each).state for each in (first, second)} == {"sent"}
    assert row(first).sent_at >= row(first).created_at
    assert row(first).due_at == row(first).receive_by


def test_a_cancel_follows_its_start(mine):
    name = asked(mine.name)
    sent_by(mine)

    act = ledger.cancel(name, "owl", "clouds")
    sent_by(mine)

    start, cancel = on_topic(mine)
    assert (start.command_type, cancel.command_type) == ("start_observation", "cancel_observation")
    assert cancel.command_id == act.new_id
    assert cancel.observation_request == start.observation_request


def test_a_cancel_before_sending_leaves_the_topic_empty(mine):
    ledger.cancel(asked(mine.name), "owl", "clouds")

    sent_by(mine)

    assert on_topic(mine) == []


def test_an_expired_command_is_never_sent(mine):
    name = asked(mine.name)
    change(name, receive_by=datetime.now(UTC))

    sent_by(mine)

    assert (row(name).state, row(name).timeout_stage) == ("timeout", "send")
    assert on_topic(mine) == []


def test_headers_say_what_the_schema_does_not(mine):
    name = asked(mine.name, trigger_id="S1", tile_id="7", filter="r")
    sent_by(mine)
    [message] = messages_on(mine)
    headers = dict(message.headers())
    expires_ms = (row(name).receive_by - EPOCH) // timedelta(milliseconds=1)

    assert uuid.UUID(headers.pop("delivery_id").decode()).version == 4
    assert headers == {
        "telescope": mine.name.encode(),
        "expires_at": str(expires_ms).encode(),
        "origin": b"console",
        "trigger_id": b"S1",
        "tile_id": b"7",
        "filter": b"r",
    }


@pytest.mark.parametrize("place", KILLED_AT)
def test_a_killed_sender_leaves_one_message_or_a_question(mine, database, place):
    name, behind = asked(mine.name), asked(mine.name)
    mortal = environment(database) | {
        "NIGHTJAR_TESTING__FAILPOINT": place,
        "DJANGO_SETTINGS_MODULE": "broker.settings",
    }
    words = [sys.executable, "-c", SENDER.format(name=mine.name)]
    killed = subprocess.run(words, cwd=ROOT, env=mortal, timeout=PATIENCE_S, check=False)
    assert killed.returncode == -9
    assert row(name).state == "sending"

    sent_by(mine)
    assert row(behind).state == "requested", "nothing passes one that may be on its way"
    tasks.sweep()
    assert row(name).state == "sending", "its lease is not over"
    lease_ends(name)
    change(behind, receive_by=None)
    tasks.sweep()

    if place == "command_written":
        assert (row(name).state, row(name).kafka_offset) == ("sent", 0)
        assert on_topic(mine)[0].command_id == name
        return
    assert (row(name).state, row(name).kafka_offset) == ("unknown", None)
    assert name not in [each.command_id for each in on_topic(mine)]
    ledger.resend(name, "owl", "the topic is empty", is_confirmed=True)
    sent_by(mine)
    assert [each.command_id for each in on_topic(mine)].count(name) == 1
    assert row(name).state == "sent"


def test_without_the_registry_nothing_is_written_and_it_waits(mine, small_registry):
    from tests.standins.schema_registry import busy

    name = asked(mine.name)
    small_registry.known["fault"] = busy

    with pytest.raises(TransientError, match="503"):
        send.send_all(mine.name)

    assert (row(name).state, row(name).attempts) == ("requested", 0)
    assert "503" in row(name).last_error
    del small_registry.known["fault"]
    sent_by(mine)
    assert row(name).state == "sent"


def test_an_unconfirmed_one_waits_for_its_lease_and_is_then_looked_for(mine, monkeypatch):
    name = asked(mine.name)

    def lost(*_):
        raise send.UncertainError("Kafka: not acknowledged")

    monkeypatch.setattr(send, "write_once", lost)
    sent_by(mine)
    assert (row(name).state, row(name).last_error) == ("sending", "Kafka: not acknowledged")
    lease_ends(name)

    tasks.sweep()

    assert row(name).state == "unknown"


def test_the_listener_hears_all_telescopes_and_settles_their_commands(mine, two, field):
    name = asked(mine.name)
    sent_by(mine)
    other = two[1]
    producer = wire.Producer(wire.own_connection("admin"))
    messages = [
        (mine.acknowledgments, said(name, "received", source_application="telescope-robotics")),
        (mine.acknowledgments, said(name, "completed", source_application="telescope-robotics")),
        (other.acknowledgments, said(name, "failed")),
        (mine.status, told()),
        (other.status, told()),
    ]
    frames = [Message(topic, b"k", field.framed(topic, each), []) for topic, each in messages]
    assert set(producer.send([*frames, Message(mine.status, b"k", b"garbage", [])])) == {None}

    over = threading.Event()
    listener = make_telescope_listener("telescope", f"telescope-{mine.name}")
    thread = threading.Thread(target=listener.run, args=(over.is_set,))
    thread.start()
    give_up_at = time.monotonic() + PATIENCE_S
    while row(name).state != "completed" and time.monotonic() < give_up_at:
        time.sleep(0.2)
    while len(stored()) < 3 and time.monotonic() < give_up_at:
        time.sleep(0.2)
    over.set()
    thread.join(PATIENCE_S)

    assert row(name).state == "completed"
    assert sorted(stored()) == ["applied", "applied", "wrong_telescope"]


def stored():
    with transaction() as session:
        return list(session.scalars(select(TelescopeAcknowledgment.disposition)))


def test_without_telescopes_nobody_listens(kafka, database, set_up):
    set_up(telescopes="{}")

    with pytest.raises(NoTelescopesError, match=r"set \[telescopes.NAME\]"):
        make_telescope_listener("telescope", "telescope-0")


def test_a_sender_that_was_frozen_past_its_time_writes_nothing(mine, monkeypatch):
    name = asked(mine.name)
    clock_s = iter((0.0, 11.0))
    monkeypatch.setattr(send, "time", SimpleNamespace(monotonic=lambda: next(clock_s)))

    sent_by(mine)

    assert (row(name).state, on_topic(mine)) == ("sending", [])
    lease_ends(name)
    tasks.sweep()
    assert row(name).state == "unknown"
