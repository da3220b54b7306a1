"""Tell each morning what the night brought, and what is amiss: each once, whatever dies meanwhile.

Mails wait in the outbox under a name that no second one gets; of Slack's messages the deliveries
are the proof. A round that was cut off is made again five minutes later, and finds what is told.
"""

from collections.abc import Iterable
from datetime import UTC, date, datetime, time

import structlog

from broker.config import config
from broker.errors import TransientError
from broker.operator_mail import outbox
from pipeline.clients.slack import slack
from pipeline.gw import deliver
from pipeline.gw.steps import StepFailed
from pipeline.watch import letter
from pipeline.watch.alarm import REASONS
from pipeline.watch.alarms import look
from pipeline.watch.letter import Letter
from pipeline.watch.summary import DAY, summarise

SUMMARY, ALARM, ENDED = "morning", "alarm", "alarm_ended"
"""Kinds of deliveries, and of mails."""
TEMPLATE = "pipeline/mail/letter"

log = structlog.get_logger(__name__)


def tell(now: datetime) -> None:
    """Tell what is due; safe to repeat. Wants Django set up.

    Parameters
    ----------
    now : datetime
        UTC.
    """
    if not (config().watch.mail_to or channel()):
        return
    until = morning(now)
    day, url = until.date(), config().web.public_url
    seen = look(until - DAY, now)
    for alarm in seen.alarms:
        _bring(ALARM, f"{day}:{alarm.name}", letter.of_alarm(alarm, url))
    _tell_ended(day, seen.well, url)
    if not _is_told(SUMMARY, str(day)):
        _bring(SUMMARY, str(day), letter.of_summary(summarise(until, seen.alarms), url))


def morning(now: datetime) -> datetime:
    """Return the newest time at which a summary was due, UTC."""
    today = datetime.combine(now.date(), time(config().watch.hour_utc), UTC)
    return today if today <= now else today - DAY


def _tell_ended(day: date, well: Iterable[str], url: str) -> None:
    """Say of sources that were amiss today that they are no more."""
    for source in well:
        for reason in REASONS:
            key = f"{day}:{source}:{reason}"
            if _was_told_somebody(ALARM, key):
                _bring(ENDED, key, letter.of_end(source, url))


def _bring(kind: str, key: str, said: Letter) -> None:
    """Give a letter to everybody who has not got it."""
    shown = {"letter": said, "is_mail": True}
    for to in config().watch.mail_to:
        outbox().post_once(_once(kind, key, to), to, said.title, TEMPLATE, shown)
    address = _address(kind, key)
    if address is None or deliver.is_settled(address):
        return
    try:
        deliver.post(address, letter.as_message(said))
    except (StepFailed, TransientError) as error:
        log.warning("watch.not_told", kind=kind, key=key, error=str(error))


def _is_told(kind: str, key: str) -> bool:
    address = _address(kind, key)
    mails = (_once(kind, key, to) for to in config().watch.mail_to)
    return (address is None or deliver.is_settled(address)) and all(map(outbox().was_posted, mails))


def _was_told_somebody(kind: str, key: str) -> bool:
    address = _address(kind, key)
    mails = (_once(kind, key, to) for to in config().watch.mail_to)
    return (address is not None and deliver.is_sent(address)) or any(
        map(outbox().was_posted, mails)
    )


def channel() -> str:
    """Return the Slack channel that is told; empty: none."""
    settings = config()
    found = settings.watch.channel or settings.slack.operators_channel
    return found if slack() is not None else ""


def _address(kind: str, key: str) -> deliver.Address | None:
    found = channel()
    return deliver.Address(found, kind, key) if found else None


def _once(kind: str, key: str, to: str) -> str:
    return f"{kind}:{key}:{to}"
