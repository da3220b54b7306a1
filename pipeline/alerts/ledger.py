"""The books: what was received equals what was published, waits, was gated, repeated or buried.

Two independent counts must agree. By night: the rows of every outcome are added up. By partition:
between the first offset accounted for and the committed one, every offset is an alert, a duplicate,
a dead letter, or known to hold no message.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from sqlalchemy import text
from sqlalchemy.orm import Session

from broker.config import config
from broker.sections.selected import SelectedSettings
from pipeline.alerts.tables import OUTPUT_CLASS_TOPIC, OUTPUT_NONE_TOPIC
from pipeline.filters import FILTERS
from pipeline.topics import NONE_TOPIC, STREAMS

_ALERTS = """
    SELECT s.stream, a.night, a.output_topic, a.gate_reason, a.pending & :class_bit > 0 AS waits,
           a.pending = 0 AND a.published_at IS NULL AS is_unsent,
           count(*) AS n,
           {copies},
           count(*) FILTER (WHERE a.pending & :copy_bits > 0) AS copies_waiting,
           count(*) FILTER (WHERE l.id IS NOT NULL) AS undeliverable
    FROM alerts AS a
    JOIN sources AS s ON s.id = a.source_id
    LEFT JOIN dead_letters AS l ON l.reason = 'too_large' AND l.state <> 'resolved'
        AND l.source_id = a.source_id AND l.source_partition = a.source_partition
        AND l.source_offset = a.source_offset
    GROUP BY 1, 2, 3, 4, 5, 6
"""
_COPIES = """count(*) FILTER (WHERE a.outputs & {bit} > 0 AND a.pending & {bit} = 0
               AND NOT (a.pending = 0 AND a.published_at IS NULL)) AS copies_{bit}"""
_DUPLICATES = text("""
    SELECT s.stream, a.night, count(*) AS n
    FROM alert_duplicates AS d
    JOIN alerts AS a ON a.id = d.alert_id
    JOIN sources AS s ON s.id = d.source_id
    GROUP BY 1, 2
""")
_DEAD_LETTERS = text("""
    SELECT l.stream, l.night, l.reason, l.state, sum(
        l.last_offset - l.source_offset + 1 - CASE WHEN l.reason = 'too_large' THEN 0 ELSE (
            SELECT count(*) FROM (
                SELECT a.source_offset FROM alerts AS a
                WHERE a.source_id = l.source_id AND a.source_partition = l.source_partition
                    AND a.source_offset BETWEEN l.source_offset AND l.last_offset
                UNION
                SELECT d.source_offset FROM alert_duplicates AS d
                WHERE d.source_id = l.source_id AND d.source_partition = l.source_partition
                    AND d.source_offset BETWEEN l.source_offset AND l.last_offset
            ) AS living
        ) END)::bigint AS n
    FROM dead_letters AS l
    WHERE l.state <> 'resolved' AND NOT (
        l.last_offset = l.source_offset AND EXISTS (
            SELECT FROM dead_letters AS e
            WHERE e.id < l.id AND e.state <> 'resolved' AND e.last_offset = e.source_offset
                AND e.source_id = l.source_id AND e.source_partition = l.source_partition
                AND e.source_offset = l.source_offset
                AND (e.reason = 'too_large') = (l.reason = 'too_large')
        )
    )
    GROUP BY 1, 2, 3, 4
""")
"""A packet that was buried twice, for two reasons, counts once. A letter counts what did not live
after all: an interval may hold alerts that were stored before Kafka forgot them, and a worker may
die after it has stored its packet."""

_COORDINATES = text("""
    WITH places AS (
        SELECT source_id, source_partition AS partition,
               int8range(source_offset, source_offset + 1) AS span
        FROM alerts
        UNION ALL
        SELECT source_id, source_partition, int8range(source_offset, source_offset + 1)
        FROM alert_duplicates
        UNION ALL
        SELECT source_id, source_partition, int8range(source_offset, last_offset + 1)
        FROM dead_letters
        WHERE state <> 'resolved'
        UNION ALL
        SELECT source_id, source_partition, int8range(first_offset, last_offset + 1)
        FROM stream_gaps
    ), covered AS (
        SELECT source_id, partition, range_agg(span) AS spans
        FROM places
        GROUP BY 1, 2
    )
    SELECT s.stream, s.topic, c.partition, lower(c.spans) AS first_offset,
           coalesce(p.committed_offset, upper(c.spans)) AS end_offset, (
               SELECT sum(upper(span) - lower(span))
               FROM unnest(c.spans * int8multirange(int8range(NULL, p.committed_offset))) AS span
           )::bigint AS covered
    FROM covered AS c
    JOIN sources AS s ON s.id = c.source_id
    LEFT JOIN stream_partitions AS p ON p.stream = s.stream AND p.topic = s.topic
        AND p.partition = c.partition AND p.topic_id = s.topic_id
        AND p.resets = s.resets
    WHERE s.stream = ANY(:streams)
    ORDER BY 1, 2, 3
""")
"""A union of intervals: an offset that stands in two tables, or in two overlapping gaps, is one."""


@dataclass
class NightBooks:
    """One stream's night; every received packet is in exactly one of the counts."""

    stream: str
    night: date | None
    published: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    waiting: int = 0
    withheld: int = 0
    """Passed every gate, and stored by a replay that published nothing."""
    gated: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    duplicates: int = 0
    dead_letters: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    """By reason; what is ignored stays here, accounted for."""
    dead_letter_states: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    """The same packets again: open, retried or ignored."""
    second_copies: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    second_copies_waiting: int = 0

    @property
    def received(self) -> int:
        """Return the packets of the night."""
        return (
            sum(self.published.values())
            + self.waiting
            + self.withheld
            + sum(self.gated.values())
            + self.duplicates
            + sum(self.dead_letters.values())
        )


