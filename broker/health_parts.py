"""One check for each part that Nightjar needs; each returns at once or gives up soon."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Literal

import celery
import psycopg
import redis as redis_client
from django.db import connections
from psycopg.rows import namedtuple_row
from redis.backoff import NoBackoff
from redis.retry import Retry

from broker.config import config
from broker.dead_letters import REASONS
from broker.kafka_health import count_brokers
from broker.migrate import COMMAND, conninfo, pending_migrations
from broker.queues import LIMITS_S, wanted
from broker.redis_transport import TRANSPORT_OPTIONS, waiting
from broker.replica import seen as seen_replica
from broker.sections.streams import StreamsSettings

CONNECT_TIMEOUT_S = 2
STATEMENT_TIMEOUT_MS = 1000
REDIS_TIMEOUT_S = 1.0
KAFKA_TIMEOUT_S = 2.0
WORKER_TIMEOUT_S = 0.8
WORKER_SILENT_S = 15.0
LISTENER_SILENT_S = 60
"""A listener touches its partitions every 10 s, also when nothing comes."""

_seen_at_s: dict[str, float] = {}
"""When each queue was last seen served [s], of ``time.monotonic()``."""

State = Literal["ok", "warning", "down", "unknown", "off"]

_LISTENERS = """
    SELECT coalesce(p.stream, s.name) AS stream, s.stopped_at IS NOT NULL AS is_stopped, s.reason,
        count(*) FILTER (WHERE p.owner IS NOT NULL) AS partitions,
        coalesce(sum(greatest(p.high_offset - p.committed_offset, 0)), 0)::bigint AS lag,
        coalesce(extract(epoch FROM now() - max(p.updated_at)), 0)::float8 AS silent_s
    FROM stream_partitions AS p
    FULL JOIN (SELECT * FROM streams WHERE stopped_at IS NOT NULL) AS s ON s.name = p.stream
    GROUP BY 1, s.stopped_at, s.reason
"""
"""A stream that is stopped says so also when its bookkeeping was emptied."""
COUNTED_LETTERS = 10_000
_PARTITIONS = """
    SELECT count(i.inhrelid) - 1 AS partitions
    FROM pg_class AS c JOIN pg_inherits AS i ON i.inhparent = c.oid
    WHERE c.oid = to_regclass('alerts') AND c.relkind = 'p' GROUP BY c.oid
"""
_ASTRAY = f"""
    SELECT count(*) AS alerts FROM (
        SELECT FROM partitions.alerts_rest LIMIT {COUNTED_LETTERS}) AS seen
"""  # noqa: S608 a number of ours
_DEAD_LETTERS = f"""
    WITH RECURSIVE streams AS (
        SELECT min(stream) AS stream FROM dead_letters WHERE state = 'open'
        UNION ALL
        SELECT (
            SELECT min(l.stream) FROM dead_letters AS l
            WHERE l.state = 'open' AND l.stream > streams.stream
        )
        FROM streams WHERE stream IS NOT NULL
    )
    SELECT kind.stream, kind.reason, count(*) AS open, min(letter.first_seen_at) AS oldest
    FROM (
        SELECT stream, reason FROM streams CROSS JOIN unnest(%s::text[]) AS reason
        WHERE stream IS NOT NULL
    ) AS kind
    CROSS JOIN LATERAL (
        SELECT first_seen_at FROM dead_letters AS l
        WHERE l.state = 'open' AND l.stream = kind.stream AND l.reason = kind.reason
        ORDER BY l.id
        LIMIT {COUNTED_LETTERS}
    ) AS letter
    GROUP BY 1, 2
    ORDER BY 1, 2
"""  # noqa: S608 a number of ours
"""Of every stream, whoever reads it: as many as the admin's list of open letters has.

