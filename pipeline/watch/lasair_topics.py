"""What each of Lasair's topics brought."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Select, func, select
from sqlalchemy.orm import InstrumentedAttribute, Session

from broker.config import config
from broker.dead_letters import DeadLetter
from pipeline import topics
from pipeline.lasair.tables import LasairAlert


@dataclass(frozen=True)
class LasairTopic:
    """What one of Lasair's filters sent.

    Attributes
    ----------
    name : str
        Of the topic.
    stored, failed : int
        Messages that became rows, and dead letters.
    last_at : datetime or None
        When the newest of both came, UTC.
    """

    name: str
    stored: int
    failed: int
    last_at: datetime | None = None


def brought(
    session: Session, since: datetime, until: datetime | None = None
) -> Sequence[LasairTopic]:
    """Return what each topic brought in a time: those that are read, and those that were.

    Parameters
    ----------
    session : Session
        Of an open transaction.
    since, until : datetime
        UTC; no end: until now.
    """
    stored = _by_topic(session, _in_time(LasairAlert.topic, LasairAlert.received_at, since, until))
    letters = _in_time(DeadLetter.topic, DeadLetter.first_seen_at, since, until)
    failed = _by_topic(session, letters.where(DeadLetter.stream == topics.LASAIR))
    read = {topic.name for topic in config().lasair.topics}
    return [
        _topic(name, stored.get(name), failed.get(name))
        for name in sorted(read | stored.keys() | failed.keys())
    ]


_Known = tuple[int, datetime]


def _topic(name: str, stored: _Known | None, failed: _Known | None) -> LasairTopic:
    known = [each for each in (stored, failed) if each is not None]
    last_at = max((at for _, at in known), default=None)
    return LasairTopic(name, stored[0] if stored else 0, failed[0] if failed else 0, last_at)


def _in_time(
    topic: InstrumentedAttribute[str],
    at: InstrumentedAttribute[datetime],
    since: datetime,
    until: datetime | None,
) -> Select[str, int, datetime]:
    counted = select(topic, func.count(), func.max(at)).where(at >= since).group_by(topic)
    return counted if until is None else counted.where(at < until)


def _by_topic(session: Session, statement: Select[str, int, datetime]) -> dict[str, _Known]:
    return {row[0]: (row[1], row[2]) for row in session.execute(statement)}
