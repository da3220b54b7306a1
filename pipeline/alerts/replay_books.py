"""What the rows know of offsets that somebody wants to have worked again."""

from collections.abc import Sequence
from typing import NamedTuple

from sqlalchemy import text
from sqlalchemy.orm import Session

from broker.ranges.whereabouts import Stretch

_BOOKS = text("""
    WITH asked AS (
        SELECT * FROM unnest(CAST(:sources AS bigint[]), CAST(:partitions AS bigint[]),
            CAST(:firsts AS bigint[]), CAST(:lasts AS bigint[]))
            AS a (source_id, partition, first, last)
    ), stored AS (
        SELECT a.source_id, a.source_partition AS partition, a.source_offset, a.archive_length,
            (a.outputs & 1) + (a.outputs >> 1 & 1) + (a.outputs >> 2 & 1) AS messages,
            a.pending <> 0 OR a.published_at IS NULL AS is_unsent
        FROM asked JOIN alerts AS a ON a.source_id = asked.source_id
            AND a.source_partition = asked.partition
            AND a.source_offset BETWEEN asked.first AND asked.last
    ), repeated AS (
        SELECT d.source_id, d.source_partition AS partition, d.source_offset
        FROM asked JOIN alert_duplicates AS d ON d.source_id = asked.source_id
            AND d.source_partition = asked.partition
            AND d.source_offset BETWEEN asked.first AND asked.last
    ), buried AS (
        SELECT l.source_id, l.source_partition AS partition,
            greatest(l.source_offset, asked.first) AS first,
            least(l.last_offset, asked.last) AS last
        FROM asked JOIN dead_letters AS l ON l.source_id = asked.source_id
            AND l.source_partition = asked.partition AND l.source_offset <= asked.last
            AND l.last_offset >= asked.first AND l.state <> 'resolved'
    ), empty AS (
        SELECT g.source_id, g.source_partition AS partition,
            greatest(g.first_offset, asked.first) AS first,
            least(g.last_offset, asked.last) AS last
        FROM asked JOIN stream_gaps AS g ON g.source_id = asked.source_id
            AND g.source_partition = asked.partition AND g.first_offset <= asked.last
            AND g.last_offset >= asked.first
    ), known AS (
        SELECT source_id, partition, range_agg(span) AS spans FROM (
            SELECT source_id, partition, int8range(source_offset, source_offset + 1) FROM stored
            UNION ALL
            SELECT source_id, partition, int8range(source_offset, source_offset + 1) FROM repeated
            UNION ALL
            SELECT source_id, partition, int8range(first, last + 1) FROM buried
            UNION ALL
            SELECT source_id, partition, int8range(first, last + 1) FROM empty
        ) AS each (source_id, partition, span) GROUP BY 1, 2
    )
    SELECT (SELECT count(*) FROM stored) AS stored,
        (SELECT count(*) FROM repeated) AS repeated,
        coalesce((SELECT sum(last - first + 1) FROM buried), 0)::bigint AS buried,
        coalesce((SELECT sum(last - first + 1) FROM empty), 0)::bigint AS empty,
        coalesce((SELECT sum(messages) FROM stored), 0)::bigint AS messages,
        coalesce((SELECT sum(messages) FROM stored WHERE is_unsent), 0)::bigint AS unsent,
        (SELECT avg(archive_length) FROM stored)::float8 AS mean_bytes,
        coalesce((SELECT sum(upper(span) - lower(span))
            FROM known, unnest(known.spans) AS span), 0)::bigint AS known
""")
_RATE = text("""
    SELECT sum(read_count) / nullif(sum(extract(epoch FROM done_at - claimed_at)), 0) AS rate
    FROM stream_ranges WHERE stream = :stream AND state = 'done' AND read_count > 0
""")


class Books(NamedTuple):
    """What the rows know of the offsets asked for.

    Attributes
    ----------
    stored, repeated, buried, empty : int
        Alerts; packets whose alert came elsewhere too; offsets in dead letters that are not
        resolved; offsets without a message.
    messages, unsent : int
        Messages that were decided for the stored alerts, and those of them never sent.
    mean_bytes : float or None
        Of a stored packet.
    known : int
        Offsets that any row accounts for.
    """

    stored: int
    repeated: int
    buried: int
    empty: int
    messages: int
    unsent: int
    mean_bytes: float | None
    known: int


def read_books(session: Session, stretches: Sequence[Stretch]) -> Books:
    """Add up what is known of the stretches' offsets."""
    row = session.execute(
        _BOOKS,
        {
            "sources": [stretch.source_id for stretch in stretches],
            "partitions": [stretch.place[1] for stretch in stretches],
            "firsts": [stretch.first for stretch in stretches],
            "lasts": [stretch.last for stretch in stretches],
        },
    ).one()
    return Books(*row)


def read_rate(session: Session, stream: str) -> float | None:
    """Return how many packets one worker process has lately worked in a second, if known."""
    rate = session.scalar(_RATE, {"stream": stream})
    return None if rate is None else float(rate)
