"""Which row of ``sources`` stands for a topic as it is now."""

from sqlalchemy import func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from broker.errors import TransientError
from broker.ranges.tables import Source, StreamPartition


def source_id(session: Session, stream: str, topic: str, partition: int) -> int:
    """Return ``sources.id`` of a topic's log as its listener last saw it.

    When the bookkeeping was emptied, the newest known source of that name stands in until the
    listener is back.

    Raises
    ------
    TransientError
        If no listener has seen the topic yet.
    """
    seen = session.execute(
        select(StreamPartition.topic_id, StreamPartition.resets).where(
            StreamPartition.stream == stream,
            StreamPartition.topic == topic,
            StreamPartition.partition == partition,
        )
    ).one_or_none()
    if seen is not None and seen.topic_id is not None:
        return known_source(session, stream, topic, seen.topic_id, seen.resets)
    newest = select(func.max(Source.id)).where(Source.stream == stream, Source.topic == topic)
    found = session.scalar(newest)
    if found is None:
        raise TransientError(f"{topic}[{partition}] of {stream}: no listener has seen it yet")
    return found


def known_source(session: Session, stream: str, topic: str, topic_id: str, resets: int = 0) -> int:
    """Return ``sources.id`` of one log of a topic, made when missing.

    Looked for first: an INSERT that comes to nothing uses up a number, and there is one per range.
    """
    wanted = {"stream": stream, "topic": topic, "topic_id": topic_id, "resets": resets}
    known = select(Source.id).filter_by(**wanted)
    found = session.scalar(known)
    if found is None:
        session.execute(insert(Source).values(wanted).on_conflict_do_nothing())
        found = session.scalars(known).one()
    return found


def known_resets(session: Session, stream: str, topic: str, topic_id: str) -> int:
    """Return how often a log of this topic became shorter, as far as ``sources`` knows.

    For a partition whose bookkeeping was emptied: it may be another partition's number, which is
    higher than its own, and never one under which its offsets were other packets.
    """
    seen = select(func.max(Source.resets)).where(
        Source.stream == stream, Source.topic == topic, Source.topic_id == topic_id
    )
    return session.scalar(seen) or 0


def is_made_anew(session: Session, stream: str, topic: str, topic_id: str) -> bool:
    """Return whether packets came from this topic under other ids of Kafka's, and none under this.

    What a consumer group had committed then counts offsets of a log that is gone.
    """
    ids = select(Source.topic_id).where(Source.stream == stream, Source.topic == topic).distinct()
    known = set(session.scalars(ids))
    return bool(known) and topic_id not in known
