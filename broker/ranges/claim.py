"""What a worker does to its range's row: take it, keep it, finish it, give it back.

Every statement but the claim carries ``owner = me AND attempts = mine``: a worker that was frozen
past its lease cannot touch the row of its successor. Leases use Postgres' clock alone.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

import psycopg
import structlog
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from broker import dead_letters
from broker.config import config
from broker.db import transaction
from broker.errors import TransientError
from broker.ranges.planning import release_delay_s
from broker.ranges.replays import replay_source_id
from broker.ranges.sources import source_id

CUT_AT_ATTEMPT = 2
"""A range of several that has failed once is cut into single packets."""
BURY_AT_ATTEMPT = 5
"""A single packet that has failed four times is buried (at 3 or 4, innocents were: measured)."""
ERROR_CHARACTERS = 500
RELEASE_PATIENCE_S = 8.0
"""Below the 10 s between a task's soft and hard limit; a crashed Postgres needs 0.1 to 4 s."""
RELEASE_PAUSE_S = 0.5
ONE_SHOT_TIMEOUT_S = 5

log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Claim:
    """A worker's hold on a range; ``first`` and ``last`` are inclusive."""

    stream: str
    topic: str
    partition: int
    replay_id: int
    first: int
    last: int
    attempts: int
    owner: str
    releases: int = 0
    """Times that it was given back for want of a server."""


@dataclass(frozen=True)
class Counts:
    """What became of a range's packets."""

    read: int = 0
    stored: int = 0
    duplicate: int = 0
    dead: int = 0
    published: int = 0


Arrived = Callable[[Claim], tuple[datetime | None, date]]
"""When a packet came (Kafka's timestamp, None where it is not to be had), and its night."""

_KEY = """stream = :stream AND topic = :topic AND partition = :partition
    AND replay_id = :replay_id AND first_offset = :first"""
_MINE = (
    _KEY + " AND state = 'running' AND owner = :owner AND attempts = :attempts"
    # A task delivered twice has one id: emptied bookkeeping may let both claim, unequal ranges.
    " AND last_offset = :last"
)

_CLAIM = text(f"""
    UPDATE stream_ranges SET state = 'running', owner = :owner, claimed_at = now(),
        lease_until = now() + make_interval(secs => :lease_s),
        attempts = attempts + CASE
            WHEN state = 'running' AND pg_postmaster_start_time() > claimed_at THEN 0 ELSE 1 END
    WHERE {_KEY} AND (state = 'queued' OR (state = 'running' AND lease_until < now()))
    RETURNING last_offset, attempts, releases, error
""")  # noqa: S608 the key is a constant of this module
_LOCK_MINE = text(f"SELECT 1 FROM stream_ranges WHERE {_MINE} FOR UPDATE")  # noqa: S608
_FINISH = text(f"""
    UPDATE stream_ranges SET state = 'done', done_at = now(), lease_until = NULL,
        read_count = :read, stored_count = :stored, duplicate_count = :duplicate,
        dead_count = :dead, published_count = :published
    WHERE {_MINE}
""")  # noqa: S608
_RELEASE_INFRASTRUCTURE = text(f"""
    UPDATE stream_ranges SET state = 'queued', owner = NULL, lease_until = NULL, error = :error,
        attempts = greatest(attempts - 1, 0), releases = least(releases + 1, 30000),
        ring_at = now() + make_interval(secs => :rest_s)
    WHERE {_MINE}
""")  # noqa: S608
_RELEASE = text(f"""
    UPDATE stream_ranges SET state = 'queued', owner = NULL, lease_until = NULL, error = :error,
        ring_at = now()
    WHERE {_MINE}
""")  # noqa: S608
_SHORTEN = text(f"""
    UPDATE stream_ranges SET state = 'queued', owner = NULL, lease_until = NULL, attempts = 1,
        last_offset = first_offset, ring_at = now()
    WHERE {_MINE}
""")  # noqa: S608
_INSERT_SINGLES = text("""
    INSERT INTO stream_ranges
        (stream, topic, partition, replay_id, first_offset, last_offset, attempts, error)
    SELECT :stream, :topic, :partition, :replay_id, single, single, 1, :error
    FROM generate_series(CAST(:first AS bigint) + 1, CAST(:last AS bigint)) AS single
    ON CONFLICT DO NOTHING
""")
_FREE = """
    UPDATE stream_ranges SET state = 'queued', owner = NULL, lease_until = NULL, error = %(error)s,
        ring_at = now()
    WHERE stream = %(stream)s AND topic = %(topic)s AND partition = %(partition)s
        AND replay_id = %(replay_id)s AND first_offset = %(first)s
        AND state = 'running' AND owner = %(owner)s
"""


def claim(
    stream: str,
    topic: str,
    partition: int,
    first: int,
    replay_id: int,
    owner: str,
    arrived: Arrived | None = None,
) -> Claim | None:
    """Take a range that is free, or whose holder's lease is over.

    Returns None when there is nothing to do: the range is somebody else's, finished or forgotten,
    or it has failed before and was cut into single packets or buried here.

    Parameters
    ----------
    stream, topic : str
        Whose range.
    partition, first, replay_id : int
        Which one.
    owner : str
        Celery task id.
    arrived : callable, optional
        Says when the packet came that is about to be buried.
    """
    key: dict[str, Any] = {
        "stream": stream,
        "topic": topic,
        "partition": partition,
        "replay_id": replay_id,
        "first": first,
    }
    with transaction() as session:
        row = session.execute(
            _CLAIM, {**key, "owner": owner, "lease_s": config().ranges.lease_s}
        ).one_or_none()
        if row is None:
            return None
        held = Claim(
            last=row.last_offset, attempts=row.attempts, owner=owner, releases=row.releases, **key
        )
        if held.attempts >= CUT_AT_ATTEMPT and held.last > held.first:
            _cut(session, held, row.error)
            return None
    if held.attempts >= BURY_AT_ATTEMPT:
        _bury(held, row.error, arrived)
        return None
    return held


