"""What the last day brought: nights of selected alerts, Lasair's topics, copies on S3."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from broker.config import config
from broker.db import transaction
from pipeline.lasair.tables import IMAGE_KINDS, StampRequest
from pipeline.ledger import OPEN_STATES
from pipeline.s3 import query as s3
from pipeline.selected import query as selected
from pipeline.selected import retention_book
from pipeline.selected.tables import RetentionRun
from pipeline.watch.alarm import Alarm
from pipeline.watch.lasair_topics import LasairTopic, brought

DAY = timedelta(days=1)


@dataclass(frozen=True)
class Images:
    """What became of the images that were asked for.

    Attributes
    ----------
    present, waiting, missing : int
        On disk, still asked for, and given up. What our own packets lack is none of them.
    """

    present: int
    waiting: int
    missing: int


@dataclass(frozen=True)
class Summary:
    """What is told of a day.

    Attributes
    ----------
    since, until : datetime
        Alerts and Lasair's messages are counted in between, UTC: each in one morning.
    rows : int
        Alerts that were selected.
    nights : sequence of Night
        The UTC date before, which is closed, and this one so far.
    lasair : sequence of LasairTopic
        Every topic that is read, or was.
    images : Images
        Of Lasair's alerts.
    late : Late or None
        What S3 should have; None where there is no bucket.
    alarms : sequence of Alarm
        What is amiss.
    retention : sequence of RetentionRun
        What was deleted, the oldest first.
    """

    since: datetime
    until: datetime
    rows: int
    nights: Sequence[selected.Night]
    lasair: Sequence[LasairTopic]
    images: Images
    late: s3.Late | None
    alarms: Sequence[Alarm]
    retention: Sequence[RetentionRun]


def summarise(until: datetime, alarms: Sequence[Alarm]) -> Summary:
    """Return what the 24 h before a time brought.

    Parameters
    ----------
    until : datetime
        UTC.
    alarms : sequence of Alarm
        What is amiss.
    """
    since = until - DAY
    with transaction() as session:
        known = selected.nights(session)
        nights = [each for each in known if since.date() <= each.night <= until.date()]
        rows = selected.rows_between(session, since, until)
        lasair = brought(session, since, until)
        images = _images(session, since, until)
        deletions = retention_book.since(session, since)
    late = s3.late() if config().s3.bucket else None
    return Summary(since, until, rows, nights, lasair, images, late, alarms, deletions)


def _images(session: Session, since: datetime, until: datetime) -> Images:
    counts: Counter[str] = Counter()
    for kind in IMAGE_KINDS:
        here = getattr(StampRequest, f"{kind}_state") == "present"
        asked = select(here, StampRequest.state, func.count())
        asked = asked.where(StampRequest.created_at >= since, StampRequest.created_at < until)
        of_day = asked.group_by(here, StampRequest.state)
        for is_here, state, count in session.execute(of_day):
            counts["present" if is_here else state] += count
    missing = counts.total() - counts["present"] - counts["done"]
    waiting = sum(counts[state] for state in OPEN_STATES)
    return Images(counts["present"], waiting, missing - waiting)
