"""A Celery worker whose soft shutdown ends when its children are idle.

Celery's own sleeps for the whole ``worker_soft_shutdown_timeout`` whenever one task is running, and
its event loop stands still meanwhile, so that it cannot see the task end. Here every child notes in
shared memory whether it is busy.
"""

import mmap
import time
from typing import Any

from billiard import current_process
from celery import signals
from celery.apps.worker import Worker

LARGEST_POOL = 1024
POLL_S = 0.1
SETTLED_POLLS = 3
"""A task on its way through a pipe to its child is not seen at once."""

_is_busy = mmap.mmap(-1, LARGEST_POOL)


class SoftStoppingWorker(Worker):  # type: ignore[misc] # Celery has no types
    """Celery's worker, not waiting longer than its tasks do."""

    def wait_for_soft_shutdown(self) -> None:
        """Let running tasks end, for at most ``worker_soft_shutdown_timeout``."""
        give_up_at = time.monotonic() + self.app.conf.worker_soft_shutdown_timeout
        idle_polls = 0
        while idle_polls < SETTLED_POLLS and time.monotonic() < give_up_at:
            time.sleep(POLL_S)  # the main thread is in its signal handler; there is nothing else
            idle_polls = 0 if any(_is_busy[:]) else idle_polls + 1


def _note(*, is_busy: bool) -> None:
    at = getattr(current_process(), "index", None)
    if at is not None and at < LARGEST_POOL:
        _is_busy[at] = is_busy


@signals.worker_process_init.connect  # type: ignore[untyped-decorator] # Celery has no types
def _idle(**_: Any) -> None:
    _note(is_busy=False)


@signals.task_prerun.connect  # type: ignore[untyped-decorator] # Celery has no types
def _busy(**_: Any) -> None:
    _note(is_busy=True)


@signals.task_postrun.connect  # type: ignore[untyped-decorator] # Celery has no types
def _ready(**_: Any) -> None:
    _note(is_busy=False)
