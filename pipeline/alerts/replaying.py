"""What is different in a replay: where a range is read, what of it is sent, what is missing.

An offset that neither Kafka nor the archive can give is never passed over. It is counted and named
in the replay's row; if the books know nothing of it either, it is buried. A packet that already has
a row is not: that row is what became of it.
"""

from collections.abc import Iterator, Sequence

import structlog
from sqlalchemy import text
from sqlalchemy.orm import Session

from broker import dead_letters
from broker.db import cursor
from broker.dead_letters import Letter
from broker.kafka import OffsetsExpired
from broker.kafka_types import ReadResult
from broker.ranges import replays
from broker.ranges.claim import Claim
from broker.ranges.replay_steps import Span
from broker.ranges.working import RangeLostError
from pipeline.alerts.tables import OUTPUT_USER_FILTERS
from pipeline.alerts.work import RangeWork, Replaying
from pipeline.user_filters import deliver

NAMED_INTERVALS = 5
"""Of missing offsets, in the replay's row; the log has all."""

Interval = tuple[int, int]

log = structlog.get_logger(__name__)

_MISSING = text("""
    WITH absent AS (
        SELECT range_agg(int8range(first, last + 1)) AS spans
        FROM unnest(CAST(:firsts AS bigint[]), CAST(:lasts AS bigint[])) AS a (first, last)
    ), gaps AS (
        SELECT coalesce(range_agg(int8range(first_offset, last_offset + 1)), '{}') AS spans
        FROM stream_gaps WHERE source_id = :source_id AND source_partition = :partition
            AND first_offset <= :last AND last_offset >= :first
    ), known AS (
        SELECT coalesce(range_agg(span), '{}') AS spans FROM (
            SELECT int8range(source_offset, source_offset + 1) AS span FROM alerts
            WHERE source_id = :source_id AND source_partition = :partition
                AND source_offset BETWEEN :first AND :last
            UNION ALL
            SELECT int8range(source_offset, source_offset + 1) FROM alert_duplicates
            WHERE source_id = :source_id AND source_partition = :partition
                AND source_offset BETWEEN :first AND :last
            UNION ALL
            SELECT int8range(source_offset, last_offset + 1) FROM dead_letters
            WHERE source_id = :source_id AND source_partition = :partition
                AND source_offset <= :last AND last_offset >= :first AND state <> 'resolved'
        ) AS accounted
    )
    SELECT lower(span), upper(span) - 1, is_nowhere
    FROM absent, gaps, known, LATERAL (
        SELECT unnest((absent.spans - gaps.spans) * known.spans) AS span, false AS is_nowhere
        UNION ALL
        SELECT unnest(absent.spans - gaps.spans - known.spans), true
    ) AS missing
    ORDER BY 1
""")
_ASK_AGAIN = """
    UPDATE alerts AS a SET pending = a.outputs
    FROM unnest(%s::bigint[], %s::int[], %s::bigint[], %s::bigint[], %s::boolean[])
        AS u (source_id, partition, first, last, is_undeliverable)
    WHERE a.source_id = u.source_id AND a.source_partition = u.partition
        AND a.source_offset BETWEEN u.first AND u.last AND a.outputs <> 0
        AND (%s OR u.is_undeliverable OR (a.pending = 0 AND a.published_at IS NULL))
    RETURNING CASE WHEN a.outputs & %s <> 0 THEN a.id END
"""
_TAKE_BACK = """
    UPDATE alerts AS a SET pending = 0
    FROM unnest(%s::bigint[], %s::int[], %s::bigint[], %s::bigint[], %s::boolean[])
        AS u (source_id, partition, first, last, is_undeliverable)
    JOIN sources AS s ON s.id = u.source_id
    WHERE a.source_id = u.source_id AND a.source_partition = u.partition
        AND a.source_offset BETWEEN u.first AND u.last AND a.pending <> 0
        AND (a.published_at IS NOT NULL OR EXISTS (
            SELECT FROM stream_partitions AS p
            WHERE p.stream = s.stream AND p.topic = s.topic AND p.partition = u.partition
                AND p.topic_id = s.topic_id AND p.resets = s.resets
                AND (p.committed_offset > a.source_offset OR EXISTS (
                    SELECT FROM stream_ranges AS r
                    WHERE r.stream = s.stream AND r.topic = s.topic AND r.partition = u.partition
                        AND r.replay_id = 0 AND r.state = 'done'
                        AND a.source_offset BETWEEN r.first_offset AND r.last_offset
                ))
        ) AND NOT EXISTS (
            SELECT FROM dead_letters AS l
            WHERE l.source_id = a.source_id AND l.source_partition = a.source_partition
                AND l.reason = 'expired_offsets'
                AND a.source_offset BETWEEN l.source_offset AND l.last_offset
        ))
"""
"""What was never published is left waiting where somebody else will send it: a live range that has
not finished it, or ``stranded``, which looks in the intervals that no live range works again."""
_WITHHOLD = "UPDATE alerts SET pending = 0 WHERE id = ANY(%s)"