def still_mine(session: Session, held: Claim) -> bool:
    """Lock the range's row in ``session``'s transaction; False when it went to another."""
    return session.execute(_LOCK_MINE, _values(held)).one_or_none() is not None


def finish(session: Session, held: Claim, counts: Counts) -> bool:
    """Mark the range done, if it is still mine; return whether it was."""
    found = session.execute(_FINISH, _values(held) | vars(counts))
    return bool(found.rowcount)  # type: ignore[attr-defined] # an UPDATE's result has it


def release(held: Claim, error: BaseException | str, *, infrastructure: bool) -> None:
    """Give the range back; never raises, for the lease ends by itself when Postgres is away.

    Parameters
    ----------
    held : Claim
        The range.
    error : exception or str
        Why; kept in the row.
    infrastructure : bool
        A server or the disk failed, or this process shuts down: the attempt does not count, and
        the range rests 1, 2, 4 … 30 s. Otherwise the attempt counts and it is rung at once.
    """
    statement = _RELEASE_INFRASTRUCTURE if infrastructure else _RELEASE
    values = _values(held) | {"error": _shorten(error), "rest_s": release_delay_s(held.releases)}
    give_up_at = time.monotonic() + RELEASE_PATIENCE_S
    while True:
        try:
            with transaction() as session:
                session.execute(statement, values)
        except (DBAPIError, psycopg.Error) as trouble:
            if time.monotonic() < give_up_at:
                time.sleep(RELEASE_PAUSE_S)  # a retry: Postgres is back 0.1 s after kill -9
                continue
            log.warning("range.not_released", error=repr(trouble), lease_ends=True)
        return


def cut_into_singles(held: Claim) -> None:
    """Replace the range's row by one row per packet, each with one attempt behind it."""
    with transaction() as session:
        _cut(session, held, None)


def free_lost(owner: str, arguments: Sequence[Any], why: str) -> None:
    """Free the range of a worker that died; for the parent of the pool only.

    The connection is opened and closed in here: one that stayed open, or the engine's, would be
    inherited by the next fork.

    The owner alone is the fence here: the attempt's number was given to the child, and died with
    it. The task id names the claim but for one case, a bell that Redis delivered again after an
    hour to another worker, whose claim bears the same id. Freeing that one costs a repetition: its
    worker finds ``still_mine`` false and stops, and the range is rung at once.

    Parameters
    ----------
    owner : str
        Celery task id of the dead worker's task.
    arguments : sequence
        Of the task: stream, topic, partition, first, last and perhaps replay_id.
    why : str
        Kept in the row.
    """
    stream, topic, partition, first = arguments[:4]
    replay_id = arguments[5] if len(arguments) > 5 else 0  # noqa: PLR2004 its place
    with psycopg.connect(
        config().postgres.url.get_secret_value(),
        connect_timeout=ONE_SHOT_TIMEOUT_S,
        options=f"-c statement_timeout={ONE_SHOT_TIMEOUT_S * 1000}",
        autocommit=True,
    ) as connection:
        connection.execute(
            _FREE,
            {
                "stream": stream,
                "topic": topic,
                "partition": partition,
                "first": first,
                "replay_id": replay_id,
                "owner": owner,
                "error": _shorten(why),
            },
        )


def _cut(session: Session, held: Claim, error: str | None) -> None:
    values = _values(held) | {"error": error}
    if session.execute(_SHORTEN, values).rowcount:  # type: ignore[attr-defined] # of an UPDATE
        session.execute(_INSERT_SINGLES, values)
        log.warning("range.cut_into_singles", packets=held.last - held.first + 1, error=error)


def _bury(held: Claim, error: str | None, arrived: Arrived | None) -> None:
    """Bury a packet whose workers died.

    When it came is asked between two transactions, for Kafka may keep us waiting, and at the first
    of these attempts only: should the question kill this process as well, the next one is buried
    without an answer.
    """
    timestamp, night = None, None
    if arrived is not None and held.attempts == BURY_AT_ATTEMPT:
        timestamp, night = arrived(held)
    letter = dead_letters.Letter(
        partition=held.partition,
        offset=held.first,
        reason="worker_died",
        message=f"{held.attempts - 1} attempts failed; the last: {error}",
        kafka_timestamp=timestamp,
        night=night,
    )
    with transaction() as session:
        if not still_mine(session, held):
            return
        try:
            source = _source_id(session, held)
        except TransientError:
            source = None
        dead_letters.bury(session, held.stream, held.topic, source, [letter])
        finish(session, held, Counts(read=1, dead=1))
    log.error("range.buried", offset=held.first, error=error)


def _source_id(session: Session, held: Claim) -> int | None:
    """Return what the packet stands under; a replay's topic may have been made anew since."""
    if held.replay_id:
        place = (held.topic, held.partition)
        return replay_source_id(session, held.replay_id, place, held.first)
    return source_id(session, held.stream, held.topic, held.partition)


def _values(held: Claim) -> dict[str, Any]:
    return {
        "stream": held.stream,
        "topic": held.topic,
        "partition": held.partition,
        "replay_id": held.replay_id,
        "first": held.first,
        "last": held.last,
        "owner": held.owner,
        "attempts": held.attempts,
    }


def _shorten(error: BaseException | str) -> str:
    said = error if isinstance(error, str) else f"{type(error).__name__}: {error}"
    return said.replace("\x00", "\\0")[:ERROR_CHARACTERS]
