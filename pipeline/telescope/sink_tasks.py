"""The Celery task that stores what telescopes observed."""

import time
from datetime import date, datetime
from functools import cache

import structlog
from celery import Task

from broker.celery import task
from broker.config import config
from broker.db import transaction
from broker.errors import TransientError
from broker.failpoints import failpoint
from broker.kafka import OffsetsExpired, Producer, own_connection
from broker.ranges import replays
from broker.ranges.claim import Claim, release
from broker.ranges.sources import source_id
from broker.ranges.working import RangeLostError, attempt, try_claim
from pipeline.alerts import replay_tasks
from pipeline.alerts.resources import resources
from pipeline.alerts.store import Source, utc_from_ms
from pipeline.telescope import sink, sink_letters
from pipeline.telescope.codec import codec
from pipeline.telescope.decode_data import Refused
from pipeline.telescope.topics import HEADER_BYTES
from pipeline.topics import TELESCOPE_DATA

log = structlog.get_logger(__name__)


@task(TELESCOPE_DATA.task, queue=TELESCOPE_DATA.queue, bind=True)
def store(
    self: Task,
    stream: str,
    topic: str,
    partition: int,
    first: int,
    last: int,
    replay_id: int = 0,
) -> None:
    """Store one range of a data topic; safe to repeat: the table decides."""
    began_cpu_s = time.thread_time()
    held = try_claim(stream, topic, partition, first, replay_id, self.request.id, arrived)
    if held is None:
        return
    failpoint("data_claimed")
    name = f"{topic}[{partition}] {first}-{last}"
    with structlog.contextvars.bound_contextvars(stream=stream, range=name):
        store_range(held, began_cpu_s)
    if replay_id:
        replay_tasks.ring()  # its next range need not wait for beat


def arrived(held: Claim) -> tuple[datetime | None, date]:
    """Return when the message of a range came, and its UTC date, to bury it with.

    It is copied to the telescope's dead letters first, as whatever is buried; while that cannot be,
    the range is given back, and nobody buries it. A replay asks for nothing: the letter that it
    retries keeps its night, and has its copy.
    """
    at = None
    if not held.replay_id:
        try:
            at = _leave_copy(held)
        except OffsetsExpired:
            log.warning("data.expired_before_burial", topic=held.topic, offset=held.first)
        except TransientError as error:
            release(held, error, infrastructure=True)
    return at, (at or utc_from_ms(time.time_ns() // 1_000_000)).date()


def _leave_copy(held: Claim) -> datetime | None:
    """Copy a message whose workers died; return when it came, None where there is none."""
    reader = resources().reader(held.stream)
    packets = reader.read(held.topic, held.partition, held.first, held.first).packets
    if not packets:
        return None
    refused = Refused(packets[0], "worker_died", "")
    dlq = sink.data_of(held.topic).data_dlq
    sink_letters.send_copies(_producer(), dlq, (held.topic, held.partition), [refused], ())
    return utc_from_ms(packets[0].timestamp_ms)


def store_range(held: Claim, began_cpu_s: float) -> None:
    """Store a claimed range and say in its row what became of it.

    ``began_cpu_s`` is this thread's CPU time when the task began [s], for its line in the log.
    """
    opened: list[sink.SinkWork] = []

    def carry() -> None:
        opened.append(_open(held))
        sink.carry(opened[0])

    if attempt(held, carry):
        task_cpu_ms = round(1e3 * (time.thread_time() - began_cpu_s), 2)
        log.info("data.stored", **vars(opened[0].tally), task_cpu_ms=task_cpu_ms)


def _open(held: Claim) -> sink.SinkWork:
    settings = config()
    timeout_s = settings.postgres.worker_statement_timeout_s
    if held.replay_id:
        codec().ask_again()
    with transaction(statement_timeout_s=timeout_s) as session:
        if held.replay_id:
            place = (held.topic, held.partition)
            found = replays.replay_source_id(session, held.replay_id, place, held.first)
            if found is None:
                raise RangeLostError
        else:
            found = source_id(session, held.stream, held.topic, held.partition)
    return sink.SinkWork(
        held,
        Source(found, held.partition),
        sink.data_of(held.topic),
        resources().reader(held.stream),
        _producer(),
        codec(),
        settings.ranges.bytes_per_task,
        timeout_s,
    )


@cache
def _producer() -> Producer:
    """Return this process's producer of what could not be stored: as large as data, and headers."""
    return Producer(own_connection(), config().telescope.data_max_bytes + HEADER_BYTES)
