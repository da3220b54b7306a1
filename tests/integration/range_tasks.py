"""A range task whose only work is a row, and the processes that the range tests start.

``python -m tests.integration.range_tasks STREAM TOPIC SLOT`` listens; ``celery -A
tests.integration.range_tasks worker`` works. What a worker does to itself is asked for by the
environment variable RANGE_TEST, JSON: ``sleep_s``, ``killer_offsets``, ``hang_offsets``.
"""

import json
import os
import signal
import sys
import time
from functools import partial

import structlog
from billiard.exceptions import SoftTimeLimitExceeded
from sqlalchemy import text

from broker import logs
from broker.celery import app, doorbell, enqueue, task
from broker.config import config, project_path
from broker.db import transaction
from broker.failpoints import failpoint
from broker.kafka import Cluster, Fenced, PartitionOwner, stream_connection
from broker.ranges.brakes import Brakes
from broker.ranges.claim import Claim, Counts, claim, finish, release, still_mine
from broker.ranges.listener import Listener, ListenerSettings
from tests.environment import inherited

__all__ = ["app"]
TASK = "range_test.work"
ORDERS = json.loads(inherited().get("RANGE_TEST", "{}"))
log = structlog.get_logger("range_test")


@task(TASK, queue="alerts", bind=True)
def work(self, stream, topic, partition, first, last, replay_id=0):
    """Write one row per offset, then mark the range done."""
    held = claim(stream, topic, partition, first, replay_id, self.request.id)
    if held is None:
        return
    failpoint("after_claim")
    try:
        _carry(held)
    except SoftTimeLimitExceeded as error:
        release(held, error, infrastructure=False)
    except SystemExit as error:
        release(held, f"shutdown: {error}", infrastructure=True)
        raise
    except Exception as error:
        log.exception("failed")
        release(held, error, infrastructure=True)


def _carry(held: Claim) -> None:
    offsets = range(held.first, held.last + 1)
    began = time.time()
    time.sleep(ORDERS.get("sleep_s", 0))
    if set(ORDERS.get("killer_offsets", ())) & set(offsets):
        os.kill(os.getpid(), signal.SIGKILL)
    if set(ORDERS.get("hang_offsets", ())) & set(offsets):
        time.sleep(3600)
    with transaction() as session:
        if not still_mine(session, held):
            return
        session.execute(
            text("""
                INSERT INTO range_test_rows (topic, partition, "offset", started_at)
                SELECT :topic, :partition, o, to_timestamp(:began)
                FROM generate_series(CAST(:first AS bigint), CAST(:last AS bigint)) AS o
                ON CONFLICT (topic, partition, "offset") DO UPDATE
                    SET times = range_test_rows.times + 1
            """),
            {
                "topic": held.topic,
                "partition": held.partition,
                "first": held.first,
                "last": held.last,
                "began": began,
            },
        )
    failpoint("after_store")
    with transaction() as session:
        failpoint("before_done")
        finish(session, held, Counts(read=len(offsets), stored=len(offsets)))


def listen(stream: str, topic: str, slot: str, start: str) -> None:
    """Run a listener until SIGTERM; end with 3 when fenced."""
    logs.configure()
    asked = []
    signal.signal(signal.SIGTERM, lambda *_: asked.append(1))
    connection, ranges = stream_connection("ztf"), config().ranges
    name = f"{stream}-{slot}"
    join = partial(
        PartitionOwner,
        connection,
        f"nightjar-{stream}",
        name,
        topic,
        session_timeout_ms=ranges.session_timeout_ms,
    )
    settings = ListenerSettings(
        stream=stream,
        task=TASK,
        queue="alerts",
        owner=f"{name} {os.getpid()}",
        start=start,
        window=ranges.window_size,
        longest=ranges.alerts_per_task,
        tick_s=ranges.poll_interval_ms / 1000,
        ring_after_s=ranges.ring_after_s,
    )
    brakes = Brakes(stream, project_path(config().archive.path))
    try:
        Listener(settings, join, Cluster(connection), brakes, enqueue).run(lambda: bool(asked))
    except Fenced as error:
        log.warning("fenced", error=str(error))
        sys.exit(3)
    doorbell.drain(2)


if __name__ == "__main__":
    listen(*sys.argv[1:4], sys.argv[4] if len(sys.argv) > 4 else "earliest")
