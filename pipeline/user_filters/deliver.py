"""What filters caught, as rows that wait for Kafka and are cleared when it has them.

A row comes into being in the transaction that stores its alert, so that no death of a worker loses
a match, and only with a new alert, so that none doubles it.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from psycopg import Cursor
from sqlalchemy.orm import Session

from broker.db import cursor
from broker.db_arrays import BigInts, Ints
from broker.filter_book import TOPIC_PREFIX
from pipeline.user_filters import pauses
from pipeline.user_filters.live import Caught, LiveFilter

_COUNT = """
    INSERT INTO filter_nights AS n (filter_id, night, matched, delivered)
    SELECT u.id, u.night, u.matched, least(u.matched, %(most)s)
    FROM unnest(%(ids)s::bigint[], %(nights)s::date[], %(matched)s::int[])
        AS u (id, night, matched)
    ORDER BY u.id, u.night
    ON CONFLICT (filter_id, night) DO UPDATE SET matched = n.matched + EXCLUDED.matched,
        delivered = n.delivered + greatest(0, least(EXCLUDED.matched, %(most)s - n.matched))
    RETURNING filter_id, night, matched
"""
"""Rows are locked in one order, and late: two workers wait for each other only from here on."""
_INSERT = """
    INSERT INTO filter_deliveries (filter_id, version, alert_id, survey, candid, night)
    SELECT u.filter_id, u.version, u.alert_id, %s, u.candid, u.night
    FROM unnest(%s::bigint[], %s::int[], %s::bigint[], %s::bigint[], %s::date[])
        AS u (filter_id, version, alert_id, candid, night)
    ON CONFLICT DO NOTHING
"""
_WAITING = """
    SELECT d.id, d.alert_id, d.version, f.name, f.topic_state IN ('wanted', 'there')
    FROM filter_deliveries AS d LEFT JOIN user_filters AS f ON f.id = d.filter_id
    WHERE d.alert_id = ANY(%s) AND d.pending ORDER BY d.id
"""
_MARK = """
    UPDATE filter_deliveries SET pending = false,
        published_at = CASE WHEN id = ANY(%s) THEN now() ELSE published_at END
    WHERE id = ANY(%s)
"""
_ASK_AGAIN = """
    UPDATE filter_deliveries SET pending = true
    WHERE alert_id = ANY(%s) AND NOT pending AND (%s OR published_at IS NULL)
"""


class Waiting(NamedTuple):
    """One alert that waits for one filter's topic: ``filter_deliveries.id``, filter and version."""

    delivery_id: int
    name: str
    version: int

    @property
    def topic(self) -> str:
        """Return where it goes."""
        return TOPIC_PREFIX + self.name

    @property
    def headers(self) -> list[tuple[str, bytes]]:
        """Return what its message says beside those of a public topic."""
        return [("filter", self.name.encode()), ("filter_version", str(self.version).encode())]


@dataclass(frozen=True)
class Found:
    """What waits of some alerts.

    Attributes
    ----------
    waiting : mapping of int to list of Waiting
        By ``alerts.id``.
    void : list of int
        Deliveries whose topic is gone: nobody will ever read them.
    """

    waiting: Mapping[int, list[Waiting]]
    void: list[int]


NOTHING_FOUND = Found({}, [])


@dataclass(frozen=True)
class Stored:
    """New alerts among the rows that were judged.

    Attributes
    ----------
    at : int64[m]
        Positions among the rows.
    alert_id, candid : int64[m]
        ``alerts.id`` and the alert's own.
    night : list of date
        Of each.
    """

    at: NDArray[np.int64]
    alert_id: NDArray[np.int64]
    candid: NDArray[np.int64]
    night: list[date]


def record(session: Session, survey: str, caught: Caught, stored: Stored, most: int) -> int:
    """Let what filters caught among new alerts wait for their topics; return how many do.

    Parameters
    ----------
    session : Session
        Of the transaction that stores the alerts.
    survey : str
        Of all of them.
    caught : Caught
        What was judged.
    stored : Stored
        Which of the rows are new.
    most : int
        Messages that a filter may send in a night; one that would send more is paused.
    """
    caught_at = [(one, np.flatnonzero(found[stored.at]).tolist()) for one, found in caught.masks]
    by_night: dict[tuple[int, date], list[int]] = defaultdict(list)
    versions: dict[int, LiveFilter] = {}
    for one, positions in caught_at:
        versions[one.id] = one
        for position in positions:
            by_night[one.id, stored.night[position]].append(position)
    granted = _granted(session, by_night, versions, most) if by_night else {}
    pauses.pause(session, caught.failed, pauses.ERROR)  # behind the counts: locks in one order
    if not granted:
        return 0
    rows = [
        (filter_id, versions[filter_id].version, position, night)
        for (filter_id, night), positions in granted.items()
        for position in positions
    ]
    with cursor(session) as cur:
        cur.execute(
            _INSERT,
            (
                survey,
                BigInts.of([row[0] for row in rows]),
                Ints.of([row[1] for row in rows]),
                BigInts.of(stored.alert_id[[row[2] for row in rows]]),
                BigInts.of(stored.candid[[row[2] for row in rows]]),
                [row[3] for row in rows],
            ),
        )
    return len(rows)


def _granted(
    session: Session,
    by_night: Mapping[tuple[int, date], list[int]],
    filters: Mapping[int, LiveFilter],
    most: int,
) -> dict[tuple[int, date], list[int]]:
    """Count what was caught; return what of it may be sent, and pause filters that had more."""
    keys = sorted(by_night)
    with cursor(session) as cur:
        cur.execute(
            _COUNT,
            {
                "ids": BigInts.of([key[0] for key in keys]),
                "nights": [key[1] for key in keys],
                "matched": Ints.of([len(by_night[key]) for key in keys]),
                "most": most,
            },
        )
        counted = {(row[0], row[1]): row[2] for row in cur}
    granted, beyond = {}, {}
    for key, positions in by_night.items():
        before = counted[key] - len(positions)
        granted[key] = positions[: max(0, most - before)]
        if len(granted[key]) < len(positions):
            beyond[key[0]] = (
                f"version {filters[key[0]].version} caught more than {most:,} alerts in the night "
                f"of {key[1]}, which is all that a filter may send in a night"
            )
    pauses.pause(session, beyond, pauses.LIMIT)
    return granted


def waiting(cur: Cursor[Any], alert_ids: Sequence[int]) -> Found:
    """Return what waits of these alerts (``alerts.id``) for the topics of filters."""
    cur.execute(_WAITING, (BigInts.of(list(alert_ids)),))
    found: dict[int, list[Waiting]] = defaultdict(list)
    void = []
    for delivery_id, alert_id, version, name, has_topic in cur.fetchall():
        if has_topic:
            found[alert_id].append(Waiting(delivery_id, name, version))
        else:
            void.append(delivery_id)
    return Found(found, void)


def ask_again(cur: Cursor[Any], alert_ids: Sequence[int], *, all_of_them: bool) -> None:
    """Let deliveries of alerts wait once more: all of them, or those that were never sent."""
    cur.execute(_ASK_AGAIN, (BigInts.of(list(alert_ids)), all_of_them))


def mark(cur: Cursor[Any], sent: Sequence[int], given_up: Sequence[int]) -> None:
    """Clear deliveries that Kafka has, and those that it never will have."""
    if sent or given_up:
        cur.execute(_MARK, (BigInts.of(list(sent)), BigInts.of([*sent, *given_up])))
