"""Users' filters as rows, for tests of what workers do with them: nobody owns these."""

from collections.abc import Callable, Mapping
from typing import Any

_MAKE = """
    WITH made AS (
        INSERT INTO user_filters (name, survey, description, is_public, wish, live_number,
            started_at, topic_state, digest, created_at, changed_at)
        SELECT u.name, %s, '', true, 'live', 1, clock_timestamp(), 'there', 'none', now(), now()
        FROM unnest(%s::text[]) AS u (name)
        RETURNING id, name
    ), versions AS (
        INSERT INTO user_filter_versions (filter_id, number, expression, created_at)
        SELECT made.id, 1, u.expression, now()
        FROM made JOIN unnest(%s::text[], %s::text[]) AS u (name, expression) USING (name)
    )
    SELECT name, id FROM made
"""


def make_live(
    execute: Callable[..., list[tuple[Any, ...]]], survey: str, expressions: Mapping[str, str]
) -> dict[str, int]:
    """Make live filters, whose topics count as there; return their ids by name.

    Parameters
    ----------
    execute : callable
        Takes a statement and its parameters, and returns the rows.
    survey : str
        Of all of them.
    expressions : mapping
        By name.
    """
    names, texts = list(expressions), list(expressions.values())
    return dict(execute(_MAKE, survey, names, names, texts))
