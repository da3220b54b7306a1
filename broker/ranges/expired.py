"""Account for offsets that Kafka forgot before anybody read them."""

from sqlalchemy.orm import Session

from broker import dead_letters


def bury_interval(
    session: Session,
    stream: str,
    topic: str,
    source_id: int,
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
    dead_letters.bury(session, stream, topic, source_id, [letter])
