"""Messages as a listener hands them to an intake."""

from datetime import UTC, datetime
from typing import Any

from sqlalchemy.orm import Session

from broker.archive import Slice
from pipeline.gw.arrival import Arrival, Intake, Stored

NOW = datetime(2025, 12, 14, 9, 30, tzinfo=UTC)


def arrival(topic: str = "test", offset: int = 0, received_at: datetime = NOW) -> Arrival:
    return Arrival(
        topic=topic,
        source_id=1,
        partition=0,
        offset=offset,
        kafka_timestamp=received_at,
        received_at=received_at,
        slice=Slice(1, 0, 10, 7),
    )


def take(session: Session, intake: Intake[Any], raw: bytes, **given: Any) -> Stored:
    """Judge and store a message, as a listener would."""
    came = arrival(**given)
    stored = intake.store(session, intake.judge(raw, came.topic), came)
    session.flush()
    return stored
