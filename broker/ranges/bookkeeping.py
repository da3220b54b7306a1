"""What a listener reads and writes in Postgres; all SQL of ``stream_partitions`` is here.

Arrays go in as parameters and are unnested, so that one statement serves all partitions.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime
from typing import Any, NamedTuple

from sqlalchemy import text
from sqlalchemy.orm import Session

from broker.ranges.expired import bury_interval
from broker.ranges.planning import Cut, Place, RangeRow, holes
from broker.ranges.sources import known_source, source_id

LONGEST_RANGE = 5000
"""Upper bound of the setting ``ranges.alerts_per_task``."""
KEEP_DONE_S = 86_400


class Taken(NamedTuple):
    """A partition's row as its new owner finds it."""

    epoch: int
    server_start: datetime
    topic_id: str | None
    committed_offset: int | None
    high_offset: int | None
    resets: int


class Guard(NamedTuple):
    """What must still be so for a write of a partition's owner to count.

    A Postgres that has restarted may be an older one: after a crash without synchronous commits, a
    failover, a restored copy. What was read from it before may not be in it now.
    """

    epoch: int
    server_start: datetime


class Due(NamedTuple):
    """A range that must be rung."""

    place: Place
    first: int
    last: int


_TAKE = text("""
    INSERT INTO stream_partitions (stream, topic, partition, epoch, owner)
    VALUES (:stream, :topic, :partition, nextval('stream_epochs'), :owner)
    ON CONFLICT (stream, topic, partition) DO UPDATE
        SET epoch = nextval('stream_epochs'), owner = :owner, updated_at = now()
    RETURNING epoch, pg_postmaster_start_time(), topic_id, committed_offset, high_offset, resets
""")
_BEGIN = text("""
    UPDATE stream_partitions SET topic_id = :topic_id, resets = :resets, committed_offset = :cursor,
        high_offset = :high, updated_at = now()
    WHERE stream = :stream AND topic = :topic AND partition = :partition AND epoch = :epoch
""")
_RING_ALL = text("""
    UPDATE stream_ranges SET ring_at = now() WHERE stream = :stream AND topic = :topic
        AND partition = :partition AND replay_id = 0 AND state = 'queued' AND ring_at > now()
        AND first_offset >= :cursor - :longest
""")
_FORGET = text("""
    DELETE FROM stream_ranges WHERE stream = :stream AND topic = :topic
        AND partition = :partition AND replay_id = 0
""")
_LAST = text("""
    SELECT max(last_offset) + 1 FROM stream_ranges WHERE stream = :stream AND topic = :topic
        AND partition = :partition AND replay_id = 0
""")
_DONE_ABOVE = text("""
    SELECT first_offset, last_offset FROM stream_ranges WHERE stream = :stream
        AND topic = :topic AND partition = :partition AND replay_id = 0 AND state = 'done'
        AND last_offset >= :cursor
""")
_ROWS = text("""
    SELECT r.topic, r.partition, r.first_offset, r.last_offset, r.state = 'done',
        coalesce(r.read_count, 0), coalesce(r.dead_count, 0)
    FROM unnest(CAST(:topics AS text[]), CAST(:partitions AS bigint[]), CAST(:cursors AS bigint[]))
        AS owned (topic, partition, cursor)
    JOIN stream_ranges AS r ON r.stream = :stream AND r.topic = owned.topic
        AND r.partition = owned.partition AND r.replay_id = 0
        AND r.first_offset >= owned.cursor - :longest AND r.last_offset >= owned.cursor
""")
_INSERT = text("""
    INSERT INTO stream_ranges (stream, topic, partition, first_offset, last_offset, state,
        ring_at, done_at)
    SELECT p.stream, p.topic, p.partition, cut.first_offset, cut.last_offset,
        CASE WHEN cut.is_expired THEN 'done' ELSE 'queued' END,
        now() + make_interval(secs => :ring_after_s), CASE WHEN cut.is_expired THEN now() END
    FROM unnest(CAST(:topics AS text[]), CAST(:partitions AS bigint[]), CAST(:epochs AS bigint[]),
        CAST(:starts AS timestamptz[]), CAST(:firsts AS bigint[]), CAST(:lasts AS bigint[]),
        CAST(:expired AS boolean[]))
        AS cut (topic, partition, epoch, server_start, first_offset, last_offset, is_expired)
    JOIN stream_partitions AS p ON p.stream = :stream AND p.topic = cut.topic
        AND p.partition = cut.partition AND p.epoch = cut.epoch
        AND cut.server_start = pg_postmaster_start_time()
    FOR SHARE OF p
    ON CONFLICT DO NOTHING
    RETURNING topic, partition, first_offset
""")
RING_AGAIN = """
    UPDATE stream_ranges AS r SET state = 'queued', owner = NULL, lease_until = NULL,
        attempts = CASE WHEN r.state = 'running' AND pg_postmaster_start_time() > r.claimed_at
            THEN greatest(r.attempts - 1, 0) ELSE r.attempts END,
        error = CASE WHEN r.state = 'running' THEN 'the lease ended' ELSE r.error END,
        ring_at = now() + make_interval(secs => :ring_after_s)
    FROM due WHERE r.id = due.id
    RETURNING r.topic, r.partition, r.first_offset, r.last_offset
"""
"""Queues the ranges of a CTE ``due`` again; a Postgres that went down is no packet's fault."""
_DUE = text(
    """
    WITH due AS (
        SELECT r.id
        FROM unnest(CAST(:topics AS text[]), CAST(:partitions AS bigint[]),
            CAST(:cursors AS bigint[])) AS owned (topic, partition, cursor)
        JOIN stream_ranges AS r ON r.stream = :stream AND r.topic = owned.topic
            AND r.partition = owned.partition AND r.replay_id = 0
            AND r.first_offset >= owned.cursor - :longest AND r.last_offset >= owned.cursor
        WHERE (r.state = 'queued' AND r.ring_at <= now())
            OR (r.state = 'running' AND r.lease_until < now())
        FOR UPDATE OF r SKIP LOCKED
    )
"""  # noqa: S608 a constant of ours
    + RING_AGAIN
)
_COMMIT = text("""
    UPDATE stream_partitions AS p SET committed_offset = owned.cursor, high_offset = owned.high,
        updated_at = now()
    FROM unnest(CAST(:topics AS text[]), CAST(:partitions AS bigint[]), CAST(:epochs AS bigint[]),
        CAST(:starts AS timestamptz[]), CAST(:cursors AS bigint[]), CAST(:highs AS bigint[]))
        AS owned (topic, partition, epoch, server_start, cursor, high)
    WHERE p.stream = :stream AND p.topic = owned.topic AND p.partition = owned.partition
        AND p.epoch = owned.epoch AND owned.server_start = pg_postmaster_start_time()
    RETURNING p.topic, p.partition
""")
_DELETE_DONE = text("""
    DELETE FROM stream_ranges AS r USING stream_partitions AS p
    WHERE p.stream = :stream AND r.stream = p.stream AND r.topic = p.topic
        AND r.partition = p.partition AND r.replay_id = 0 AND r.state = 'done'
        AND r.last_offset < p.committed_offset
        AND r.done_at < now() - make_interval(secs => :keep_s)
""")
_EPOCHS = text("""
    SELECT topic, partition, epoch, pg_postmaster_start_time() FROM stream_partitions
    WHERE stream = :stream
""")
_OTHER_TOPIC = text("""
    SELECT EXISTS (SELECT 1 FROM stream_partitions WHERE stream = :stream
        AND NOT topic = ANY(:topics) AND committed_offset IS NOT NULL)
""")


