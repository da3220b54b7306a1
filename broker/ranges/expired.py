"""Account for offsets that Kafka forgot before anybody read them."""

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from broker import dead_letters
from broker.ranges.tables import Source


def bury_interval(
    session: Session,
    stream: str,
    topic: str,
    topic_id: str | None,
    partition: int,
    first: int,
    last: int,
    why: str,
) -> None:
    """Record the offsets ``first`` to ``last`` (inclusive) as one dead letter."""
    letter = dead_letters.Letter(
        partition=partition,
        offset=first,
        last_offset=last,
        reason="expired_offsets",
        message=f"offsets {first} to {last} ({last - first + 1}): {why}",
    )
    source_id = known_source(session, stream, topic, topic_id or "")
    dead_letters.bury(session, stream, topic, source_id, [letter])


def known_source(session: Session, stream: str, topic: str, topic_id: str) -> int:
    """Return ``sources.id`` of a topic under one of Kafka's ids, made when missing."""
    session.execute(
        insert(Source)
        .values(stream=stream, topic=topic, topic_id=topic_id)
        .on_conflict_do_nothing()
    )
    return session.scalars(
        select(Source.id).where(
            Source.stream == stream, Source.topic == topic, Source.topic_id == topic_id
        )
    ).one()
