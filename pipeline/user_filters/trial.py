"""Trials: an expression, or two side by side, on a past night, with what they would have caught.

The table is the ledger: a task works on a row under a lease, and a row whose worker died is taken
up by another.
"""

import secrets
import time
from dataclasses import dataclass, field
from datetime import date
from typing import Any

import numpy as np
import structlog
from celery.exceptions import SoftTimeLimitExceeded
from numpy.typing import NDArray
from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from broker.config import config
from broker.db import cursor, transaction
from pipeline.user_filters import night as nights
from pipeline.user_filters.check import checked, reads
from pipeline.user_filters.evaluate import mask
from pipeline.user_filters.night import Night
from pipeline.user_filters.stored import Rows, table
from pipeline.user_filters.tables import FilterTrial
from pipeline.user_filters.tree import Node

LEASE_S = 130
"""Above the hard limit of the queue ``trials``: whoever had it is dead by then."""
MOST_ATTEMPTS = 3
KEPT_MATCHES = 20_000
PROGRESS_EVERY_S = 0.5
KEY_BYTES = 12
ONE, OTHER = 1, 2
"""Bits of ``sides``."""

_CLAIM = """
    UPDATE filter_trials SET state = 'running', attempts = attempts + 1, done = 0,
        lease_until = clock_timestamp() + make_interval(secs => %s)
    WHERE id = %s AND attempts < %s AND (state = 'waiting'
        OR (state = 'running' AND lease_until < clock_timestamp()))
    RETURNING attempts
"""
_GIVE_UP = """
    UPDATE filter_trials SET state = 'failed', finished_at = now(),
        error = 'its worker died three times over it; tell the operators'
    WHERE state = 'running' AND lease_until < clock_timestamp() AND attempts >= %s
"""
_DUE = """
    SELECT id FROM (
        SELECT id, row_number() OVER (PARTITION BY owner ORDER BY id) AS turn
        FROM filter_trials
        WHERE state = 'waiting' OR (state = 'running' AND lease_until < clock_timestamp())
    ) AS waiting
    ORDER BY turn, id LIMIT %s
"""

log = structlog.get_logger(__name__)


class TrialRefusedError(ValueError):
    """A trial cannot be begun; the message says why."""


@dataclass
class Found:
    """What two expressions matched so far.

    Attributes
    ----------
    matched, other_matched, both_matched : int
        Alerts.
    candids, sides : list of arrays
        Of the first KEPT_MATCHES that matched either.
    """

    matched: int = 0
    other_matched: int = 0
    both_matched: int = 0
    kept: int = 0
    candids: list[NDArray[np.int64]] = field(default_factory=list)
    sides: list[NDArray[np.uint8]] = field(default_factory=list)

    def add(
        self, candid: NDArray[np.int64], one: NDArray[np.bool_], other: NDArray[np.bool_]
    ) -> None:
        """Count a chunk's matches, and keep the first of them."""
        self.matched += int(np.count_nonzero(one))
        self.other_matched += int(np.count_nonzero(other))
        self.both_matched += int(np.count_nonzero(one & other))
        at = np.flatnonzero(one | other)[: KEPT_MATCHES - self.kept]
        self.kept += len(at)
        self.candids.append(candid[at])
        self.sides.append((ONE * one[at] + OTHER * other[at]).astype(np.uint8))


def begin(
    session: Session,
    account_id: str,
    survey: str,
    night: date,
    expression: str,
    other: str | None = None,
    filter_name: str | None = None,
) -> FilterTrial:
    """Write a trial down; ring for it after the commit (``tasks.ring``).

    Raises
    ------
    ExpressionError
        If an expression makes no sense of the survey's columns.
    TrialRefusedError
        If the account has begun as many in this hour as it may.
    """
    for text in (expression, other):
        if text:
            checked(text, survey)
    most = config().user_filters.trials_per_hour
    recently = FilterTrial.created_at > func.now() - func.make_interval(0, 0, 0, 0, 1)
    begun = session.scalar(
        select(func.count()).where(FilterTrial.owner == account_id).where(recently)
    )
    if (begun or 0) >= most:
        raise TrialRefusedError(f"you have begun {most} trials in an hour; wait a little")
    row = FilterTrial(
        key=secrets.token_urlsafe(KEY_BYTES),
        owner=account_id,
        filter_name=filter_name,
        survey=survey,
        night=night,
        expression=expression,
        other=other or None,
    )
    session.add(row)
    session.flush()
    return row


