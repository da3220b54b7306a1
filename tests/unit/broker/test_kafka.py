"""What needs no broker."""

from concurrent.futures import Future
from types import SimpleNamespace
from typing import ClassVar

import pytest
from confluent_kafka import KafkaError, TopicPartition

from broker import kafka, kafka_cluster
from broker.errors import TransientError
from broker.kafka import Cluster, RangeReader, _gaps
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

    def key(self):
        return b"key"

    def __len__(self):
        return len(self.value())


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


class Deaf(Library):
    """Stands for consumers of which the first hears nothing any more."""

    made: ClassVar[list[str]] = []

    def __init__(self, settings):
        super().__init__(settings)
        self.batches = [[Received("t", 0, offset) for offset in (5, 6)]] if self.made else None
        self.made.append("open")

    def consume(self, *_):
        return self.batches.pop(0) if self.batches else []

    def close(self):
        self.made.append("closed")


def test_a_reader_that_hears_nothing_begins_anew(monkeypatch):
    monkeypatch.setattr(Deaf, "made", [])
    monkeypatch.setattr(kafka, "Consumer", Deaf)
    monkeypatch.setattr(kafka, "READ_S", 0.0)
    reader = RangeReader({}, "nightjar-")

    with pytest.raises(TransientError, match="nothing for"):
        reader.read("t", 0, 5, 6)

    assert [packet.offset for packet in reader.read("t", 0, 5, 6).packets] == [5, 6]
    assert Deaf.made == ["open", "closed", "open"]


class Waking:
    """Stands for an admin client of a broker that does not know one of its logs yet."""

    def __init__(self, _settings):
        """Nothing is opened."""

    def list_offsets(self, partitions, **_):
        return {asked: self._answer(asked.partition) for asked in partitions}

    def _answer(self, partition):
        answer = Future()
        answer.set_result(SimpleNamespace(offset=(17, -1001)[partition]))
        return answer


def test_an_end_that_the_broker_does_not_know_is_no_end(monkeypatch):
    monkeypatch.setattr(kafka_cluster, "AdminClient", Waking)

    assert Cluster({}).ends([("t", 0), ("t", 1)]) == {("t", 0): 17}
