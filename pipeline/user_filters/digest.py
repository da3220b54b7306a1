"""What a filter caught in a night, told its owner by mail or in Slack when the night is over.

Each night is told once: mails wait in the outbox under a name that no second one gets, of Slack's
messages the deliveries are the proof, and a round that was cut off finds what is told.
"""

from collections import Counter
from datetime import UTC, date, datetime, timedelta
from typing import NamedTuple

import structlog

from broker.config import config
from broker.db import cursor, transaction
from broker.errors import TransientError
from broker.filter_book import book
from broker.operator_mail import outbox
from pipeline.clients.slack import slack
from pipeline.gw import deliver
from pipeline.gw.steps import StepFailed
from pipeline.surveys import survey as survey_named
from pipeline.user_filters.pause_mail import TEMPLATE
from pipeline.watch.letter import Letter, Part, as_message

KIND = "filter_night"
SHOWN = 20
OLDEST = timedelta(days=3)
"""A night that could not be told by then is old news."""
AT_ONCE = 200

_DUE = """
    SELECT n.filter_id, n.night, n.matched, n.delivered, f.name, f.survey, f.digest,
        (SELECT count(*) FROM filter_nights AS t JOIN user_filters AS o ON o.id = t.filter_id
            WHERE o.owner_id = f.owner_id AND t.digest_at > now() - interval '24 hours')
    FROM filter_nights AS n JOIN user_filters AS f ON f.id = n.filter_id
    WHERE n.digest_at IS NULL AND n.delivered > 0 AND n.night >= %s
        AND f.digest <> 'none' AND f.wish <> 'deleted'
    ORDER BY n.night, n.filter_id LIMIT %s
"""
_TOLD = "UPDATE filter_nights SET digest_at = now() WHERE filter_id = %s AND night = %s"
_CAUGHT = """
    SELECT o.object_id, a.alert_class, a.band, a.magpsf_abmag
    FROM filter_deliveries AS d
    JOIN alerts AS a ON a.survey = d.survey AND a.candid = d.candid
    JOIN objects AS o ON o.id = a.object_id
    WHERE d.filter_id = %s AND d.night = %s
    ORDER BY a.magpsf_abmag NULLS LAST LIMIT %s
"""

log = structlog.get_logger(__name__)


class Due(NamedTuple):
    """A night of a filter that is to be told; ``told`` counts what its owner was told in 24 h."""

    filter_id: int
    night: date
    matched: int
    delivered: int
    name: str
    survey: str
    digest: str
    told: int


def tell(now: datetime | None = None) -> None:
    """Tell the nights that are over and were not told; wants Django set up.

    An owner who was told of as many in 24 hours as may be is told of the rest later.
    """
    now = now or datetime.now(UTC)
    with transaction() as session, cursor(session) as cur:
        cur.execute(_DUE, ((now - OLDEST).date(), AT_ONCE))
        found = [Due(*row) for row in cur]
    told: Counter[str | None] = Counter()
    for due in found:
        owner = book().address(due.filter_id)
        if due.told + told[owner] >= config().user_filters.digests_per_day:
            continue
        if _is_over(due, now) and _bring(due):
            told[owner] += 1
            with transaction() as session, cursor(session) as cur:
                cur.execute(_TOLD, (due.filter_id, due.night))


def letter(due: Due) -> Letter:
    """Return what is told of a night."""
    with transaction() as session, cursor(session) as cur:
        cur.execute(_CAUGHT, (due.filter_id, due.night, SHOWN))
        rows = cur.fetchall()
    public_url = config().web.public_url
    lines = [
        f"{name}  {band or '?'} {'?' if mag is None else format(mag, '.2f')} AB mag, "
        f"{alert_class or 'no class'}  {public_url}/objects/{due.survey}/{name}"
        for name, alert_class, band, mag in rows
    ]
    title = f"{due.name}: {due.delivered:,} alerts in the night of {due.night}"
    parts = [
        Part(f"The brightest {len(lines)}" if due.delivered > len(lines) else "All", (*lines,))
    ]
    if due.matched > due.delivered:
        left = due.matched - due.delivered
        more = f"{left:,} more matched and were not sent: that is the limit."
        parts.append(Part("Not sent", (more,)))
    return Letter(
        title,
        (),
        (*parts,),
        f"{public_url}/filters/{due.name}",
        link="The filter's page: all of them, and how this is turned off",
        why="You asked for it on the filter's page.",
    )


def _is_over(due: Due, now: datetime) -> bool:
    """Tell whether a night's last local noon has passed."""
    return survey_named(due.survey).night(now) > due.night


def _bring(due: Due) -> bool:
    """Give it to everybody who has not got it; return whether all is done."""
    said = letter(due)
    key = f"{due.filter_id}:{due.night}"
    if due.digest in ("mail", "both") and (to := book().address(due.filter_id)):
        shown = {"letter": said, "is_mail": True}
        outbox().post_once(f"{KIND}:{key}", to, said.title, TEMPLATE, shown)
    channel = config().user_filters.slack_channel
    if due.digest in ("slack", "both") and channel and slack() is not None:
        address = deliver.Address(channel, KIND, key)
        if deliver.is_settled(address):
            return True
        try:
            deliver.post(address, as_message(said))
        except (StepFailed, TransientError) as error:
            log.warning("user_filter.night_not_told", filter=due.name, error=str(error))
            return False
    return True
