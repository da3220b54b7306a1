"""F17: the bookkeeping of ranges is emptied under load, again and again."""

import time

from tests.drill.case import ALERTS_PER_TASK, MESSAGES_PER_ALERT, Case
from tests.drill.record import Fault
from tests.drill.stage import STREAMS, Stage

TIMES = 5
SHORT_TIMES = 2
EVERY_S = 4.0
"""Longer than a worker that has read what waits needs to publish it."""
WINDOW = 4
"""Ranges in flight per listener: two per worker process."""
WAYS = {
    "truncated": ("TRUNCATE stream_ranges, stream_partitions",),
    "deleted": ("DELETE FROM stream_ranges", "DELETE FROM stream_partitions"),
    "ranges alone deleted": ("DELETE FROM stream_ranges",),
    "partitions alone deleted": ("DELETE FROM stream_partitions",),
}
SHORT_WAYS = ("truncated",)
MARKED = """
    SELECT survey, candid::text FROM alerts
    WHERE outputs <> 0 AND pending = 0 AND published_at < now() - make_interval(secs => %s)
"""


def run(stage: Stage) -> None:
    """Empty them in each way; what was marked as published must not come again."""
    for way in SHORT_WAYS if stage.is_short else WAYS:
        _empty(stage, way)


def _empty(stage: Stage, way: str) -> None:
    times = SHORT_TIMES if stage.is_short else TIMES
    in_flight = len(STREAMS) * WINDOW * ALERTS_PER_TASK * MESSAGES_PER_ALERT
    with (
        stage.case(way, at_most_repeated=times * in_flight, keeps_rows=False) as case,
        case.fault(),
    ):
        for _ in range(times):
            _empty_once(stage, way, case)
            time.sleep(EVERY_S)


def _empty_once(stage: Stage, way: str, case: Case) -> None:
    marked = set(stage.system.sql(MARKED, EVERY_S))
    moment_s = time.time()
    for statement in WAYS[way]:
        stage.system.sql(statement)
    case.must_not_come_again(marked, moment_s)


FAULT = Fault("F17", "bookkeeping emptied under load", run, is_short=True)
