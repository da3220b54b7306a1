"""The alert flow's Celery tasks."""

import time
from contextlib import suppress
from datetime import UTC, date, datetime

import structlog
from celery import Task

from broker import compiled, metrics
from broker.celery import is_served_here, task, worker_closing, worker_starting
from broker.config import config
from broker.db import transaction
from broker.errors import TransientError
from broker.failpoints import failpoint
from broker.kafka import OffsetsExpired
from broker.ranges import switches
from broker.ranges.claim import Claim
from broker.ranges.sources import source_id
from broker.ranges.working import attempt, try_claim
from pipeline import topics
from pipeline.alerts import flow, holdback, replay_tasks, replaying, stranded
from pipeline.alerts.resources import resources
from pipeline.alerts.store import Source, utc_from_ms
from pipeline.alerts.work import RangeWork, is_infrastructure
from pipeline.surveys import survey as survey_named
from pipeline.user_filters import live

_seen = stranded.Seen()

log = structlog.get_logger(__name__)


@task("alerts.process", queue="alerts", bind=True)
def process(
    self: Task,
    stream: str,
    topic: str,
    partition: int,
    first: int,
    last: int,
    replay_id: int = 0,
) -> None:
    """Carry one range of packets from Kafka to their topics; safe to repeat: the table decides."""
    began_cpu_s = time.thread_time()
    held = try_claim(stream, topic, partition, first, replay_id, self.request.id, arrived)
    if held is None:
        return
    failpoint("after_claim")
    name = f"{topic}[{partition}] {first}-{last}"
    with structlog.contextvars.bound_contextvars(stream=stream, range=name):
        work_on(held, began_cpu_s)
    if replay_id:
        replay_tasks.ring()  # its next range need not wait for beat


def arrived(held: Claim) -> tuple[datetime | None, date]:
    """Return when the packet of a range came, and its night, to bury it with.

    The night is that of now where Kafka cannot say. A replay may read another packet under the same
    offset, and asks for nothing: the letter that it retries keeps its night.
    """
    survey = survey_named(topics.stream(held.stream).survey)
    at = None
    if not held.replay_id:
        with suppress(TransientError, OffsetsExpired):
            reader = resources().reader(held.stream)
            packets = reader.read(held.topic, held.partition, held.first, held.first).packets
            at = utc_from_ms(packets[0].timestamp_ms) if packets else None
    return at, survey.night(at or datetime.now(UTC))


def work_on(held: Claim, began_cpu_s: float) -> None:
    """Work on a claimed range and say in its row what became of it.

    ``began_cpu_s`` is this thread's CPU time when the task began [s], for its line in the log.
    """
    worked: list[RangeWork] = []

    def carry() -> None:
        worked.append(_open(held))
        flow.carry(worked[0])

    if attempt(held, carry, is_infrastructure):
        task_cpu_ms = round(1e3 * (time.thread_time() - began_cpu_s), 2)
        work = worked[0]
        live.watch.meter.end_range(work.tally.read, sum(work.stage_s.values()))
        for stage, spent_s in work.stage_s.items():
            metrics.STAGE.labels(stage).observe(spent_s)
        log.info("range.done", **vars(work.tally), **_milliseconds(work), task_cpu_ms=task_cpu_ms)


def _open(held: Claim) -> RangeWork:
    timeout_s = config().postgres.worker_statement_timeout_s
    survey = survey_named(topics.stream(held.stream).survey)
    replay = None
    with transaction(statement_timeout_s=timeout_s) as session:
        if held.replay_id:
            replay = replaying.open_replay(session, survey.name, held)
            stored_under = replay.order.source_id
        else:
            stored_under = source_id(session, held.stream, held.topic, held.partition)
        is_on = switches.is_publishing(session, held.stream)
        filters = live.watch.filters(session, survey.name, config().user_filters)
    source = Source(stored_under, held.partition)
    return RangeWork(
        *(held, source, survey, config(), resources(), replay),
        is_publishing=is_on,
        filters=filters,
    )


def _milliseconds(work: RangeWork) -> dict[str, float]:
    wall = {f"{name}_ms": round(1e3 * spent, 1) for name, spent in work.stage_s.items()}
    wall |= {f"{name}_part_ms": round(1e3 * spent, 2) for name, spent in work.part_s.items()}
    return wall | {f"{name}_cpu_ms": round(1e3 * s, 2) for name, s in work.stage_cpu_s.items()}


@task("alerts.publish_stranded", queue="upkeep", every_s=60)
def publish_stranded() -> None:
    """Publish what waits in offsets that no range will work again; see ADR 13."""
    stranded.publish_stranded(resources().producer(), _seen)


@task("alerts.publish_held", queue="upkeep", every_s=10)
def publish_held() -> None:
    """Publish what was stored while its stream was switched off; at least once."""
    holdback.publish_held(resources().producer())


@worker_starting
def warm_up() -> None:
    """Open what the first range needs, before the worker takes it."""
    resources().producer()
    resources().footprint()


@worker_starting
def compile_kernels() -> None:
    """Compile what ranges need, or load it; workers of other queues save the memory."""
    if is_served_here("alerts"):
        compiled.warm_up()


@worker_closing
def close() -> None:
    """Close the archive segments with their checksums."""
    resources().close()
