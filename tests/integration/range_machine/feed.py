"""Packets that come on the model's topic, gaps and copies among them, and what befalls its logs."""

from collections import Counter

import psycopg

from pipeline.simulate.single import DEC_DEG, RA_DEG, make_ztf_packet
from tests.integration.range_machine.kafka import Kafka, Log, Record, Topic

TOPIC = "ztf_20260101_programid1"
PARTITIONS = 2
PACKETS = 120
OBJECTS = 7


def good_packets() -> list[Record]:
    """Return packets of a few objects, each with a candid of its own."""
    return [
        Record(
            make_ztf_packet(
                object_id=f"ZTF26aaaaaa{'abcdefg'[number % OBJECTS]}",
                candid=3_000_000_000_000_000_000 + number,
                jd=2461254.75 + number / 1440,
                ra=RA_DEG + number % OBJECTS,
                dec=DEC_DEG,
                has_cutouts=False,
            ),
            3_000_000_000_000_000_000 + number,
            "good",
        )
        for number in range(PACKETS)
    ]


class Feed:
    """The topic that packets come on, and what happens to it.

    Attributes
    ----------
    deadly : set of (topic, partition, offset)
        Where packets lie that kill who decodes them.
    """

    def __init__(
        self,
        watch: psycopg.Connection,
        kafka: Kafka,
        packets: list[Record],
        figures: Counter[str],
    ) -> None:
        self.deadly: set[tuple[str, int, int]] = set()
        self._watch = watch
        self._kafka = kafka
        self._packets = iter(packets)
        self._figures = figures
        kafka.make(TOPIC, PARTITIONS)

    def append(self, partition: int, kinds: str) -> None:
        log = self._kafka.log(TOPIC, partition)
        if log is None or log.resets > self._resets():
            return  # a log that grew again before anybody looked cannot be known for another
        for kind in kinds:
            log.records.append(self._record(kind, partition, log))
            self._figures["offsets"] += 1

    def forget_messages(self, partition: int, share: int) -> None:
        """Let retention overtake us, but only a group that has an offset to tell it by."""
        log = self._kafka.log(TOPIC, partition)
        if log is not None and (TOPIC, partition) in self._kafka.committed:
            log.low += (log.high - log.low) // share

    def delete_topic(self, *, forgets_offsets: bool) -> None:
        """Delete the topic; what nobody had seen of it is beyond our promises."""
        if TOPIC not in self._kafka.topics:
            return
        topic = self._kafka.topics[TOPIC]
        ends = self._known_ends(topic.id)
        for partition, log in enumerate(topic.logs):
            log.must = set(range(min(ends.get(partition, 0), log.high)))
        self._kafka.delete(TOPIC, forgets_offsets=forgets_offsets)
        self._figures["topics deleted"] += 1

    def make_topic(self, *, comes_again: bool) -> None:
        """Make the topic anew, empty or with the packets that the last one had."""
        if TOPIC in self._kafka.topics:
            return
        _, last = self._kafka.made[-1]
        self._kafka.make(TOPIC, PARTITIONS)
        if comes_again:
            for old, new in zip(last.logs, self._kafka.topics[TOPIC].logs, strict=True):
                new.records = [r for r in old.records if r is not None and r.kind == "good"]

    def shorten(self, partition: int, share: int) -> None:
        """Cut a log short, as an unclean election does, if somebody can know that it was longer."""
        log = self._kafka.log(TOPIC, partition)
        if log is None or log.resets > self._resets():
            return
        topic = self._kafka.topics[TOPIC]
        new_from = log.high - (log.high - log.low) // share
        end = min(self._known_ends(topic.id).get(partition, 0), log.high)
        if new_from >= end:
            return
        old = [Log(must=set()) for _ in topic.logs]
        old[partition] = Log(list(log.records), must=set(range(new_from, end)))
        self._kafka.made.append((TOPIC, Topic(topic.id, old)))
        del log.records[new_from:]
        log.low = min(log.low, new_from)
        log.new_from, log.resets = new_from, self._resets() + 1
        self._figures["logs shortened"] += 1

    def _resets(self) -> int:
        return self._watch.execute("SELECT coalesce(max(resets), 0) FROM sources").fetchone()[0]

    def _known_ends(self, topic_id: str) -> dict[int, int]:
        """Return how far Postgres has seen the topic's logs, by partition."""
        return dict(
            self._watch.execute(
                "SELECT p.partition, greatest(p.high_offset, max(r.last_offset) + 1)"
                " FROM stream_partitions AS p LEFT JOIN stream_ranges AS r"
                " ON r.topic = p.topic AND r.partition = p.partition AND r.replay_id = 0"
                " WHERE p.topic = %s AND p.topic_id = %s AND p.high_offset IS NOT NULL"
                " GROUP BY p.partition, p.high_offset",
                (TOPIC, topic_id),
            ).fetchall()
        )

    def _record(self, kind: str, partition: int, log: Log) -> Record | None:
        if kind == "gap":
            return None
        if kind == "bad":
            return Record(b"", None, "bad")
        earlier = [r for r in log.records if r is not None and r.kind == "good"]
        if kind == "copy" and earlier:
            return earlier[-1]
        found = next(self._packets, None)
        if found is None:
            return Record(b"", None, "bad")
        if kind == "deadly":
            self.deadly.add((TOPIC, partition, log.high))
            return found._replace(kind="deadly")
        return found
