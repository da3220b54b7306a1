"""The task that carries replays on: every ten seconds, and whenever one of their ranges is done."""

import time
from functools import cache

import structlog

from broker.celery import PRIORITY_REPLAY, enqueue, task
from broker.config import config, project_path
from broker.db import transaction
from broker.kafka import Cluster, stream_connection
from broker.ranges import replay_queue, replay_steps, replays, stops
from broker.ranges.brakes import disk_reason
from broker.ranges.doubts import Doubts
from broker.ranges.listener import OUTAGES
from broker.ranges.replay_steps import Hooks, Pace
from pipeline import topics
from pipeline.alerts import replaying

ADVANCE = "ranges.advance_replays"
QUEUE = "upkeep"
EVERY_S = 10
GONE_AFTER_S = 15.0
"""A topic is believed to be gone when Kafka still says so after this time."""

_doubts: Doubts[int] = Doubts(GONE_AFTER_S)

log = structlog.get_logger(__name__)


def ring() -> None:
    """Ask for the next step now rather than within ten seconds; never waits, never raises."""
    enqueue(ADVANCE, QUEUE)


@task(ADVANCE, queue=QUEUE, every_s=EVERY_S)
def advance_replays() -> None:
    """Carry every replay on by one step; one that cannot go on now stops no other."""
    with transaction() as session:
        waiting = replay_queue.unfinished(session)
    for replay_id, stream in waiting:
        try:
            advance(replay_id, stream)
        except OUTAGES as error:
            log.warning("replay.step_failed", replay=replay_id, error=str(error)[:500])


def advance(replay_id: int, stream: str) -> None:
    """Carry one replay on by one step, and ring for its ranges."""
    with transaction() as session:
        wanted = replay_queue.kafka_topics(session, replay_id)
        stop_reason = stops.stop_reason(session, stream)
    moved = replay_queue.moved_topics(wanted, _cluster(stream).topic_ids(wanted)) if wanted else []
    ranges = config().ranges
    gone = f"{', '.join(moved)}: gone from Kafka, or made anew there" if moved else None
    is_sure = gone is not None and _doubts.is_sure(replay_id, time.monotonic())
    if gone is None or is_sure:
        _doubts.drop(replay_id)
    with transaction() as session:
        if gone is not None and is_sure:
            replays.fail_if_open(session, replay_id, gone)
        rung = replay_steps.step(
            session,
            replay_id,
            Pace(ranges.window_size, ranges.alerts_per_task, ranges.ring_after_s),
            Hooks(replaying.ask_again, replaying.take_back),
            gone or _reason(stream, stop_reason),
        )
    record = topics.range_stream(stream)
    for due in rung:
        enqueue(
            record.task, record.queue,
            stream, *due.place, due.first, due.last, replay_id,
            priority=PRIORITY_REPLAY,
        )  # fmt: skip


def _reason(stream: str, stop_reason: str | None) -> str | None:
    if stop_reason is not None:
        return f"{stream} is stopped ({stop_reason}); manage.py resume {stream}"
    return disk_reason(project_path(config().archive.path))


@cache
def _cluster(stream: str) -> Cluster:
    return Cluster(stream_connection(stream))
