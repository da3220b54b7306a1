"""The promises of the protocol: what the tables must say of every packet, at once or at the end."""

import itertools
from collections import Counter
from typing import NamedTuple

import psycopg

from tests.integration.range_machine.feed import TOPIC, Feed
from tests.integration.range_machine.kafka import Kafka, Log
from tests.integration.range_machine.lives import BrokenPromiseError


class Row(NamedTuple):
    """One range as it stands."""

    id: int
    topic: str
    partition: int
    replay_id: int
    first: int
    last: int
    state: str
    attempts: int
    owner: str | None

    @property
    def key(self) -> tuple[str, int, int]:
        return self.topic, self.partition, self.replay_id

    def offsets(self) -> range:
        return range(self.first, self.last + 1)


class Books:
    """What the tables say of each offset, by the id of its topic."""

    def __init__(self, watch: psycopg.Connection) -> None:
        self._stored = set(
            watch.execute(
                "SELECT s.topic_id, source_partition, source_offset, candid"
                " FROM alerts AS a JOIN sources AS s ON s.id = a.source_id WHERE pending = 0"
                " UNION SELECT s.topic_id, d.source_partition, d.source_offset, candid"
                " FROM alert_duplicates AS d JOIN sources AS s ON s.id = d.source_id"
                " JOIN alerts AS a ON a.id = d.alert_id"
            ).fetchall()
        )
        letters = watch.execute(
            "SELECT s.topic_id, d.source_partition, d.source_offset, d.last_offset, d.reason,"
            " d.topic, s.resets FROM dead_letters AS d LEFT JOIN sources AS s ON s.id = d.source_id"
        ).fetchall()
        gaps = watch.execute(
            "SELECT s.topic_id, g.source_partition, g.first_offset, g.last_offset"
            " FROM stream_gaps AS g JOIN sources AS s ON s.id = g.source_id"
        ).fetchall()
        self._buried: dict[tuple[str, int, int], int] = {}
        for topic_id, partition, first, last, *_, resets in letters:
            for offset in range(first, last + 1):
                at = (topic_id, partition, offset)
                self._buried[at] = max(resets or 0, self._buried.get(at, 0))
        self._gaps = {(*at[:2], o) for at in gaps for o in range(at[2], at[3] + 1)}
        self.died = [(row[5], row[1], row[2]) for row in letters if row[4] == "worker_died"]

    def has(self, topic_id: str, partition: int, offset: int, log: Log) -> bool:
        """Return whether an offset of a log needs no more work."""
        at, record = (topic_id, partition, offset), log.records[offset]
        resets = log.resets if offset >= log.new_from else 0
        if self._buried.get(at, -1) >= resets or (None, partition, offset) in self._buried:
            return True
        if record is None:
            return at in self._gaps
        return (*at, record.candid) in self._stored


class Promises:
    """Judges the tables and Kafka's offsets.

    Attributes
    ----------
    deaths : counter
        Failed attempts by topic, partition and offset.
    commits : list of ((topic, partition), offset)
        Kept since they were last judged.
    """

    def __init__(self, watch: psycopg.Connection, kafka: Kafka, feed: Feed) -> None:
        self.deaths: Counter[tuple[str, int, int]] = Counter()
        self.commits: list[tuple[tuple[str, int], int]] = []
        self._watch = watch
        self._kafka = kafka
        self._feed = feed
        self._done_seen: set[int] = set()

    def note_commit(self, place: tuple[str, int], offset: int) -> None:
        self.commits.append((place, offset))

    def check(self) -> None:
        """Raise if the tables or Kafka's offsets break a promise now."""
        rows = self._watch.execute(
            "SELECT id, topic, partition, replay_id, first_offset, last_offset, state, attempts,"
            " owner FROM stream_ranges ORDER BY topic, partition, replay_id, first_offset"
        ).fetchall()
        rows = [Row(*row) for row in rows]
        for before, after in itertools.pairwise(rows):
            if before.key == after.key and after.first <= before.last:
                raise BrokenPromiseError(f"{before} overlaps {after}")
        running = Counter(row.owner for row in rows if row.state == "running")
        if None in running or max(running.values(), default=0) > 1:
            raise BrokenPromiseError(f"owners of running ranges: {running}")
        for row in rows:
            failed = max(self.deaths[row.topic, row.partition, at] for at in row.offsets())
            if row.attempts > failed + (row.state != "queued"):
                raise BrokenPromiseError(f"{row}: only {failed} attempts have failed")
        done = [row for row in rows if row.state == "done" and row.id not in self._done_seen]
        if done or self.commits:
            self._check_done(done)

    def _check_done(self, done: list[Row]) -> None:
        books = Books(self._watch)
        for row in done:
            self._done_seen.add(row.id)
            self._require(books, row.topic, row.partition, row.offsets(), "done")
        commits, self.commits = self.commits, []
        for (topic, partition), offset in commits:
            self._require(books, topic, partition, range(offset), "committed")
        for topic, partition, offset in books.died:
            if (topic, partition, offset) not in self._feed.deadly:
                raise BrokenPromiseError(
                    f"an innocent packet was buried: {topic}[{partition}] {offset}"
                )

    def _require(self, books: Books, topic: str, partition: int, offsets: range, what: str) -> None:
        """Demand that all offsets are finished in one of the logs that the topic has had.

        But for the half minute in which nobody knows yet that it is another topic.
        """
        if not self.is_known(partition):
            return
        missing = [
            [
                at
                for at in offsets
                if at >= made.logs[partition].high
                or not books.has(made.id, partition, at, made.logs[partition])
            ]
            for name, made in self._kafka.made
            if name == topic
        ]
        if all(missing):
            raise BrokenPromiseError(f"{what} but not finished: {topic}[{partition}] {missing}")

    def is_known(self, partition: int) -> bool:
        """Return whether Postgres knows the topic by the id that it has now, or knows nothing."""
        found = self._watch.execute(
            "SELECT topic_id FROM stream_partitions WHERE topic = %s AND partition = %s",
            (TOPIC, partition),
        ).fetchone()
        topic = self._kafka.topics.get(TOPIC)
        return found is None or topic is None or found[0] in {None, topic.id}

    def check_all(self, topics_of: dict[str, set[str]]) -> None:
        """Raise unless every packet is accounted for, and every alert published."""
        books = Books(self._watch)
        for name, topic in self._kafka.made:
            for partition, log in enumerate(topic.logs):
                for at in range(log.high) if log.must is None else sorted(log.must):
                    if not books.has(topic.id, partition, at, log):
                        what = log.records[at] and log.records[at][1:]
                        raise BrokenPromiseError(
                            f"lost: {name} {topic.id}[{partition}] {at} {what}"
                        )
        waiting = self._watch.execute("SELECT candid FROM alerts WHERE pending <> 0").fetchall()
        if waiting:
            raise BrokenPromiseError(f"never published: {waiting}")
        wanted = self._watch.execute("SELECT candid FROM alerts WHERE outputs & 1 <> 0").fetchall()
        unsent = {str(candid) for (candid,) in wanted} ^ topics_of.keys()
        if unsent:
            raise BrokenPromiseError(f"published by one side only: {unsent}")
        counted = self._watch.execute(
            "SELECT o.id FROM objects AS o WHERE alert_count <>"
            " (SELECT count(*) FROM alerts AS a WHERE a.object_id = o.id)"
        ).fetchall()
        if counted:
            raise BrokenPromiseError(f"effects counted more than once: objects {counted}")
