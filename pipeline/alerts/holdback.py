"""Publish what waits in finished ranges: their stream was off, or a message could not be made."""

import time

import structlog

from broker.db import lock, transaction
from broker.ranges import switches
from broker.ranges.switches import Held
from pipeline import topics
from pipeline.alerts import publish
from pipeline.alerts.later import STATEMENT_S, Place, Sends, Sent, send
from pipeline.alerts.store import Source
from pipeline.surveys import survey as survey_named

LOCK = "nightjar.held"
LONGEST_S = 15.0
"""No further range is begun after this time: other work of upkeep waits behind it."""
MOST_RANGES = 100
BATCH_OFFSETS = 250

log = structlog.get_logger(__name__)


def publish_held(producer: Sends) -> int:
    """Publish what is held of streams that are on; return how many messages went out.

    At least once, with the ids that the messages would have had. A second copy of this returns at
    once. When Kafka does not acknowledge, the rest waits for the next call.
    """
    end_s = time.monotonic() + LONGEST_S
    published = 0
    with lock(LOCK) as is_ours:
        while is_ours and time.monotonic() < end_s:
            with transaction(statement_timeout_s=STATEMENT_S) as session:
                waiting = switches.held(session, MOST_RANGES)
            if not waiting:
                break
            for each in waiting:
                sent, is_whole = _publish_range(producer, each)
                published += sent
                if not is_whole:
                    return published
                if time.monotonic() >= end_s:
                    break
    return published


def _publish_range(producer: Sends, waiting: Held) -> tuple[int, bool]:
    """Publish what waits under held offsets; return how much, and whether to go on with others."""
    published, is_whole = 0, True
    for first in range(waiting.first, waiting.last + 1, BATCH_OFFSETS):
        last = min(first + BATCH_OFFSETS - 1, waiting.last)
        sent = _publish_offsets(producer, waiting, first, last)
        if sent is None:
            return published, False
        published += sent.messages
        if sent.failed:
            return published, False
        is_whole &= sent.is_whole
    with transaction(statement_timeout_s=STATEMENT_S) as session:
        if is_whole:
            switches.let_go(session, waiting)
        else:
            switches.rest(session, waiting)
    log.info(
        "held.published",
        stream=waiting.stream,
        topic=waiting.topic,
        published=published,
        is_whole=is_whole,
    )
    return published, True


def _publish_offsets(producer: Sends, waiting: Held, first: int, last: int) -> Sent | None:
    """Publish what waits under some offsets; None when the stream is off again."""
    survey = survey_named(topics.stream(waiting.stream).survey)
    source = Source(waiting.source_id, waiting.partition)
    with transaction(statement_timeout_s=STATEMENT_S) as session:
        if not switches.is_publishing(session, waiting.stream):
            return None
        pending = publish.read_pending(session, survey.name, source, first, last)
    place = Place(waiting.stream, waiting.topic, waiting.source_id, waiting.partition)
    return send(producer, pending, place)
