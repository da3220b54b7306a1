"""Publish what waits in offsets that no range will ever work again.

A range publishes what is stored under its coordinates. When its topic is deleted or made anew, or
Kafka forgets its offsets, the range goes and its offsets are buried as one interval; an alert that
was stored there before, and whose packet never comes again, would wait for ever. Such intervals are
the only place to look: ``pending`` has no index, and everything else below a committed offset was
acknowledged before it was committed.
"""

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import NamedTuple

import structlog
from sqlalchemy import text
from sqlalchemy.orm import Session

from broker.db import lock, transaction
from broker.ranges import switches
from broker.ranges.replay_steps import CUTS_LOCK
from pipeline.alerts import publish
from pipeline.alerts.later import STATEMENT_S, Place, Sends, Sent, send

BATCH_ALERTS = 250
LONGEST_S = 30.0
"""No further batch is begun after this time: one may wait 20 s for Kafka, and must be marked."""
MOST_LETTERS = 1000
REST_S = 300
"""A worker that had the range when it went is over by then, acknowledged or not."""
AGAIN_S = 600.0
"""After which what could not be made is tried again: its packet may be readable by then."""

Mark = tuple[datetime, int]

log = structlog.get_logger(__name__)


class Stranded(NamedTuple):
    """One alert whose messages wait in a buried interval."""

    survey: str
    stream: str
    topic: str
    source_id: int
    partition: int
    alert_id: int


class Tried(NamedTuple):
    """How far one came in an interval of which something cannot be made now.

    Attributes
    ----------
    alert_id : int
        Up to there all was tried.
    until_s : float
        What could not be made is left in peace until then [s], of ``time.monotonic()``.
    """

    alert_id: int
    until_s: float


@dataclass
class Seen:
    """How far this process has looked: in no interval up to there does anything wait.

    Attributes
    ----------
    mark : tuple of datetime and int
        ``updated_at`` and id of the last such letter. A letter that is buried again, or retried,
        comes behind it by that.
    tried : dict of int to Tried
        How far one came in intervals, by letter, that go on waiting.
    """

    mark: Mark = (datetime.min.replace(tzinfo=UTC), 0)
    tried: dict[int, Tried] = field(default_factory=dict)


_LETTERS = text("""
    SELECT updated_at, id FROM dead_letters
    WHERE reason = 'expired_offsets' AND (updated_at, id) > (:updated_at, :id)
        AND updated_at < now() - make_interval(secs => :rest_s)
    ORDER BY updated_at, id LIMIT :most
""")
_FIND = text("""
    WITH waiting AS (
        SELECT a.survey, s.stream, s.topic, a.source_id, a.source_partition, a.id,
            greatest(a.created_at, l.first_seen_at) < now() - make_interval(secs => :rest_s)
            AND NOT EXISTS (
                SELECT FROM stream_ranges AS r
                WHERE r.stream = s.stream AND r.topic = s.topic AND r.partition = a.source_partition
                    AND r.state <> 'done'
                    AND a.source_offset BETWEEN r.first_offset AND r.last_offset
                    AND (r.replay_id <> 0 OR EXISTS (
                        SELECT FROM stream_partitions AS p
                        WHERE p.stream = s.stream AND p.topic = s.topic
                            AND p.partition = a.source_partition AND p.topic_id = s.topic_id
                            AND p.resets = s.resets
                    ))
            ) AS is_ours
        FROM dead_letters AS l
        JOIN alerts AS a ON a.source_id = l.source_id AND a.source_partition = l.source_partition
            AND a.source_offset BETWEEN l.source_offset AND l.last_offset
        JOIN sources AS s ON s.id = a.source_id
        WHERE l.id = :letter_id AND a.pending <> 0
    )
    SELECT * FROM waiting
    WHERE id > :after OR NOT is_ours
    ORDER BY is_ours DESC, id LIMIT :most
""")
"""A live range under the same numbers counts only while its topic is the one that the alert came
from; a replay knows by itself which source it works on, and is given the time."""