def take(session: Session, stream: str, place: Place, owner: str) -> Taken:
    """Become the owner of a partition: a new epoch fences whoever had it before."""
    return Taken(*session.execute(_TAKE, _at(stream, place) | {"owner": owner}).one())


def begin(
    session: Session,
    stream: str,
    place: Place,
    taken: Taken,
    topic_id: str,
    cursor: int,
    high: int,
    resets: int = 0,
) -> None:
    """Record where the new owner begins, so that a later one does not decide anew.

    What it adopts is rung at once: nobody knows whether the bells of an owner that died, or those
    that workers heard while Postgres was away, led to anything.
    """
    values = {"epoch": taken.epoch, "topic_id": topic_id, "cursor": cursor, "high": high}
    session.execute(_BEGIN, _at(stream, place) | values | {"resets": resets})
    known_source(session, stream, place[0], topic_id, resets)
    session.execute(_RING_ALL, _at(stream, place) | {"cursor": cursor, "longest": LONGEST_RANGE})


def reached(session: Session, stream: str, place: Place, taken: Taken) -> int:
    """Return the end of a partition's log as far as anybody ever saw it; 0 for an unknown one."""
    return max(taken.high_offset or 0, session.scalar(_LAST, _at(stream, place)) or 0)


def forget(
    session: Session, stream: str, place: Place, taken: Taken, why: str, night: date | None = None
) -> None:
    """Drop a partition's ranges: their offsets no longer name the same messages.

    What was unfinished is buried, up to the last high watermark or the end of the last range: the
    watermark is written every few seconds only, and ranges may lie above it.
    """
    cursor = taken.committed_offset
    if cursor is not None and taken.topic_id is not None:
        source = known_source(session, stream, place[0], taken.topic_id, taken.resets)
        rows = session.execute(_DONE_ABOVE, _at(stream, place) | {"cursor": cursor})
        done = [RangeRow(row[0], row[1], is_done=True) for row in rows]
        for first, last in holes(cursor, reached(session, stream, place, taken), done):
            bury_interval(session, stream, place[0], source, place[1], first, last, why, night)
    session.execute(_FORGET, _at(stream, place))