def open_replay(session: Session, survey: str, held: Claim) -> Replaying:
    """Return what a worker must know of its range's replay.

    Raises
    ------
    RangeLostError
        If the replay is gone; its ranges go with it.
    """
    place = (held.topic, held.partition)
    order = replays.order(session, survey, held.replay_id, place, held.first)
    if order is None:
        raise RangeLostError
    return Replaying(order)


def read(work: RangeWork, replay: Replaying) -> ReadResult:
    """Read a replay's range; offsets that cannot be had are noted in ``replay.absent``.

    Raises
    ------
    TransientError
        If Kafka does not answer, or the archive's file lies on another machine.
    """
    if replay.order.read_from == "archive":
        return _read_archive(work, replay)
    return _read_kafka(work, replay)


def _read_archive(work: RangeWork, replay: Replaying) -> ReadResult:
    claim = work.claim
    found = work.resources.archive_reader().read(
        replay.order.segments, work.source.id, claim.partition, claim.first, claim.last
    )
    replay.slices = found.slices
    replay.absent = list(_holes([p.offset for p in found.packets], claim.first, claim.last))
    return ReadResult(found.packets, [])


def _read_kafka(work: RangeWork, replay: Replaying) -> ReadResult:
    claim = work.claim
    reader = work.resources.reader(claim.stream)
    replay.absent = []
    first = claim.first
    while first <= claim.last:
        try:
            return reader.read(claim.topic, claim.partition, first, claim.last)
        except OffsetsExpired as expired:
            end = min(expired.low - 1, claim.last)
            replay.absent.append((first, end))
            first = end + 1
    return ReadResult([], [])


def account(session: Session, work: RangeWork, replay: Replaying) -> None:
    """Count, name and where need be bury what could not be had; in the range's last transaction."""
    if not replay.absent:
        return
    first, last = replay.absent[0][0], replay.absent[-1][1]
    rows = session.execute(
        _MISSING,
        {
            "firsts": [interval[0] for interval in replay.absent],
            "lasts": [interval[1] for interval in replay.absent],
            "source_id": work.source.id,
            "partition": work.source.partition,
            "first": first,
            "last": last,
        },
    ).all()
    if not rows:
        return
    missing = [(row[0], row[1]) for row in rows]
    nowhere = [(row[0], row[1]) for row in rows if row[2]]
    count = sum(last - first + 1 for first, last in missing)
    named = f"{count} packets of {work.claim.topic}[{work.claim.partition}] could not be had: "
    named += _named(missing)
    if nowhere:
        named += f"; no row knows {_named(nowhere)}: dead letters"
    log.warning("replay.missing", count=count, offsets=missing, nowhere=nowhere)
    replays.add_missing(session, replay.order.replay_id, count, named)
    letters = [_letter(work, replay, *interval) for interval in nowhere]
    dead_letters.bury(session, work.claim.stream, work.claim.topic, work.source.id, letters)
    work.tally.dead += sum(last - first + 1 for first, last in nowhere)


def _letter(work: RangeWork, replay: Replaying, first: int, last: int) -> Letter:
    of = "Kafka" if replay.order.read_from == "kafka" else "the archive"
    return Letter(
        partition=work.source.partition,
        offset=first,
        last_offset=last,
        reason="expired_offsets",
        night=replay.order.night,
        message=f"offsets {first} to {last}: {of} had them no more when replay "
        f"{replay.order.replay_id} came, and no row knew them",
    )


def withhold(session: Session, alert_ids: Sequence[int]) -> None:
    """Let alerts that a silent replay has stored wait for nothing: nobody will send them."""
    with cursor(session) as cur:
        cur.execute(_WITHHOLD, (list(alert_ids),))


def ask_again(session: Session, publish: str, spans: Sequence[Span]) -> None:
    """Mark what shall be published of ranges that are being inserted.

    ``all`` asks for every message once more. ``new`` asks for those that were never sent: what a
    silent replay stored, and a message that did not fit when it was tried.
    """
    if publish == "none" or not spans:
        return
    with cursor(session) as cur:
        is_all = publish == "all"
        cur.execute(_ASK_AGAIN, (*_columns(spans), is_all, OUTPUT_USER_FILTERS))
        if caught := [row[0] for row in cur if row[0] is not None]:
            deliver.ask_again(cur, caught, all_of_them=is_all)


def take_back(session: Session, spans: Sequence[Span]) -> None:
    """Let nothing wait in ranges that are given up, but for what others will send."""
    if not spans:
        return
    with cursor(session) as cur:
        cur.execute(_TAKE_BACK, _columns(spans))


def _columns(spans: Sequence[Span]) -> tuple[list[int], ...]:
    return tuple(list(column) for column in zip(*spans, strict=True))


def _holes(offsets: Sequence[int], first: int, last: int) -> Iterator[Interval]:
    """Yield the intervals of [first, last] that hold none of the ascending ``offsets``."""
    at = first
    for offset in offsets:
        if offset > at:
            yield at, offset - 1
        at = offset + 1
    if at <= last:
        yield at, last


def _named(intervals: Sequence[Interval]) -> str:
    shown = [f"{a}" if a == b else f"{a} to {b}" for a, b in intervals[:NAMED_INTERVALS]]
    return ", ".join(shown) + (" …" if len(intervals) > NAMED_INTERVALS else "")
