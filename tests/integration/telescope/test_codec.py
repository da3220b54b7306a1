"""Ids of schemas in messages that come: unknown, of another meaning, or not to be asked for now."""

import pytest
from nightjar_telescope import TelescopeData, TelescopeStatus
from nightjar_telescope.avro import PREFIX, frame
from nightjar_telescope.schema import schema_text

from broker.avro import UnreadableError
from broker.errors import TransientError
from broker.kafka_types import Packet
from broker.message_loop import BatchLoop
from pipeline.telescope import codec as codec_module
from pipeline.telescope import listener as listening
from pipeline.telescope.codec import Codec
from pipeline.telescope.decode_data import decode
from pipeline.telescope.listener import TelescopeListener
from pipeline.telescope.registration import SchemaIdError, register
from tests.integration.telescope.conftest import told
from tests.integration.telescope.test_registration import Memory

pytestmark = pytest.mark.integration

UNKNOWN = 4711


class Counting(Memory):
    """A registry that counts how often it is asked what an id means."""

    def __init__(self, **more):
        super().__init__(**more)
        self.asked = []

    def schema(self, schema_id):
        self.asked.append(schema_id)
        return super().schema(schema_id)


def of_id(number):
    return PREFIX.pack(0, number) + frame(1, told())[PREFIX.size :]


def refused(codec, number):
    with pytest.raises(UnreadableError, match=f"no schema has the id {number}"):
        codec.decode(TelescopeStatus, of_id(number))


def test_an_unknown_id_is_asked_for_once_a_minute(session, monkeypatch):
    registry, now_s = Counting(), [100.0]
    monkeypatch.setattr(codec_module.time, "monotonic", lambda: now_s[0])
    codec = Codec(registry)

    for _ in range(500):
        refused(codec, UNKNOWN)
    assert registry.asked == [UNKNOWN]
    now_s[0] += 59
    refused(codec, UNKNOWN)
    assert len(registry.asked) == 1
    now_s[0] += 2
    refused(codec, UNKNOWN)
    assert len(registry.asked) == 2


def test_whoever_tries_again_asks_again(session):
    registry = Counting()
    codec = Codec(registry)
    refused(codec, 1)
    registry.register("telescope.status-value", schema_text(TelescopeStatus).encode(), "BACKWARD")
    refused(codec, 1)

    codec.ask_again()

    assert codec.decode(TelescopeStatus, of_id(1))[0].component == "mount"


def test_no_more_unknown_ids_are_remembered_than_a_thousand(session, monkeypatch):
    monkeypatch.setattr(codec_module, "MOST_UNKNOWN", 10)
    codec = Codec(Counting())

    for number in range(1, 40):
        refused(codec, number)

    assert len(codec._unknown_until) <= 10


def test_an_id_that_means_another_schema_now_is_said_by_name_and_nothing_is_judged(session):
    ours = Memory()
    [known] = register(ours, [("telescope.status-value", TelescopeStatus)])
    rebuilt = Memory(next_id=known.schema_id)
    rebuilt.register("elsewhere-value", schema_text(TelescopeData).encode(), "NONE")
    codec = Codec(rebuilt)

    with pytest.raises(SchemaIdError, match=f"id {known.schema_id} meant the schema TelescopeStat"):
        codec.decode(TelescopeStatus, of_id(known.schema_id))
    with pytest.raises(TransientError, match="means another, TelescopeData, now"):
        codec.decode(TelescopeStatus, of_id(known.schema_id))

    assert Codec(ours).decode(TelescopeStatus, of_id(known.schema_id))[0].component == "mount"


def test_a_range_of_data_with_such_an_id_is_neither_stored_nor_buried(session, beam):
    ours = Memory()
    [known] = register(ours, [("telescope.data-value", TelescopeData)])
    rebuilt = Memory(next_id=known.schema_id)
    rebuilt.register("elsewhere-value", schema_text(TelescopeStatus).encode(), "NONE")
    value = frame(known.schema_id, TelescopeData("1", "o", 1, 1))

    with pytest.raises(SchemaIdError):
        decode([Packet(1, 1, value)], beam, Codec(rebuilt), [beam])


class Reader:
    """Hands out one empty batch after the other."""

    def __init__(self):
        self.batches = 0

    def batch(self, *_):
        self.batches += 1
        return []


class Idle:
    """Registers nothing."""

    def register_when_due(self):
        """Do nothing."""


class Taker:
    """A reception that can take nothing again."""

    def take_again(self, *_):
        raise TransientError("registry: away")

    def forget_sources(self):
        """Do nothing."""


def test_a_letter_that_waits_for_the_registry_keeps_no_message_waiting(monkeypatch):
    monkeypatch.setattr(BatchLoop, "look_every_s", 0.0)
    looks = []

    def take_retried(stream, take):
        looks.append(stream)
        take()

    monkeypatch.setattr(listening, "take_retried", take_retried)
    loop = TelescopeListener(Reader(), Taker(), Idle())
    monkeypatch.setattr(loop, "_rest_s", 0.0)

    for _ in range(5):
        loop.tick()

    assert (len(looks), loop.reader.batches) == (5, 5)