@dataclass(frozen=True)
class PartitionBooks:
    """One partition: offsets gone through, and how many of them are accounted for."""

    stream: str
    topic: str
    partition: int
    first_offset: int
    end_offset: int
    """Committed; where no listener has reported yet, the last offset seen plus one."""
    covered: int
    """Offsets below the end that are an alert, a duplicate, a dead letter, or hold no message."""

    @property
    def unaccounted(self) -> int:
        """Return the offsets that are nowhere: 0, or something was lost."""
        return self.end_offset - self.first_offset - self.covered


@dataclass(frozen=True)
class Ledger:
    """The books of every stream."""

    nights: list[NightBooks]
    partitions: list[PartitionBooks]

    @property
    def unaccounted(self) -> int:
        """Return the offsets that are nowhere, over all partitions."""
        return sum(abs(partition.unaccounted) for partition in self.partitions)

    @property
    def is_balanced(self) -> bool:
        """Return whether every offset below the committed ones is accounted for."""
        return self.unaccounted == 0

    @property
    def waiting(self) -> int:
        """Return the messages, second copies included, that Kafka has not acknowledged."""
        return sum(night.waiting + night.second_copies_waiting for night in self.nights)

    @property
    def received(self) -> int:
        """Return the packets of all nights."""
        return sum(night.received for night in self.nights)

    def as_json(self) -> dict[str, Any]:
        """Return the books as plain values, for ``--json`` and tests."""
        return {
            "balanced": self.is_balanced,
            "unaccounted": self.unaccounted,
            "nights": [
                {
                    "stream": night.stream,
                    "night": night.night and night.night.isoformat(),
                    "received": night.received,
                    "published": dict(sorted(night.published.items())),
                    "waiting": night.waiting,
                    "withheld": night.withheld,
                    "gated": dict(sorted(night.gated.items())),
                    "duplicates": night.duplicates,
                    "dead_letters": dict(sorted(night.dead_letters.items())),
                    "dead_letter_states": dict(sorted(night.dead_letter_states.items())),
                    "second_copies": dict(sorted(night.second_copies.items())),
                    "second_copies_waiting": night.second_copies_waiting,
                }
                for night in self.nights
            ],
            "partitions": [
                vars(partition) | {"unaccounted": partition.unaccounted}
                for partition in self.partitions
            ],
        }


def read(session: Session) -> Ledger:
    """Add up the books from the rows; nothing is taken from the range protocol's tables.

    Their offsets only say how far a partition is committed; where they were emptied, the last
    offset seen stands in.
    """
    books: dict[tuple[str, date | None], NightBooks] = {}

    def of(row: Any) -> NightBooks:
        key = (row.stream, row.night)
        return books.setdefault(key, NightBooks(*key))

    copies = copy_topics(config().selected)
    bits = {
        "class_bit": OUTPUT_CLASS_TOPIC,
        "copy_bits": sum(copies),
    }
    counts = ", ".join(_COPIES.format(bit=bit) for bit in copies)
    for row in session.execute(text(_ALERTS.format(copies=counts)), bits):
        _add_alerts(of(row), row, copies)
    for row in session.execute(_DUPLICATES):
        of(row).duplicates += row.n
    for row in session.execute(_DEAD_LETTERS):
        of(row).dead_letters[row.reason] += row.n
        of(row).dead_letter_states[row.state] += row.n
    nights = sorted(books.values(), key=lambda b: (b.stream, b.night or date.min))
    return Ledger(nights, list(_partitions(session)))


def by_stream(books: Ledger) -> dict[str, dict[str, int]]:
    """Return the outcomes of each stream over all nights."""
    found: dict[str, dict[str, int]] = {}
    for night in books.nights:
        counts = found.setdefault(night.stream, defaultdict(int))
        counts["received"] += night.received
        counts["published"] += sum(night.published.values())
        counts["gated"] += sum(night.gated.values())
        counts["duplicates"] += night.duplicates
        counts["dead_letters"] += sum(night.dead_letters.values())
        counts["waiting"] += night.waiting
        counts["withheld"] += night.withheld
    return {stream: dict(counts) for stream, counts in found.items()}


def by_topic(books: Ledger) -> dict[str, int]:
    """Return the messages of each topic over all nights, second copies too."""
    found: dict[str, int] = defaultdict(int)
    for night in books.nights:
        for topic, count in (*night.published.items(), *night.second_copies.items()):
            found[topic] += count
    return dict(found)


def copy_topics(settings: SelectedSettings) -> dict[int, str]:
    """Return the topics of second copies, ``babamul.none`` and the filters', by output bit."""
    found = {OUTPUT_NONE_TOPIC: NONE_TOPIC}
    for one in FILTERS:
        found |= one.topics(settings)
    return found


def _add_alerts(night: NightBooks, row: Any, copies: Mapping[int, str]) -> None:
    if row.gate_reason is not None:
        night.gated[row.gate_reason] += row.n - row.undeliverable
    elif row.waits:
        night.waiting += row.n
    elif row.is_unsent:
        night.withheld += row.n - row.undeliverable
    else:
        night.published[row.output_topic] += row.n - row.undeliverable
    for bit, topic in copies.items():
        if count := getattr(row, f"copies_{bit}"):
            night.second_copies[topic] += count
    night.second_copies_waiting += row.copies_waiting


def _partitions(session: Session) -> Iterator[PartitionBooks]:
    streams = [each.name for each in STREAMS]  # of others, rows do not say where they came from
    for row in session.execute(_COORDINATES, {"streams": streams}):
        yield PartitionBooks(
            row.stream,
            row.topic,
            row.partition,
            row.first_offset,
            max(row.end_offset, row.first_offset),
            row.covered or 0,
        )
