"""Account for offsets that Kafka forgot before anybody read them."""

from datetime import date

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
    night: date | None,
) -> None:
    """Record the offsets ``first`` to ``last`` (inclusive) as one dead letter.

    Nobody has read them, and nobody knows when they came: ``night`` is that of when it was noticed.
    """
    letter = dead_letters.Letter(
        partition=partition,
        offset=first,
        last_offset=last,
        reason="expired_offsets",
        message=f"offsets {first} to {last} ({last - first + 1}): {why}",
        night=night,
    )
    dead_letters.bury(session, stream, topic, source_id, [letter])
