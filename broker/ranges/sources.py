"""Which row of ``sources`` stands for a topic as it is now."""

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from broker.errors import TransientError
from broker.ranges.tables import Source, StreamPartition


def source_id(session: Session, stream: str, topic: str, partition: int) -> int:
    """Return ``sources.id`` of a topic under the Kafka id that its listener last saw.

    When the bookkeeping was emptied, the newest known source of that name stands in until the
    listener is back.

    Raises
    ------
    TransientError
        If no listener has seen the topic yet.
    """
    topic_id = session.scalar(
        select(StreamPartition.topic_id).where(
            StreamPartition.stream == stream,
            StreamPartition.topic == topic,
            StreamPartition.partition == partition,
        )
    )
    if topic_id is not None:
        session.execute(
            insert(Source)
            .values(stream=stream, topic=topic, topic_id=topic_id)
            .on_conflict_do_nothing()
        )
    known = select(Source.id).where(Source.stream == stream, Source.topic == topic)
    if topic_id is not None:
        known = known.where(Source.topic_id == topic_id)
    found = session.scalar(known.order_by(Source.id.desc()).limit(1))
    if found is None:
        raise TransientError(f"{topic}[{partition}] of {stream}: no listener has seen it yet")
    return found
