"""Serve this process's metrics, and those of the processes that it leads, over HTTP."""

import os
import struct
import threading
from collections.abc import Iterable
from pathlib import Path

import structlog

from broker import metrics_folder
from broker.config import config
from broker.metrics import COUNTED
from broker.prometheus import (
    Collector,
    CollectorRegistry,
    Metric,
    MultiProcessCollector,
    ProcessCollector,
    start_http_server,
)

_no_fork = threading.Lock()
os.register_at_fork(
    before=_no_fork.acquire,
    after_in_parent=_no_fork.release,
    after_in_child=_no_fork.release,
)
"""A child shall not be forked in the middle of an answer: it would inherit its half."""

log = structlog.get_logger(__name__)


class Together(Collector):
    """What the processes of one folder counted, added up.

    Parameters
    ----------
    path : Path
        Of the folder.
    """

    def __init__(self, path: Path) -> None:
        self._path = path

    def collect(self) -> Iterable[Metric]:
        """Return the sums; a file that is being made at this moment is read a moment later."""
        with _no_fork:
            metrics_folder.fold(self._path)
            files = MultiProcessCollector(None, path=str(self._path))
            try:
                return list(files.collect())
            except (struct.error, FileNotFoundError):
                return list(files.collect())


def serve(*more: Collector) -> bool:
    """Serve from now on, in a thread; return whether that is so.

    Nothing depends on it: a port that is taken is told of, and the process goes on.

    Parameters
    ----------
    more : Collector
        What else this process tells.
    """
    settings = config().metrics
    if not settings.port:
        return False
    assert COUNTED  # noqa: S101 its file is there before the others are cleaned
    path = metrics_folder.folder()
    registry = CollectorRegistry()
    try:
        start_http_server(settings.port, settings.host, registry)
    except OSError as error:
        log.warning("metrics.not_served", port=settings.port, error=str(error))
        return False
    metrics_folder.clean(path)  # not before: who has the port has the files too
    for collector in (Together(path), *more):
        registry.register(collector)
    ProcessCollector(registry=registry)
    log.info("metrics.served", port=settings.port)
    return True
