"""The modules with our tasks, imported by every worker and by beat; one that fails stops no other.

A flow that cannot be imported is left out of the process and said so: in the log, and through
``serves`` on ``/health``, ``/status`` and by ``make doctor``. What waits for it is in tables, and
is rung for again when it is mended.
"""

from importlib import import_module
from typing import Any

import structlog
from celery.worker.control import inspect_command

from broker import logs
from broker.memory import no_sweeps

TASK_MODULES = (
    "accounts.credential_tasks",
    "accounts.expiry_tasks",
    "accounts.filter_tasks",
    "accounts.mail_tasks",
    "broker.archive_tasks",
    "broker.dead_letter_tasks",
    "pipeline.alerts.tasks",
    "pipeline.alerts.replay_tasks",
    "pipeline.alerts.partition_tasks",
    "pipeline.gw.tasks",
    "pipeline.gw.action_tasks",
    "pipeline.gw.upkeep_tasks",
    "pipeline.lasair.tasks",
    "pipeline.selected.tasks",
    "pipeline.watch.tasks",
    "pipeline.s3.tasks",
    "pipeline.telescope.tasks",
    "pipeline.telescope.sink_tasks",
    "pipeline.user_filters.tasks",
)
"""A flow adds its line here."""

left_out: set[str] = set()
"""Modules that this process could not import."""

log = structlog.get_logger(__name__)


def import_all(**_: Any) -> None:
    """Import every module that can be; a worker or beat that starts calls this through Celery."""
    with no_sweeps():
        for module in TASK_MODULES:
            _import(module)


def _import(module: str) -> None:
    try:
        import_module(module)
    except Exception:
        logs.configure()  # Celery sets its own up later
        log.exception("worker.module_left_out", module=module, works_without_it=True)
        left_out.add(module)


def serves(state: Any) -> dict[str, list[str]]:
    """Tell whoever asks all workers which queues this one reads, and what it had to leave out."""
    consumer = state.consumer.task_consumer
    queues = [queue.name for queue in consumer.queues] if consumer else []
    return {"queues": queues, "left_out": sorted(left_out)}


inspect_command()(serves)