def publish_stranded(producer: Sends, seen: Seen | None = None) -> int:
    """Publish what is stranded, a bounded amount of it; return how many messages went out.

    At least once, with the ids that the messages would have had: what a worker sent and could not
    mark any more is sent again. A second copy of this returns at once, and no replay's range comes
    into being beside it. When Kafka does not acknowledge, the rest waits for the next call.

    Parameters
    ----------
    producer : Sends
        Where messages go.
    seen : Seen, optional
        How far earlier calls have looked; moved on.
    """
    seen = seen or Seen()
    end_s = time.monotonic() + LONGEST_S
    published = 0
    with lock(CUTS_LOCK) as is_ours:
        if not is_ours:
            return 0
        is_quiet_so_far = True
        for mark in _letters(seen.mark):
            sent, is_quiet, is_acknowledged = _publish_letter(producer, mark[1], seen.tried, end_s)
            published += sent
            is_quiet_so_far &= is_quiet
            if is_quiet_so_far:
                seen.mark = mark
            if not is_acknowledged or time.monotonic() >= end_s:
                break
    return published


def _letters(mark: Mark) -> Iterator[Mark]:
    """Yield the letters of intervals beyond a mark, in the order of their last change."""
    while True:
        with transaction(statement_timeout_s=STATEMENT_S) as session:
            values = {"updated_at": mark[0], "id": mark[1], "rest_s": REST_S}
            rows = session.execute(_LETTERS, values | {"most": MOST_LETTERS}).all()
        yield from ((row.updated_at, row.id) for row in rows)
        if len(rows) < MOST_LETTERS:
            return
        mark = (rows[-1].updated_at, rows[-1].id)


def _publish_letter(
    producer: Sends, letter_id: int, tried: dict[int, Tried], end_s: float
) -> tuple[int, bool, bool]:
    """Publish what waits in one interval; what cannot be made keeps nothing behind it.

    Returns how many messages went out, whether nothing waits there any more, and whether Kafka has
    acknowledged them.
    """
    published = 0
    before = tried.pop(letter_id, None)
    if before is None or before.until_s <= time.monotonic():
        before = Tried(0, time.monotonic() + AGAIN_S)
    after, is_left = before.alert_id, before.alert_id > 0
    while True:
        with transaction(statement_timeout_s=STATEMENT_S) as session:
            found, others = find(session, letter_id, BATCH_ALERTS, after)
        if found:
            sent = _publish(producer, found)
            if sent is None:
                return published, False, True
            published += sent.messages
            if sent.failed:
                return published, False, False
            after = found[-1].alert_id
            is_left |= not sent.is_whole
        if is_left:
            tried[letter_id] = before._replace(alert_id=after)
        if not found or time.monotonic() >= end_s:
            return published, not (found or others or is_left), True


def find(
    session: Session, letter_id: int, most: int, after: int = 0
) -> tuple[list[Stranded], bool]:
    """Return alerts of an interval that no range will publish, and whether others wait there.

    Parameters
    ----------
    session : Session
        Of an open transaction.
    letter_id : int
        ``dead_letters.id`` of the interval.
    most : int
        How many.
    after : int
        ``alerts.id`` of the last that was tried.
    """
    values = {"letter_id": letter_id, "most": most, "rest_s": REST_S, "after": after}
    rows = session.execute(_FIND, values).all()
    return [Stranded(*row[:-1]) for row in rows if row.is_ours], not all(r.is_ours for r in rows)


def _publish(producer: Sends, alerts: Sequence[Stranded]) -> Sent | None:
    """Send what waits of alerts of one partition; None while their stream is off."""
    survey, stream, topic, source_id, partition, _ = alerts[0]
    with transaction(statement_timeout_s=STATEMENT_S) as session:
        if not switches.is_publishing(session, stream):
            return None
        pending = publish.read_alerts(session, survey, [alert.alert_id for alert in alerts])
    sent = send(producer, pending, Place(stream, topic, source_id, partition))
    log.warning(
        "stranded.published",
        stream=stream,
        topic=topic,
        partition=partition,
        published=sent.messages,
        failed=sent.failed,
        too_large=sent.too_large,
    )
    return sent
