"""Our own processes: one line each."""

import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from broker.config import Config
from broker.host import QUEUE as FILES
from broker.host import host_queue, this_host
from broker.queues import TaskQueue, wanted
from compose.native.home import ROOT

PYTHON = sys.executable
MANAGE = (PYTHON, str(ROOT / "manage.py"))
CELERY = (PYTHON, "-m", "celery", "-A", "broker.celery")
SOFT_STOP = {"REMAP_SIGTERM": "SIGQUIT"}
"""SIGTERM then means: finish or put back what is at hand (Celery's soft shutdown)."""

METRICS_PORT = "NIGHTJAR_METRICS__PORT"
NO_SECRETS_OF_KAFKA = {"NIGHTJAR_KAFKA__ADMIN_PASSWORD": "", "NIGHTJAR_KAFKA__FEED_PASSWORD": ""}
"""Whoever takes over what strangers talk to shall find no more of Kafka than it needs itself."""


@dataclass(frozen=True)
class Process:
    """One of our processes.

    Attributes
    ----------
    name : str
        As in ``up NAME`` and ``logs NAME``.
    argv : tuple of str
        What to run.
    environment : mapping
        Added to ours.
    port : int, optional
        On which it answers HTTP.
    """

    name: str
    argv: tuple[str, ...]
    environment: Mapping[str, str] = field(default_factory=dict)
    port: int | None = None


def processes(settings: Config) -> tuple[Process, ...]:
    """Return our processes in the order in which they start."""
    web = settings.web
    gunicorn = (PYTHON, "-m", "gunicorn", "broker.wsgi", "--bind", f"{web.host}:{web.port}")
    found = (
        Process("web", (*gunicorn, "--workers", "2"), NO_SECRETS_OF_KAFKA, web.port),
        *(_worker(queue, settings) for queue in wanted(settings)),
        Process("beat", (*CELERY, "beat", "--loglevel", "WARNING", "--pidfile", "")),
        Process("listen-ztf", (*MANAGE, "listen", "ztf", "--slot", "0")),
        Process("listen-lsst", (*MANAGE, "listen", "lsst", "--slot", "0")),
        Process("listen-igwn", (*MANAGE, "listen", "igwn", "--slot", "0")),
        Process("listen-voevent", (*MANAGE, "listen", "voevent", "--slot", "0")),
        Process("listen-gcn_json", (*MANAGE, "listen", "gcn_json", "--slot", "0")),
        Process("listen-selected", (*MANAGE, "listen", "selected", "--slot", "0")),
        *_lasair(settings),
        *_telescopes(settings),
        Process("steady", (*MANAGE, "steady")),
    )
    first = settings.native.metrics_port
    return _measured((*found, Process("metrics", (*MANAGE, "metrics"))), first) if first else found


def _measured(found: tuple[Process, ...], first: int) -> tuple[Process, ...]:
    """Give each process a port for its metrics, one after the other from ``first``."""
    return tuple(
        replace(each, environment={**each.environment, METRICS_PORT: str(port)})
        for port, each in enumerate(found, first)
    )


def metrics_ports(found: Iterable[Process]) -> dict[str, int]:
    """Return where each process serves its metrics, by name."""
    return {
        each.name: int(each.environment[METRICS_PORT])
        for each in found
        if METRICS_PORT in each.environment
    }


def _lasair(settings: Config) -> tuple[Process, ...]:
    """Return the listener of Lasair's filters, where some are named."""
    words = (*MANAGE, "listen", "lasair", "--slot", "0")
    return (Process("listen-lasair", words),) if settings.lasair.topics else ()


def _telescopes(settings: Config) -> tuple[Process, ...]:
    """Return the listeners of what telescopes say and observe; none without a telescope."""
    streams = ("telescope", "telescope_data") if settings.telescopes else ()
    return tuple(
        Process(f"listen-{stream}", (*MANAGE, "listen", stream, "--slot", "0"))
        for stream in streams
    )


def _worker(queue: TaskQueue, settings: Config) -> Process:
    served = (queue.name, host_queue(this_host(settings))) if queue.name == FILES else (queue.name,)
    options = (
        "worker",
        "--loglevel",
        "WARNING",
        "-Q",
        ",".join(served),
        "--concurrency",
        str(queue.processes(settings)),
        "--pool",
        "prefork",
    )
    names = ("--hostname", f"{queue.name}@%h", "--without-gossip", "--without-mingle")
    return Process(f"worker-{queue.name}", (*CELERY, *options, *names), SOFT_STOP)
