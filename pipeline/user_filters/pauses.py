"""A filter that rests, by whom and why; its owner is told (``tell``) and may start it again."""

from collections.abc import Mapping

from sqlalchemy.orm import Session

from broker.db import cursor
from broker.db_arrays import BigInts

LIMIT, ERROR, COST, STAFF = "limit", "error", "cost", "staff"

_PAUSE = """
    INSERT INTO filter_states AS s (filter_id, paused_at, pause_reason, pause_text)
    SELECT u.id, clock_timestamp(), %s, u.why
    FROM unnest(%s::bigint[], %s::text[]) AS u (id, why) ORDER BY u.id
    ON CONFLICT (filter_id) DO UPDATE SET paused_at = EXCLUDED.paused_at,
        pause_reason = EXCLUDED.pause_reason, pause_text = EXCLUDED.pause_text, told_at = NULL
        WHERE s.paused_at IS NULL OR s.paused_at < (
            SELECT f.started_at FROM user_filters AS f WHERE f.id = s.filter_id
        )
"""


def pause(session: Session, why: Mapping[int, str], reason: str) -> None:
    """Let filters rest until their owners start them again; one that rests keeps its first reason.

    Parameters
    ----------
    session : Session
        Of an open transaction.
    why : mapping of int to str
        For the owner, by ``user_filters.id``.
    reason : str
        LIMIT, ERROR, COST or STAFF.
    """
    if why:
        with cursor(session) as cur:
            cur.execute(_PAUSE, (reason, BigInts.of(list(why)), list(why.values())))
