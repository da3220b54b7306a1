"""Celery tasks of Lasair's alerts: one request for images, and who rings for those that wait."""

from collections import defaultdict
from typing import Any

from broker.celery import is_heard, task
from broker.db import transaction
from broker.host import QUEUE, host_queue
from pipeline import ledger
from pipeline.lasair import stamps
from pipeline.lasair.tables import StampRequest

SWEEP_EVERY_S = 10
_SWEEP_LOCK = "lasair.sweep"


@task(stamps.TASK, queue=QUEUE, bind=True, when_lost=ledger.free_lost_of(StampRequest))
def fetch_stamps(self: Any, request_id: int) -> None:
    """Fetch the images of one detection; a second copy finds the request claimed."""
    stamps.run(request_id, self.request.id)


@task("lasair.sweep", queue="upkeep", every_s=SWEEP_EVERY_S)
def sweep() -> None:
    """Ring for requests that are due at the host whose files they are; at none that nobody hears.

    Safe beside a second copy: one of them has the lock.
    """
    due: defaultdict[str, list[int]] = defaultdict(list)
    with transaction() as session:
        if not ledger.may_sweep(session, _SWEEP_LOCK):
            return
        for row in ledger.take_due(session, StampRequest):
            due[row.host].append(row.id)
    for host, ids in due.items():
        if is_heard(host_queue(host)):
            stamps.ring(host, ids)
