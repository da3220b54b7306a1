"""The Celery app on a Redis that takes every task back after a second, with ranges that take five.

Started with ``-A tests.drill.impatient``, and imported by nobody: it changes the process that it is
in. Each copy of a task says in the log what it found.
"""

import time
from typing import Any

import structlog

from broker.celery import app
from broker.ranges import working
from broker.redis_transport import TRANSPORT_OPTIONS
from pipeline.alerts import flow
from pipeline.alerts.work import RangeWork
from tests.drill.tripling import COPY

__all__ = ["app"]

RANGE_S = 5.0

app.conf.broker_transport_options = {
    **TRANSPORT_OPTIONS,
    "visibility_timeout": 1,
    "unacked_restore_interval": 1,
}

log = structlog.get_logger(__name__)
_claim, _carry = working.claim, flow.carry


def _told_claim(*args: Any, **kwargs: Any) -> Any:
    held = _claim(*args, **kwargs)
    log.info(COPY, is_dropped=held is None)
    return held


def _slow_carry(work: RangeWork) -> None:
    time.sleep(RANGE_S)
    _carry(work)


working.claim = _told_claim
flow.carry = _slow_carry