The streams come from the index one by one; oldest first and bounded for each stream and reason, so
that no flood makes the answer slow.
"""


@dataclass(frozen=True)
class Finding:
    """The state of one part.

    Attributes
    ----------
    name : str
        Of the part.
    state : str
        ``ok``; ``warning``: works, but a person should look; ``down``; ``unknown``: hidden by
        another part that is down; ``off``: never started, which may be meant so.
    text : str
        One line for people, without hosts and errors.
    facts : dict
        Numbers for machines.
    """

    name: str
    state: State
    text: str
    facts: dict[str, Any] = field(default_factory=dict)


def postgres() -> list[Finding]:
    """Return whether Postgres answers."""
    with _cursor() as cursor:
        cursor.execute("SELECT current_setting('server_version') AS version")
        row = cursor.fetchone()
    return [Finding("postgres", "ok", "answers", {"version": row.version if row else None})]


def replica() -> list[Finding]:
    """Return whether pages and REST read the replica of Postgres; nothing where there is none."""
    look = seen_replica()
    if look is None:
        return []
    facts = {"lag_s": None if look.lag_s is None else round(look.lag_s, 1)}
    if look.state == "used":
        return [Finding("replica", "ok", "answers pages and REST", facts)]
    text = "does not answer" if look.state == "away" else "is too far behind"
    return [Finding("replica", "warning", f"{text}; the primary is read instead", facts)]


def migrations() -> list[Finding]:
    """Return whether the tables fit this code."""
    try:
        missing = pending_migrations()
    finally:
        connections.close_all()  # of this thread, which Django's requests do not know
    if missing:
        text = f"{len(missing)} pending; run: {COMMAND}"
        return [Finding("migrations", "down", text, {"pending": missing})]
    return [Finding("migrations", "ok", "none pending")]


def listeners() -> list[Finding]:
    """Return for each stream whether its listener lives, and how far behind it is."""
    with _cursor() as cursor:
        found = {row.stream: row for row in cursor.execute(_LISTENERS).fetchall()}
    return [_listener(stream, found.get(stream)) for stream in StreamsSettings.model_fields]


def alert_partitions() -> list[Finding]:
    """Return whether every alert lies in a partition that was made for it."""
    with _cursor() as cursor:
        row = cursor.execute(_PARTITIONS).fetchone()
        if row is None:
            text = "alerts is one table; see manage.py partition_alerts"
            return [Finding("alert_partitions", "off", text)]
        found = cursor.execute(_ASTRAY).fetchone()
    astray = found.alerts if found else 0
    facts = {"partitions": row.partitions, "astray": astray}
    if not astray:
        return [Finding("alert_partitions", "ok", f"{row.partitions} partitions", facts)]
    more = " or more" if astray >= COUNTED_LETTERS else ""
    text = f"{astray}{more} alerts lie in none; run: python manage.py partition_alerts"
    return [Finding("alert_partitions", "warning", text, facts)]


def dead_letters() -> list[Finding]:
    """Return how many dead letters of each stream wait for a person, why, and since when.

    That is a fact to look at, never a failure: the streams run on.
    """
    with _cursor() as cursor:
        rows = cursor.execute(_DEAD_LETTERS, [list(REASONS)]).fetchall()
    found: dict[str, dict[str, int]] = {}
    for row in rows:
        found.setdefault(row.stream, {})[row.reason] = row.open
    if not rows:
        return [Finding("dead_letters", "ok", "none open", {"open": {}})]
    total = sum(row.open for row in rows)
    more = " or more" if any(row.open >= COUNTED_LETTERS for row in rows) else ""
    oldest = min(row.oldest for row in rows)
    by_stream = ", ".join(f"{sum(reasons.values())} of {name}" for name, reasons in found.items())
    text = (
        f"{total}{more} dead letters open ({by_stream}), the oldest since"
        f" {oldest:%Y-%m-%d %H:%M} UTC; see the admin"
    )
    details = {"open": found, "oldest": oldest.isoformat(timespec="seconds")}
    return [Finding("dead_letters", "warning", text, details)]


def redis() -> list[Finding]:
    """Return whether Redis answers, and how many tasks wait in each queue."""
    client = redis_client.Redis.from_url(
        config().redis.url.get_secret_value(),
        socket_timeout=REDIS_TIMEOUT_S,
        socket_connect_timeout=REDIS_TIMEOUT_S,
        retry=Retry(NoBackoff(), 0),
    )
    with client:
        lengths = waiting(client, LIMITS_S)
    text = ", ".join(f"{count} in {name}" for name, count in lengths.items() if count)
    return [Finding("redis", "ok", f"tasks waiting: {text or 'none'}", {"waiting": lengths})]


def workers() -> list[Finding]:
    """Return which Celery workers answer, the queues that they serve, and what cannot work."""
    with celery.Celery(
        broker=config().redis.url.get_secret_value(), set_as_current=False
    ) as asker:  # an app of its own: ours would load every task into the web process
        asker.conf.broker_transport_options = TRANSPORT_OPTIONS
        replies = asker.control.broadcast("serves", reply=True, timeout=WORKER_TIMEOUT_S) or []
    told = [answer for reply in replies for answer in reply.values()]
    queues = _served({queue for answer in told for queue in answer.get("queues", ())})
    left_out = sorted({module for answer in told for module in answer.get("left_out", ())})
    facts = {"count": len(told), "queues": queues, "left_out": left_out}
    unserved = [queue for queue in wanted(config()) if queue.name not in queues]
    missing = [f"no worker serves the queue {each.name}: {each.without}" for each in unserved]
    broken = [f"{module} cannot be imported, see the workers' logs" for module in left_out]
    if not missing and not broken:
        return [Finding("workers", "ok", f"{len(told)} answer", facts)]
    is_down = broken or any(queue.is_needed for queue in unserved)
    state: State = "down" if is_down else "warning"
    return [Finding("workers", state, "; ".join((*missing, *broken)), facts)]


def _served(queues: set[str]) -> list[str]:
    """Return these queues and those of a moment ago: a worker at work may answer too late."""
    now_s = time.monotonic()
    _seen_at_s.update(dict.fromkeys(queues, now_s))
    return sorted(q for q, seen_s in tuple(_seen_at_s.items()) if now_s - seen_s < WORKER_SILENT_S)


def kafka() -> list[Finding]:
    """Return whether our own broker answers."""
    brokers = count_brokers(KAFKA_TIMEOUT_S)
    return [Finding("kafka", "ok", "answers", {"brokers": brokers})]


def _listener(stream: str, row: Any) -> Finding:
    name = f"listener_{stream}"
    if row is None:
        return Finding(name, "off", "never started")
    facts = {
        "lag": row.lag,
        "partitions": row.partitions,
        "silent_s": round(row.silent_s, 1),
    }
    if row.is_stopped:
        text = f"stopped: {row.reason}; run: python manage.py resume {stream}"
        return Finding(name, "down", text, facts)
    if row.silent_s > LISTENER_SILENT_S:
        return Finding(name, "down", f"silent for {row.silent_s:.0f} s", facts)
    return Finding(name, "ok", f"{row.lag} offsets behind", facts)


@contextmanager
def _cursor() -> Iterator["psycopg.Cursor[Any]"]:
    """Open a connection of its own, so that no pool and no other thread matters."""
    options = f"-c statement_timeout={STATEMENT_TIMEOUT_MS}"
    with (
        psycopg.connect(
            conninfo(), connect_timeout=CONNECT_TIMEOUT_S, options=options, autocommit=True
        ) as connection,
        connection.cursor(row_factory=namedtuple_row) as cursor,
    ):
        yield cursor
