"""One run: notices alone, notices beside a full alert topic, plans."""

import importlib.util
import os
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from broker.config import config
from broker.kafka_admin import ensure_topics
from pipeline.bootstrap import notice_topics
from tests import samples
from tests.bench import flow, measure
from tests.bench import run as alerts
from tests.bench.flow import Segment, WorkerLog
from tests.bench.servers import System
from tests.bench_gw import notices, plans, report
from tests.bench_gw.profiles import Profile
from tests.native import Native

OURS = ("listen-igwn", "worker-gw", "worker-notify", "worker-sinks")
Given = Iterator[tuple[str, bytes]]


def measured(profile: Profile, system: System) -> dict[str, Any]:
    """Measure on running servers with migrated tables; return the figures.

    Raises
    ------
    NotTaken, BenchError
        If a notice or an alert does not arrive.
    """
    began, load = datetime.now(UTC), os.getloadavg()[0]
    ensure_topics(notice_topics(config()))
    # Tables and packets of the alert flow come first: its listeners look for them.
    prepared = alerts.prepare(profile.of_alerts) if profile.alerts else None
    if prepared:
        system.start_processes()
    Native(system.native.home).must("up", *OURS)
    given = notices.notices()
    size = len(next(given)[1])
    notices.take(profile.warm, profile.gap_s, given)
    took = {"nothing else to do": notices.take(profile.idle, profile.gap_s, given)}
    beside: Segment | None = None
    if prepared:
        spool = prepared.spools["ztf"]
        took["full alert topic"], beside = _beside(system, profile, spool, given)
    return {
        "profile": profile.name,
        "date": f"{began:%Y-%m-%d %H:%M} UTC",
        "machine": measure.machine(system),
        "load": load,
        "notice_bytes": size,
        "notices": {name: report.summary(each) for name, each in took.items()},
        "alerts": beside.alerts if beside else 0,
        "alerts_hz": beside.rate_hz if beside else 0.0,
        "plans": _plans(profile, system),
    }


def _beside(
    system: System, profile: Profile, spool: Any, given: Given
) -> tuple[list[float], Segment]:
    """Send notices as long as the alert flow has packets to work on."""
    log = WorkerLog(system.worker_log)
    warm = profile.of_alerts.ztf.warm
    flow.segment(system, spool, 0, warm, log)
    segments: list[Segment] = []
    worker = threading.Thread(
        target=lambda: segments.append(flow.segment(system, spool, warm, len(spool), log))
    )
    waiting = "SELECT count(*) FROM stream_ranges WHERE state <> 'done'"
    worker.start()
    while worker.is_alive() and system.sql(waiting) == [(0,)]:
        worker.join(flow.WAIT_S)  # the topic is being filled
    took = notices.take_while(worker.is_alive, profile.gap_s, given)
    worker.join()
    return took, segments[0]


def _plans(profile: Profile, system: System) -> list[dict[str, Any]]:
    """Time plans with nothing else to do, where what they need is there."""
    if not profile.has_plans:
        return []
    system.native.must("down", *OURS)
    if profile.alerts:
        system.stop_processes()
    if importlib.util.find_spec("gwemopt") is None or not samples.are_there():
        print("no plans: gwemopt (make plans) or the samples are missing")
        return []
    return plans.measured()
