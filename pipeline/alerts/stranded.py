"""Publish what waits in offsets that no range will ever work again.

A range publishes what is stored under its coordinates. When its topic is deleted or made anew, or
Kafka forgets its offsets, the range goes and its offsets are buried as one interval; an alert that
was stored there before, and whose packet never comes again, would wait for ever. Such intervals are
the only place to look: ``pending`` has no index, and everything else below a committed offset was
acknowledged before it was committed.
"""

from collections.abc import Sequence
from itertools import groupby
from typing import NamedTuple, Protocol

import structlog
from sqlalchemy import text
from sqlalchemy.orm import Session

from broker import dead_letters
from broker.db import transaction
from broker.kafka_types import DeliveryError, Message
from pipeline.alerts import publish
from pipeline.surveys import survey as survey_named

BATCH_ALERTS = 250
MOST_BATCHES = 20
REST_S = 300
"""A worker that had the range when it went is over by then, acknowledged or not."""
STATEMENT_S = 20

log = structlog.get_logger(__name__)


class Sends(Protocol):
    """What is wanted of ``broker.kafka.Producer``."""

    def send(self, messages: Sequence[Message]) -> list[DeliveryError | None]:
        """Write all messages; return None for each that was acknowledged."""


class Stranded(NamedTuple):
    """One alert whose messages wait in a buried interval."""

    survey: str
    stream: str
    topic: str
    source_id: int
    partition: int
    alert_id: int


_LOCK = text("SELECT pg_try_advisory_xact_lock(hashtext('alerts.publish_stranded'))")
_FIND = text("""
    SELECT DISTINCT a.survey, s.stream, s.topic, a.source_id, a.source_partition, a.id
    FROM dead_letters AS l
    JOIN alerts AS a ON a.source_id = l.source_id AND a.source_partition = l.source_partition
        AND a.source_offset BETWEEN l.source_offset AND l.last_offset
    JOIN sources AS s ON s.id = a.source_id
    WHERE l.reason = 'expired_offsets' AND a.pending <> 0
        AND greatest(a.created_at, l.first_seen_at) < now() - make_interval(secs => :rest_s)
        AND NOT EXISTS (
            SELECT FROM stream_ranges AS r
            WHERE r.stream = s.stream AND r.topic = s.topic AND r.partition = a.source_partition
                AND r.state <> 'done' AND a.source_offset BETWEEN r.first_offset AND r.last_offset
                AND (r.replay_id <> 0 OR EXISTS (
                    SELECT FROM stream_partitions AS p
                    WHERE p.stream = s.stream AND p.topic = s.topic
                        AND p.partition = a.source_partition AND p.topic_id = s.topic_id
                        AND p.resets = s.resets
                ))
        )
    ORDER BY a.source_id, a.source_partition, a.id LIMIT :most
""")
"""A live range under the same numbers counts only while its topic is the one that the alert came
from; a replay knows by itself which source it works on, and is given the time."""


def publish_stranded(producer: Sends) -> int:
    """Publish what is stranded, a bounded amount of it; return how many messages went out.

    At least once, with the ids that the messages would have had: what a worker sent and could not
    mark any more is sent again. A second copy of this returns at once. When Kafka does not
    acknowledge, the rest waits for the next call.
    """
    published = 0
    with transaction() as guard:
        if not may_work(guard):
            return 0
        for _ in range(MOST_BATCHES):
            with transaction(statement_timeout_s=STATEMENT_S) as session:
                found = find(session, BATCH_ALERTS)
            for _, alerts in groupby(found, key=lambda one: one[:-1]):
                sent, is_whole = _publish(producer, list(alerts))
                published += sent
                if not is_whole:
                    return published
            if len(found) < BATCH_ALERTS:
                break
    return published


def may_work(session: Session) -> bool:
    """Take the task's lock until the end of the transaction; False where another copy has it."""
    return bool(session.scalar(_LOCK))


def find(session: Session, most: int) -> list[Stranded]:
    """Return at most ``most`` alerts that no range will publish, ordered by partition."""
    rows = session.execute(_FIND, {"most": most, "rest_s": REST_S})
    return [Stranded(*row) for row in rows]


def _publish(producer: Sends, alerts: Sequence[Stranded]) -> tuple[int, bool]:
    """Send what waits of alerts of one partition; return how many, and whether that was all."""
    survey, stream, topic, source_id, partition, _ = alerts[0]
    with transaction(statement_timeout_s=STATEMENT_S) as session:
        pending = publish.read_alerts(session, survey, [alert.alert_id for alert in alerts])
    outgoing = publish.build(pending)
    outcomes = producer.send([sent.message for sent in outgoing])
    delivered = publish.settle(outgoing, outcomes)
    with transaction(statement_timeout_s=STATEMENT_S) as session:
        publish.mark(session, delivered)
        letters = publish.too_large_letters(delivered, survey_named(survey), partition)
        dead_letters.bury(session, stream, topic, source_id, letters)
    log.warning(
        "stranded.published",
        stream=stream,
        topic=topic,
        partition=partition,
        published=delivered.published,
        failed=len(delivered.failed),
        too_large=len(delivered.too_large),
    )
    return delivered.published, not delivered.failed
