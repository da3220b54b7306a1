"""Celery tasks of the copies on S3: one for each host that has files, and who rings for it."""

from typing import Any

from celery import signals

from broker.celery import enqueue, is_heard, task
from broker.config import config
from broker.host import host_queue, this_host
from pipeline import ledger
from pipeline.s3 import query
from pipeline.s3.tables import S3Upload

WORK_TASK, SWEEP_TASK = "s3.work", "s3.sweep"
SWEEP_EVERY_S = 10


@task(WORK_TASK, queue="sinks", bind=True, when_lost=ledger.free_lost_of(S3Upload))
def work(self: Any, reason: str) -> None:
    """Bring to S3 what this host has; a second copy finds each object claimed."""
    from pipeline.s3 import sync  # noqa: PLC0415 workers of other queues need no boto3

    if sync.run(reason, self.request.id).has_more:
        enqueue(WORK_TASK, host_queue(this_host()), "schedule")


@task(SWEEP_TASK, queue="upkeep", every_s=SWEEP_EVERY_S)
def sweep(reason: str = "schedule") -> None:
    """Ring at each host that has something to do; at none whose bells nobody hears."""
    if not config().s3.bucket:
        return
    for host in query.hosts_to_ring(reason):
        if is_heard(queue := host_queue(host)):
            enqueue(WORK_TASK, queue, reason)


@signals.beat_init.connect
def _at_start(**_: Any) -> None:
    """Let every host look at once when the schedule begins."""
    enqueue(SWEEP_TASK, "upkeep", "start")
