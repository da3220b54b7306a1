"""A letter's packet as Kafka has it: its own, or none."""

import hashlib
from types import SimpleNamespace

import pytest

from broker import letter_packets
from broker.dead_letters import DeadLetter
from broker.errors import TransientError
from broker.kafka import OffsetsExpired
from broker.kafka_types import Packet, ReadResult
from broker.letter_packets import NoPacketError, kafka_packet

PACKET = b"its own packet"


@pytest.fixture
def kafka(monkeypatch):
    """Stand in for a broker that has the topic under the id "abc", with one packet."""
    holds = SimpleNamespace(topic_ids={"t": "abc"}, packets=[Packet(7, 0, PACKET)], error=None)

    class Cluster:
        def __init__(self, _connection):
            """Nothing is opened."""

        def topic_ids(self, _topics):
            return holds.topic_ids

    class RangeReader:
        def __init__(self, *_):
            """Nothing is opened."""

        def read(self, *_):
            if holds.error is not None:
                raise holds.error
            return ReadResult(holds.packets, [])

        def close(self):
            """Nothing was opened."""

    monkeypatch.setattr(letter_packets, "Cluster", Cluster)
    monkeypatch.setattr(letter_packets, "RangeReader", RangeReader)
    monkeypatch.setattr(letter_packets, "stream_connection", lambda _stream: {})
    return holds


def letter(packet=PACKET):
    sha256 = None if packet is None else hashlib.sha256(packet).digest()
    return DeadLetter(
        stream="ztf", topic="t", source_partition=0, source_offset=7, last_offset=7, sha256=sha256
    )


@pytest.mark.parametrize(("packet", "living"), [(PACKET, "abc"), (PACKET, None), (None, "abc")])
def test_its_own_packet_is_returned(kafka, packet, living):
    assert kafka_packet(letter(packet), living) == PACKET


def test_another_packet_under_its_offset_is_not_shown_as_its_own(kafka):
    with pytest.raises(NoPacketError, match="another packet at that offset"):
        kafka_packet(letter(b"the packet that was buried"), "abc")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"topic_ids": {}}, "no topic t any more"),
        ({"topic_ids": {"t": "def"}}, "made anew"),
        ({"packets": []}, "no message at that offset"),
        ({"error": OffsetsExpired("t", 0, 7, 9)}, "keeps offsets from 9"),
        ({"error": TransientError("away")}, "does not answer"),
    ],
    ids=["no topic", "made anew", "gap", "forgotten", "away"],
)
def test_why_it_cannot_be_had_is_said(kafka, change, words):
    vars(kafka).update(change)

    with pytest.raises(NoPacketError, match=words):
        kafka_packet(letter(), "abc")
