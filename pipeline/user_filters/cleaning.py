"""What of users' filters is deleted with time, a bounded number of rows at once."""

from sqlalchemy import text

from broker.config import config
from broker.db import transaction

BATCH = 10_000
STATEMENT_S = 60

_ROWS = {
    "trials": """
        DELETE FROM filter_trials WHERE id IN (
            SELECT t.id FROM filter_trials AS t
            LEFT JOIN babamul_users AS u ON u.id::text = t.owner AND u.state = 'active'
            WHERE t.created_at < now() - make_interval(days => :trial_days) OR u.id IS NULL
            LIMIT :batch)
    """,
    "deliveries": """
        DELETE FROM filter_deliveries WHERE id IN (
            SELECT d.id FROM filter_deliveries AS d
            LEFT JOIN user_filters AS f ON f.id = d.filter_id AND f.wish <> 'deleted'
            WHERE (d.night < current_date - :match_days OR f.id IS NULL) AND NOT d.pending
            LIMIT :batch)
    """,
    "nights": """
        DELETE FROM filter_nights WHERE id IN (
            SELECT n.id FROM filter_nights AS n
            LEFT JOIN user_filters AS f ON f.id = n.filter_id AND f.wish <> 'deleted'
            WHERE f.id IS NULL LIMIT :batch)
    """,
    "states": """
        DELETE FROM filter_states WHERE id IN (
            SELECT s.id FROM filter_states AS s
            LEFT JOIN user_filters AS f ON f.id = s.filter_id AND f.wish <> 'deleted'
            WHERE f.id IS NULL LIMIT :batch)
    """,
}
"""Nights themselves stay as long as their filter: they are few, and its page draws them."""


def clean() -> dict[str, int]:
    """Delete what is too old, or belongs to a filter or an account that is gone.

    Returns
    -------
    dict of str to int
        Rows of each kind.
    """
    settings = config().user_filters
    values = {
        "trial_days": settings.keep_trials_days,
        "match_days": settings.keep_matches_days,
        "batch": BATCH,
    }
    gone = {}
    for name, statement in _ROWS.items():
        with transaction(statement_timeout_s=STATEMENT_S) as session:
            result = session.execute(text(statement), values)
            gone[name] = int(getattr(result, "rowcount", 0))
    return gone