def find(session: Session, account_id: str, key: str) -> FilterTrial | None:
    """Return an account's own trial."""
    wanted = select(FilterTrial).where(FilterTrial.key == key, FilterTrial.owner == account_id)
    return session.scalars(wanted).first()


def recent(session: Session, account_id: str, limit: int) -> list[FilterTrial]:
    """Return an account's trials, the newest first."""
    own = select(FilterTrial).where(FilterTrial.owner == account_id)
    return list(session.scalars(own.order_by(FilterTrial.id.desc()).limit(limit)))


def matches(row: FilterTrial) -> tuple[NDArray[np.int64], NDArray[np.uint8]]:
    """Return what a trial matched, by time: candids, and which expression it was (ONE, OTHER)."""
    return np.frombuffer(row.candids or b"", np.int64), np.frombuffer(row.sides or b"", np.uint8)


def due(most: int) -> list[int]:
    """Return the trials that nobody works on; each account's first before anybody's second."""
    with transaction() as session, cursor(session) as cur:
        cur.execute(_GIVE_UP, (MOST_ATTEMPTS,))
        cur.execute(_DUE, (most,))
        return [row[0] for row in cur]


def run(trial_id: int) -> None:
    """Try what a row says; safe to repeat, and beside a second copy of itself."""
    row = _claim(trial_id)
    if row is None:
        return
    began_s = time.monotonic()
    try:
        _try(row, began_s)
    except SoftTimeLimitExceeded:
        _fail(trial_id, "it took longer than a trial may; fewer columns are read faster")
    except Exception as error:
        # One that fails must say so to whoever waits, whatever it is.
        log.exception("user_filter.trial_failed", trial=trial_id)
        _fail(trial_id, f"it failed: {error!r}; the operators can see more in the log")


def _claim(trial_id: int) -> FilterTrial | None:
    with transaction() as session:
        with cursor(session) as cur:
            cur.execute(_CLAIM, (LEASE_S, trial_id, MOST_ATTEMPTS))
            if not cur.fetchall():
                return None
        row = session.get(FilterTrial, trial_id)
        if row is not None:
            session.expunge(row)
        return row


def _try(row: FilterTrial, began_s: float) -> None:
    tree = checked(row.expression, row.survey)
    other = checked(row.other, row.survey) if row.other else None
    wanted = reads(tree) | (reads(other) if other else frozenset())
    night = nights.plan(row.survey, row.night, config().user_filters.trial_alerts)
    _write(row.id, total=night.to_read)
    found, done, public = Found(), 0, 0
    said_s = time.monotonic()
    for chunk in nights.chunks(night, wanted):
        found.add(chunk.rows.candid, *_masks(tree, other, chunk.rows, wanted))
        done, public = done + chunk.seen, public + len(chunk.rows)
        if time.monotonic() - said_s >= PROGRESS_EVERY_S:
            _write(row.id, done=done, matched=found.matched, other_matched=found.other_matched)
            said_s = time.monotonic()
    _end(row.id, found, night, done, public, time.monotonic() - began_s)


def _masks(
    tree: Node, other: Node | None, rows: Rows, wanted: frozenset[str]
) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    columns = table(rows, wanted)
    one = mask(tree, columns)
    return one, mask(other, columns) if other else np.zeros(len(rows), np.bool_)


def _write(trial_id: int, **values: Any) -> None:
    with transaction() as session:
        session.execute(update(FilterTrial).where(FilterTrial.id == trial_id).values(**values))


def _end(trial_id: int, found: Found, night: Night, done: int, public: int, took_s: float) -> None:
    values = {
        "state": "done",
        "done": done,
        "total": public,
        "night_total": round(public / night.share),
        "matched": found.matched,
        "other_matched": found.other_matched,
        "both_matched": found.both_matched,
        "candids": b"".join(each.tobytes() for each in found.candids),
        "sides": b"".join(each.tobytes() for each in found.sides),
        "finished_at": func.now(),
        "took_s": took_s,
    }
    _write(trial_id, **values)
    log.info("user_filter.trial", trial=trial_id, alerts=done, matched=found.matched, took_s=took_s)


def _fail(trial_id: int, why: str) -> None:
    _write(trial_id, state="failed", error=why, finished_at=func.now())
