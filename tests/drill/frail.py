"""The Celery app with a fail point that kills one child only: its successor is sound.

Started with ``-A tests.drill.frail``. In the plain app every child dies at the same place, and after
five of them an innocent packet is buried.
"""

import mmap
from typing import Any

from celery import signals

from broker import failpoints
from broker.celery import app

__all__ = ["app"]

_has_begun = mmap.mmap(-1, 1)


@signals.worker_process_init.connect
def _spare_successors(**_: Any) -> None:
    if _has_begun[0]:
        failpoints._wanted = lambda: None
    _has_begun[0] = 1