def knows_other_topics(session: Session, stream: str, topics: Iterable[str]) -> bool:
    """Return whether the stream was read before under other topics than these."""
    found = session.scalar(_OTHER_TOPIC, {"stream": stream, "topics": sorted(set(topics))})
    return bool(found)


def read_rows(
    session: Session, stream: str, cursors: Mapping[Place, int]
) -> dict[Place, list[RangeRow]]:
    """Return the live ranges at or above each partition's cursor."""
    found: dict[Place, list[RangeRow]] = {place: [] for place in cursors}
    rows = session.execute(
        _ROWS, _places(stream, cursors) | {"cursors": [*cursors.values()], "longest": LONGEST_RANGE}
    )
    for topic, partition, *row in rows:
        found[topic, partition].append(RangeRow(*row))
    return found


def insert_cuts(
    session: Session,
    stream: str,
    cuts: Sequence[tuple[Cut, Guard]],
    ring_after_s: float,
    night: date | None = None,
) -> list[Cut]:
    """Insert new ranges, each under its partition's guard; return those that went in.

    The partition's row is locked FOR SHARE: without it a new owner, who has already raised the
    epoch, could not see a zombie's uncommitted ranges. Expired intervals are done at once, and
    buried in the same transaction.
    """
    rows = session.execute(
        _INSERT,
        _places(stream, [cut.place for cut, _ in cuts])
        | {
            "epochs": [guard.epoch for _, guard in cuts],
            "starts": [guard.server_start for _, guard in cuts],
            "firsts": [cut.first for cut, _ in cuts],
            "lasts": [cut.last for cut, _ in cuts],
            "expired": [cut.is_expired for cut, _ in cuts],
            "ring_after_s": ring_after_s,
        },
    )
    inserted = {((topic, partition), first) for topic, partition, first in rows}
    found = [cut for cut, _ in cuts if (cut.place, cut.first) in inserted]
    for cut in found:
        if cut.is_expired:
            topic, partition = cut.place
            bury_interval(
                session,
                stream,
                topic,
                source_id(session, stream, topic, partition),
                partition,
                cut.first,
                cut.last,
                "Kafka's retention overtook us",
                night,
            )
    return found


def take_due(
    session: Session, stream: str, cursors: Mapping[Place, int], ring_after_s: float
) -> list[Due]:
    """Return the ranges to ring now and move their ``ring_at``; ended leases are freed first."""
    rows = session.execute(
        _DUE,
        _places(stream, cursors)
        | {
            "cursors": [*cursors.values()],
            "longest": LONGEST_RANGE,
            "ring_after_s": ring_after_s,
        },
    )
    return [Due((topic, partition), first, last) for topic, partition, first, last in rows]


def commit(
    session: Session, stream: str, owned: Mapping[Place, tuple[Guard, int, int]]
) -> set[Place]:
    """Write (guard, cursor, high) of partitions; return those whose guard still held."""
    values = [*owned.values()]
    rows = session.execute(
        _COMMIT,
        _places(stream, owned)
        | {
            "epochs": [guard.epoch for guard, _, _ in values],
            "starts": [guard.server_start for guard, _, _ in values],
            "cursors": [cursor for _, cursor, _ in values],
            "highs": [high for _, _, high in values],
        },
    )
    return {(topic, partition) for topic, partition in rows}


def delete_done(session: Session, stream: str) -> None:
    """Drop ranges that were done a day ago; only below the committed offset."""
    session.execute(_DELETE_DONE, {"stream": stream, "keep_s": KEEP_DONE_S})


def guards(session: Session, stream: str) -> dict[Place, Guard]:
    """Return what holds now for every partition that the stream has a row for."""
    rows = session.execute(_EPOCHS, {"stream": stream})
    return {(topic, partition): Guard(epoch, start) for topic, partition, epoch, start in rows}


def _at(stream: str, place: Place) -> dict[str, Any]:
    return {"stream": stream, "topic": place[0], "partition": place[1]}


def _places(stream: str, places: Iterable[Place]) -> dict[str, Any]:
    listed = list(places)
    return {
        "stream": stream,
        "topics": [topic for topic, _ in listed],
        "partitions": [partition for _, partition in listed],
    }
