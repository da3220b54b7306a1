"""What needs no broker."""

import pytest
from confluent_kafka import KafkaError, TopicPartition

from broker import kafka
from broker.kafka import RangeReader, _gaps
from broker.kafka_types import Packet


@pytest.mark.parametrize(
    ("offsets", "gaps"),
    [
        ([5, 6, 7, 8], []),
        ([], [(5, 8)]),
        ([6, 7], [(5, 5), (8, 8)]),
        ([5, 8], [(6, 7)]),
    ],
    ids=["whole", "empty", "both ends", "middle"],
)
def test_a_range_is_its_messages_and_its_gaps(offsets, gaps):
    assert _gaps([Packet(offset, 0, b"") for offset in offsets], 5, 8) == gaps


class Received:
    """A message, or the end of a partition, as the library hands it out."""

    def __init__(self, topic, partition, offset, error=None):
        self.topic, self.partition = (lambda: topic), (lambda: partition)
        self.offset, self.error = (lambda: offset), (lambda: error)

    def timestamp(self):
        return 1, 1000

    def value(self):
        return f"{self.topic()} {self.offset()}".encode()


class Library:
    """Stands for a consumer that still holds what it fetched for an earlier assignment."""

    def __init__(self, _settings):
        end = KafkaError(KafkaError._PARTITION_EOF)
        stale = [Received("old", 0, 900, end), Received("t", 1, 6), Received("old", 0, 7)]
        self.batches = [stale, [Received("t", 0, offset) for offset in (5, 6, 7, 8)]]

    def list_topics(self, *_):
        return None

    def assign(self, partitions):
        assert partitions == [TopicPartition("t", 0, 5)]

    def consume(self, *_):
        return self.batches.pop(0)

    def get_watermark_offsets(self, *_, **__):
        return 0, 100


def test_what_was_fetched_for_another_partition_neither_counts_nor_moves_on(monkeypatch):
    monkeypatch.setattr(kafka, "Consumer", Library)

    packets, gaps = RangeReader({}, "nightjar-").read("t", 0, 5, 8)

    assert [packet.value for packet in packets] == [b"t 5", b"t 6", b"t 7", b"t 8"]
    assert gaps == []
