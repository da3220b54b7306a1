"""Topics that were deleted before all of their offsets were worked."""

from datetime import date

from sqlalchemy import text
from sqlalchemy.orm import Session

from broker.ranges import bookkeeping

_UNFINISHED_TOPICS = text("""
    SELECT DISTINCT topic FROM stream_partitions
    WHERE stream = :stream AND (committed_offset IS NULL OR committed_offset < high_offset)
""")
_LOCK_TOPIC = text("""
    SELECT partition, epoch, pg_postmaster_start_time(), topic_id, committed_offset, high_offset,
        resets
    FROM stream_partitions
    WHERE stream = :stream AND topic = :topic FOR UPDATE
""")
_RETIRE = text("""
    UPDATE stream_partitions SET owner = NULL, committed_offset = high_offset, updated_at = now()
    WHERE stream = :stream AND topic = :topic
""")


def unfinished_topics(session: Session, stream: str) -> list[str]:
    """Return the topics that have offsets which are not committed."""
    return list(session.scalars(_UNFINISHED_TOPICS, {"stream": stream}))


def retire_topic(session: Session, stream: str, topic: str, night: date | None = None) -> None:
    """Bury what was unfinished of a topic that no longer exists."""
    for partition, *row in session.execute(_LOCK_TOPIC, {"stream": stream, "topic": topic}).all():
        bookkeeping.forget(
            session,
            stream,
            (topic, partition),
            bookkeeping.Taken(*row),
            "the topic was deleted",
            night,
        )
    session.execute(_RETIRE, {"stream": stream, "topic": topic})
