"""Tell the owner of a filter that it rests, and why: each pause once, whatever dies meanwhile."""

from datetime import datetime
from typing import NamedTuple

import structlog

from broker.config import config
from broker.db import cursor, transaction
from broker.filter_book import book
from broker.operator_mail import outbox
from pipeline.user_filters import pauses
from pipeline.watch.letter import Letter, Part

TEMPLATE = "pipeline/mail/letter"
ONCE = "filter_paused"
AT_ONCE = 100

_UNTOLD = """
    SELECT s.filter_id, f.name, s.paused_at, s.pause_reason, s.pause_text
    FROM filter_states AS s JOIN user_filters AS f ON f.id = s.filter_id
    WHERE s.paused_at >= f.started_at AND s.told_at IS NULL AND f.wish = 'live'
    ORDER BY s.paused_at LIMIT %s
"""
_TOLD = """
    UPDATE filter_states SET told_at = now() WHERE filter_id = %s AND paused_at = %s
"""
_TO_DO = {
    pauses.LIMIT: "Let a new version catch less, try it on this night, and start it.",
    pauses.ERROR: "Look at the expression, and start it again or make a new version.",
    pauses.COST: "A shorter expression is faster; or start it again when fewer alerts come.",
    pauses.STAFF: "Ask the operators before you start it again.",
}

log = structlog.get_logger(__name__)


class Pause(NamedTuple):
    """A filter that was paused, and whose owner does not know."""

    filter_id: int
    name: str
    paused_at: datetime
    reason: str
    text: str


def tell() -> None:
    """Write the mails that are due; wants Django set up."""
    with transaction() as session, cursor(session) as cur:
        cur.execute(_UNTOLD, (AT_ONCE,))
        found = [Pause(*row) for row in cur]
    for pause in found:
        to = book().address(pause.filter_id)
        if to is not None:
            said = letter(pause)
            once = f"{ONCE}:{pause.filter_id}:{pause.paused_at.isoformat()}"
            shown = {"letter": said, "is_mail": True}
            outbox().post_once(once, to, said.title, TEMPLATE, shown)
        with transaction() as session, cursor(session) as cur:
            cur.execute(_TOLD, (pause.filter_id, pause.paused_at))
        log.info("user_filter.pause_told", filter=pause.name, has_address=to is not None)


def letter(pause: Pause) -> Letter:
    """Return what the owner reads."""
    url = f"{config().web.public_url}/filters/{pause.name}"
    what = (
        f"{pause.text}.",
        "It catches nothing until you start it again. What it had caught before is still sent.",
    )
    at = f"{pause.paused_at:%Y-%m-%d %H:%M} UTC"
    return Letter(
        f"Your filter {pause.name} is paused",
        (_TO_DO[pause.reason],),
        (Part(f"Since {at}", what),),
        url,
        link="The filter's page",
        why="You own this filter.",
    )
