"""Tell operators in Slack of messages that could not be read, once for each cause and hour.

A stream that has gone bad buries many messages a minute: the first of an hour is told, the others
are counted in the admin. The dead letters are the record, so a warning that could not be posted is
posted by a later round.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import structlog
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from broker.config import config
from broker.db import transaction
from broker.dead_letters import DeadLetter
from broker.errors import TransientError
from pipeline.clients.slack import slack
from pipeline.gw import blocks, deliver
from pipeline.gw.blocks import Message, escape
from pipeline.gw.steps import StepFailed
from pipeline.topics import NOTICE_STREAMS

DELIVERY = "bad_notice"
LOOK_BACK = timedelta(hours=2)
"""What is older is yesterday's news to whoever starts a system again."""
ADMIN_PATH = "/admin/pipeline/deadletter/"
LONGEST_CAUSE = 500
_STREAMS = tuple(stream.name for stream in NOTICE_STREAMS)

log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Buried:
    """Messages of one stream that were buried for one reason within one hour.

    Attributes
    ----------
    stream, reason : str
        As in ``dead_letters``.
    hour : datetime
        Its beginning, UTC.
    count : int
        So far.
    topic, cause : str
        Of the first of them.
    """

    stream: str
    reason: str
    hour: datetime
    count: int
    topic: str
    cause: str

    @property
    def key(self) -> str:
        """Return what makes its warning one."""
        return f"{self.stream}:{self.reason}:{self.hour:%Y-%m-%dT%H}"


def warn() -> None:
    """Post the warnings that are due; safe to repeat, and beside a second copy of itself."""
    channel = config().slack.operators_channel
    if not channel or slack() is None:
        return
    with transaction() as session:
        due = buried_since(session, datetime.now(UTC) - LOOK_BACK)
    for buried in due:
        address = deliver.Address(channel, DELIVERY, buried.key)
        if deliver.is_settled(address):
            continue
        try:
            deliver.post(address, warning(buried))
        except (StepFailed, TransientError) as error:
            log.warning("bad_notice.not_told", key=buried.key, error=str(error))


def buried_since(session: Session, since: datetime) -> list[Buried]:
    """Return what was buried since a time, the oldest first."""
    hour = func.date_trunc("hour", DeadLetter.first_seen_at, "UTC")
    first = func.min(DeadLetter.id)
    groups = (
        select(hour.label("hour"), func.count().label("count"), first.label("first"))
        .where(DeadLetter.stream.in_(_STREAMS), DeadLetter.first_seen_at >= since)
        .group_by(DeadLetter.stream, DeadLetter.reason, hour)
        .subquery()
    )
    rows = session.execute(
        select(groups.c.hour, groups.c.count, DeadLetter)
        .join(DeadLetter, DeadLetter.id == groups.c.first)
        .order_by(DeadLetter.id)
    )
    return [
        Buried(row.stream, row.reason, hour.astimezone(UTC), count, row.topic, row.message)
        for hour, count, row in rows
    ]


def warning(buried: Buried) -> Message:
    """Return what operators read."""
    stream, reason = buried.stream, buried.reason
    title = f"⚠️ A message of {stream} could not be read: {reason}"
    url = f"{config().web.public_url}{ADMIN_PATH}?stream__exact={stream}"
    many = f"{buried.count} such messages so far. " if buried.count > 1 else ""
    until = f"{buried.hour + timedelta(hours=1):%H:%M} UTC"
    lines = (
        f"*Topic:* {escape(buried.topic)}",
        f"*Cause:* {escape(buried.cause, LONGEST_CAUSE)}",
        f"{many}Nobody is told of what it says; the stream goes on.",
        f"More of this kind are not told before {until}: {blocks.link(url, 'dead letters')}.",
    )
    return blocks.message(f"{title}: {buried.cause}", blocks.header(title), blocks.section(lines))
