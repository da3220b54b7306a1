"""Whether a stream's alerts are published; off, they are stored and wait until it is on again.

A range that ends while its stream is off, or while one of its messages cannot be made, leaves a row
that says where messages wait: nothing else would find them, since ``pending`` has no index and the
range itself is done.
"""

from dataclasses import dataclass

from sqlalchemy import text
from sqlalchemy.orm import Session

REST_S = 60
"""So long nobody tries again what could not be published."""

_IS_OFF = text("SELECT 1 FROM stream_switches WHERE stream = :stream AND NOT publishing")
_TURN = text("""
    INSERT INTO stream_switches (stream, publishing, changed_by, reason)
    VALUES (:stream, :publishing, :by, :reason)
    ON CONFLICT (stream) DO UPDATE SET publishing = :publishing, changed_by = :by,
        reason = :reason, changed_at = now()
    WHERE stream_switches.publishing <> :publishing
""")
_HOLD = text("""
    INSERT INTO held_ranges (stream, source_id, source_partition, first_offset, last_offset)
    VALUES (:stream, :source_id, :partition, :first, :last)
    ON CONFLICT (source_id, source_partition, first_offset)
    DO UPDATE SET last_offset = greatest(held_ranges.last_offset, :last)
""")
_HELD = text("""
    SELECT h.id, h.stream, s.topic, h.source_id, h.source_partition, h.first_offset, h.last_offset
    FROM held_ranges AS h
    JOIN sources AS s ON s.id = h.source_id
    WHERE NOT EXISTS (
        SELECT FROM stream_switches AS w WHERE w.stream = h.stream AND NOT w.publishing
    ) AND (h.tried_at IS NULL OR h.tried_at < now() - make_interval(secs => :rest_s))
    ORDER BY h.id LIMIT :most
""")
_REST = text("UPDATE held_ranges SET tried_at = now() WHERE id = :id")
_LET_GO = text("DELETE FROM held_ranges WHERE id = :id AND last_offset = :last")


@dataclass(frozen=True)
class Held:
    """Offsets, both ends included, under which messages wait."""

    id: int
    stream: str
    topic: str
    source_id: int
    partition: int
    first: int
    last: int


def is_publishing(session: Session, stream: str) -> bool:
    """Return whether the stream's alerts are published."""
    return session.execute(_IS_OFF, {"stream": stream}).first() is None


def turn(session: Session, stream: str, by: str, reason: str, *, publishing: bool) -> bool:
    """Turn a stream's publishing on or off; return whether that changed anything.

    A stream without a row is on: to turn it on changes nothing.
    """
    if publishing and is_publishing(session, stream):
        return False
    values = {"stream": stream, "publishing": publishing, "by": by, "reason": reason}
    return bool(session.execute(_TURN, values).rowcount)  # type: ignore[attr-defined] # of an INSERT


def hold(
    session: Session, stream: str, source_id: int, partition: int, first: int, last: int
) -> None:
    """Note that messages of these offsets wait."""
    places = {"source_id": source_id, "partition": partition, "first": first, "last": last}
    session.execute(_HOLD, {"stream": stream, **places})


def held(session: Session, most: int) -> list[Held]:
    """Return what waits of streams that are on, the oldest first; not what rests."""
    return [Held(*row) for row in session.execute(_HELD, {"most": most, "rest_s": REST_S})]


def rest(session: Session, waiting: Held) -> None:
    """Leave offsets in peace for a while: something there cannot be published yet."""
    session.execute(_REST, {"id": waiting.id})


def let_go(session: Session, waiting: Held) -> None:
    """Forget offsets under which nothing waits any more."""
    session.execute(_LET_GO, {"id": waiting.id, "last": waiting.last})
