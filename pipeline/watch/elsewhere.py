"""What is amiss with a topic that a listener of ours reads on a broker of others."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from broker.errors import TransientError
from broker.kafka_unread import Unread
from pipeline.watch.alarm import NOTHING_WRITTEN, SILENT, UNREAD, Alarm

PROMPT = timedelta(hours=2)
"""A listener that stored nothing for so long, while messages wait, does not run."""


@dataclass(frozen=True)
class Heard:
    """What a listener had of a topic.

    Attributes
    ----------
    name : str
        Of the source, or of the topic.
    listener : str
        As ``manage.py listen`` takes it.
    new, written, failed, filtered : int
        Messages since a time: without those that had come before, and what became of them.
    last_at : datetime or None
        When the newest came, UTC; None: none since.
    is_wanted : bool
        It is to be read now: the settings say so, or it was in the week before.
    was_heard : bool
        It brought something in the week before.
    """

    name: str
    listener: str
    new: int
    written: int
    failed: int
    filtered: int
    last_at: datetime | None
    is_wanted: bool
    was_heard: bool


def alarm(
    heard: Heard, waits: Unread | TransientError, since: datetime, now: datetime
) -> Alarm | None:
    """Return what is amiss with a topic, None where nothing is.

    Parameters
    ----------
    heard : Heard
        What came since a time.
    waits : Unread or TransientError
        What its broker says of it; or why it says nothing. Old is what is older than ``PROMPT``.
    since, now : datetime
        UTC.
    """
    if heard.new and not heard.written:
        return nothing_written(heard)
    is_late = heard.last_at is None or heard.last_at < now - PROMPT
    if heard.is_wanted and is_late and isinstance(waits, Unread) and waits.old:
        return _unread(heard, waits, since)
    is_unknown = isinstance(waits, TransientError) and heard.is_wanted
    if heard.last_at is None and (heard.was_heard or is_unknown):
        return _silent(heard, waits, since)
    return None


def nothing_written(heard: Heard) -> Alarm:
    """Return the alarm of messages that all were unreadable or refused."""
    return Alarm(
        heard.name,
        NOTHING_WRITTEN,
        f"{heard.name} wrote nothing though {heard.new} messages came: {heard.failed} could not be"
        f" read, {heard.filtered} were refused by our own look.",
        f"Look at the dead letters of {heard.listener} in the admin: their reasons say what has"
        " changed. Where messages were refused, compare our thresholds with those of the sender's"
        " filter.",
    )


def _unread(heard: Heard, waits: Unread, since: datetime) -> Alarm:
    return Alarm(
        heard.name,
        UNREAD,
        f"{heard.name} stored nothing since {heard.last_at or since:%Y-%m-%d %H:%M} UTC, and"
        f" {waits.total} messages wait on its broker, {waits.old} of them for more than"
        f" {PROMPT.seconds // 3600} h.",
        f"Run make status: listen-{heard.listener} must run; its log says what hinders it.",
    )


def _silent(heard: Heard, waits: Unread | TransientError, since: datetime) -> Alarm:
    known = (
        f"its broker does not say how much waits: {waits}"
        if isinstance(waits, TransientError)
        else f"{waits.total} messages wait on its broker"
    )
    return Alarm(
        heard.name,
        SILENT,
        f"{heard.name} read nothing since {since:%Y-%m-%d %H:%M} UTC; {known}.",
        f"Is manage.py listen {heard.listener} running, and what does it say of its broker? Where"
        " nothing waits, nothing was sent: look at the sender's filter.",
    )
