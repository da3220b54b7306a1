"""The Celery app, the one `task` decorator, and what happens when a worker's child dies.

Redis is a doorbell. No setting of Celery gives "never lost" together with "never twice", so the
truth stays in Kafka (ranges) and in Postgres (rows), and a task is only a reason to look there.
Processes are started with ``REMAP_SIGTERM=SIGQUIT`` in their environment (soft shutdown).
"""

import logging
import time
from collections.abc import Callable
from typing import Any, TypeVar

import celery
import sqlalchemy.exc
import structlog
from billiard.exceptions import TimeLimitExceeded, WorkerLostError
from celery import signals
from kombu import Exchange, Queue
from redis import Redis, RedisError

from broker import logs, metrics_serving, task_modules
from broker.config import config
from broker.doorbell import Doorbell, Ring, check_arguments
from broker.errors import TransientError
from broker.failpoints import failpoint
from broker.host import host_queue, this_host
from broker.memory import limit_memory
from broker.migrate import PendingMigrationsError, require_streams_migrated
from broker.queues import LIMITS_S, RANGE_QUEUES, wanted
from broker.ranges.claim import free_lost
from broker.redis_transport import TRANSPORT, TRANSPORT_OPTIONS, waiting
from broker.soft_stop import SoftStoppingWorker

DEAF_AT = 100
"""Messages that wait for a host, after which nobody rings there: its workers are gone."""
ASK_TIMEOUT_S = 2.0
PRIORITY_LIVE = 0
PRIORITY_AGAIN = 6
"""Of what a sweep found: behind what has just been asked for, and behind the next sweep."""
PRIORITY_REPLAY = 9
_TALKATIVE = ("celery.worker.strategy", "celery.app.trace")
"""Loggers with two lines per task; our own say what a range did."""

Function = TypeVar("Function", bound=Callable[..., Any])
QUEUE_OF: dict[str, str] = {}
"""Queue of each registered task, by name."""
_WHEN_LOST: dict[str, Callable[[str], None]] = {}
log = structlog.get_logger(__name__)


class ArgumentCheckingTask(celery.Task):
    """A task that refuses arguments which must not pass through Redis."""

    def apply_async(self, args: Any = None, kwargs: Any = None, **options: Any) -> Any:
        """Send the task; see ``broker.doorbell.check_arguments``."""
        check_arguments([list(args or ()), kwargs or {}])
        return super().apply_async(args, kwargs, **options)


def route(name: str, *_: Any, **__: Any) -> dict[str, str] | None:
    """Return the queue of a task, as Celery's router wants it."""
    return {"queue": QUEUE_OF[name]} if name in QUEUE_OF else None


def _declared(name: str) -> Queue:
    return Queue(name, Exchange(name), routing_key=name)


def limits_s(queue: str) -> tuple[int, int]:
    """Return the soft and hard time limit of a queue's tasks [s]; fault tests may shorten them."""
    soft_s, hard_s = LIMITS_S[queue]
    if queue not in RANGE_QUEUES:
        return soft_s, hard_s
    testing = config().testing
    return testing.soft_limit_s or soft_s, testing.hard_limit_s or hard_s


def _is_worked(queue: str) -> bool:
    """Return if a worker of this queue is started; only one forgets a ring that is too old."""
    return any(each.name == queue for each in wanted(config()))


app = celery.Celery("nightjar", task_cls=ArgumentCheckingTask)
app.conf.update(
    broker_url=config().redis.url.get_secret_value(),
    result_backend=None,
    task_serializer="json",
    result_serializer="json",
    event_serializer="json",
    accept_content=["json"],
    task_ignore_result=True,
    task_acks_late=True,
    task_acks_on_failure_or_timeout=True,
    task_reject_on_worker_lost=False,  # true: a task that kills its child loops for ever (measured)
    worker_prefetch_multiplier=1,
    worker_max_tasks_per_child=5000,
    # What once ate half of its memory [kB] ends after its task: the next one finds room.
    worker_max_memory_per_child=config().ranges.worker_memory_bytes // 2 // 1024,
    # A child warms up before it takes tasks; a machine without kept functions compiles them then.
    worker_proc_alive_timeout=180.0,
    worker_soft_shutdown_timeout=30.0,
    worker_hijack_root_logger=False,
    worker_redirect_stdouts=False,
    broker_connection_retry_on_startup=True,
    broker_connection_max_retries=None,  # Redis may be away all night
    task_queues=[_declared(name) for name in (*LIMITS_S, host_queue(this_host()))],
    task_create_missing_queues=False,
    task_default_queue="notify",
    task_routes=(route,),
    task_default_priority=PRIORITY_LIVE,
    broker_transport=TRANSPORT,
    broker_transport_options=TRANSPORT_OPTIONS,
    beat_schedule={},
    beat_scheduler="celery.beat:Scheduler",  # no file: what was missed is not made up for
)
signals.import_modules.connect(task_modules.import_all)
app.Worker = app.subclass_with_self(SoftStoppingWorker)


def task(
    name: str,
    *,
    queue: str,
    every_s: int | None = None,
    when_lost: Callable[[str], None] | None = None,
    **options: Any,
) -> Callable[[Function], Function]:
    """Register a function as a task; the only policy there is.

    Parameters
    ----------
    name : str
        ``flow.verb``; a wire contract, keep an old name as an alias for one release.
    queue : str
        Of ``broker.queues``; decides the time limits. Tasks of ranges are never retried by Celery.
    every_s : int, optional
        Beat rings for the task, without arguments, at this interval [s], where these settings have
        work for its queue. Such a task is never retried, the next ring comes anyway; it must be
        safe beside a second copy of itself.
    when_lost : callable, optional
        Called in the pool's parent with the task's id when the child that worked on it died.
    options : dict
        Passed to Celery, for example ``bind=True``.
    """
    soft_s, hard_s = limits_s(queue)
    QUEUE_OF[name] = queue
    if when_lost is not None:
        _WHEN_LOST[name] = when_lost
    policy: dict[str, Any] = {
        "name": name,
        "soft_time_limit": soft_s,
        "time_limit": hard_s,
    }
    if every_s is not None:
        if _is_worked(queue):
            # A ring that nobody answered is worthless once the next one comes.
            app.conf.beat_schedule[name] = {
                "task": name,
                "schedule": every_s,
                "options": {"expires": every_s, "ignore_result": True},
            }
    elif queue not in RANGE_QUEUES:
        policy |= {
            "autoretry_for": (TransientError,),
            "retry_backoff": True,
            "retry_backoff_max": 300,
            "retry_jitter": True,
            "max_retries": 8,
        }
    return app.task(**policy | options)


def enqueue(task_name: str, queue: str, *arguments: Any, priority: int = PRIORITY_LIVE) -> bool:
    """Ring for a task from this process's background thread: at once, without an answer.

    Returns False when the bell could not even be queued; the row or the offset that the task works
    on is rung again later. Call it after the commit.
    """
    return doorbell.ring(Ring(task_name, queue, arguments, priority))


def is_heard(queue: str) -> bool:
    """Return whether somebody takes the messages of a queue; yes where Redis cannot be asked."""
    try:
        with Redis.from_url(
            config().redis.url.get_secret_value(),
            socket_timeout=ASK_TIMEOUT_S,
            socket_connect_timeout=ASK_TIMEOUT_S,
        ) as client:
            return waiting(client, [queue])[queue] < DEAF_AT
    except RedisError:
        return True


def _send(ring: Ring) -> None:
    app.send_task(
        ring.task,
        args=ring.arguments,
        queue=_declared(ring.queue),  # other hosts' queues are not among ours
        priority=ring.priority,
        retry=False,
        ignore_result=True,
    )
    failpoint("after_publish")


doorbell = Doorbell(_send)

_starting: list[Callable[[], None]] = []
_closing: list[Callable[[], None]] = []


def worker_starting(function: Callable[[], None]) -> Callable[[], None]:
    """Run ``function`` in each new worker process before it takes tasks (warm-up)."""
    _starting.append(function)
    return function


def worker_closing(function: Callable[[], None]) -> Callable[[], None]:
    """Run ``function`` when a worker process ends in good order."""
    _closing.append(function)
    return function


def is_served_here(queue: str) -> bool:
    """Return whether this process's worker takes tasks of ``queue``; one without ``-Q`` does."""
    return queue in app.amqp.queues.consume_from


@signals.setup_logging.connect
def _configure_logs(**_: Any) -> None:
    logs.configure()
    for name in _TALKATIVE:
        logging.getLogger(name).setLevel(logging.WARNING)


@signals.worker_init.connect
def _require_tables(**_: Any) -> None:
    """Refuse to work on a database that does not fit this code; one that is away is waited for."""
    try:
        require_streams_migrated(config().postgres.url.get_secret_value())
    except PendingMigrationsError as error:
        raise SystemExit(f"worker: {error}") from None
    except sqlalchemy.exc.OperationalError as error:
        log.warning("worker.no_database", error=repr(error))


@signals.worker_init.connect
@signals.beat_init.connect
def _serve_metrics(**_: Any) -> None:
    """Serve what this process counts, and a worker's children, which it forks later."""
    metrics_serving.serve()


@signals.worker_process_init.connect
def _start_process(**_: Any) -> None:
    """Warm up; a part that is away now is met again, with its own error, by the first task."""
    began = time.monotonic()
    limit_memory(config().ranges.worker_memory_bytes)
    for function in _starting:
        try:
            function()
        except Exception:
            log.exception("worker.warm_up_failed", function=function.__qualname__)
    log.info("worker.started", seconds=round(time.monotonic() - began, 3))


@signals.worker_process_shutdown.connect
def _close_process(**_: Any) -> None:
    for function in _closing:
        try:
            function()
        except Exception:
            log.exception("worker.close_failed", function=function.__qualname__)


@signals.task_failure.connect
def _free_range(
    sender: Any = None, task_id: str = "", exception: Any = None, args: Any = (), **_: Any
) -> None:
    """Free what a child held that died or hit its hard limit; runs in the pool's parent."""
    if not isinstance(exception, WorkerLostError | TimeLimitExceeded):
        return
    name = getattr(sender, "name", "")
    is_range = QUEUE_OF.get(name) in RANGE_QUEUES
    if not is_range and name not in _WHEN_LOST:
        return
    log.error("worker.lost", task=name, task_id=task_id, error=repr(exception))
    try:
        if is_range:
            free_lost(task_id, args, repr(exception))
        else:
            _WHEN_LOST[name](task_id)
    except Exception as error:  # noqa: BLE001 the parent must live; the lease ends by itself
        log.warning("worker.not_freed", error=repr(error), lease_ends=True)
