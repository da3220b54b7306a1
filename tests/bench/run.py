"""One run of the benchmark, from empty servers to figures and their books."""

import statistics
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
from sqlalchemy import text

from broker.db import engine
from pipeline.catalogs import catalog
from pipeline.catalogs import load as loading
from pipeline.catalogs.load import Wish
from pipeline.catalogs.record import LoadError
from tests.bench import (
    baseline,
    evidence,
    filtering,
    flow,
    goals,
    history,
    latency,
    measure,
    micro,
    packets,
    servers,
    spoil,
    user_filters,
    world,
)
from tests.bench.evidence import Messages
from tests.bench.filtering import Pairs
from tests.bench.flow import Segment, WorkerLog
from tests.bench.latency import Stream
from tests.bench.measure import Calibration
from tests.bench.packets import Spool
from tests.bench.profiles import Load, Profile, home_path, not_measured
from tests.bench.servers import System
from tests.bench.stages import gap_problems, stages, steady, wall_ms
from tests.bench.user_filters import Caught
from tests.bench.world import Sky, Surroundings

SURVEYS = ("ztf", "lsst")
MICRO_PACKETS = 250
ONE_BY_ONE_WINDOW = "200"
"""At a range of 1 the listener cuts at most a window per tick."""


@dataclass
class Prepared:
    """What is loaded before the first packet is timed."""

    sky: Sky
    near: dict[str, Surroundings]
    spools: dict[str, Spool]
    catalog_rows: dict[str, int]
    history_points: int


@dataclass
class SurveyRun:
    """What was measured of one survey."""

    spool: Spool
    load: Load
    d_hz: list[float] = field(default_factory=list)
    segments: list[Segment] = field(default_factory=list)
    streams: dict[str, Stream] = field(default_factory=dict)
    curve: dict[int, Segment] = field(default_factory=dict)
    filter_pairs: Pairs | None = None
    caught: Caught | None = None
    naive: baseline.Result | None = None
    beside_naive: Segment | None = None
    """The flow's way of the packets that the baseline is timed with."""
    in_turn: list[int] = field(default_factory=list)
    also_sent: Sequence[int] = ()

    @property
    def sent(self) -> list[int]:
        """Numbers in the spool of everything that went through the flow."""
        return [*self.in_turn, *self.also_sent]

    @property
    def rate_hz(self) -> float:
        return statistics.median(one.rate_hz for one in self.segments)

    @property
    def ratios(self) -> list[float]:
        """Each segment's rate over the mean of the two measurements of D beside it."""
        return [
            2 * one.rate_hz / (self.d_hz[at] + self.d_hz[at + 1])
            for at, one in enumerate(self.segments)
        ]

    def take(self, count: int) -> tuple[int, int]:
        """Return the next so many packets of the spool, as sent."""
        first = len(self.in_turn)
        self.in_turn += range(first, first + count)
        return first, first + count


@dataclass
class Run:
    """One run under way."""

    system: System
    profile: Profile
    prepared: Prepared
    log: WorkerLog
    calibration: Calibration = field(default_factory=Calibration)
    surveys: dict[str, SurveyRun] = field(default_factory=dict)
    idle_share: dict[str, float] = field(default_factory=dict)
    idle_redis_hz: float = 0.0
    """Bytes per second that come into Redis when no alert does."""
    peak_memory: dict[str, int] = field(default_factory=dict)
    redis_peak: int = 0


def measured(profile: Profile, chosen: Sequence[str]) -> dict[str, Any]:
    """Run everything; return the figures, with ``problems`` empty when the books balance."""
    began = datetime.now(UTC)
    with servers.system(profile) as system:
        run = Run(system, profile, prepare(profile, chosen), WorkerLog(system.worker_log))
        baseline.copy_database()
        system.start_processes()
        _idle(run)
        for survey in chosen:
            load = {"ztf": profile.ztf, "lsst": profile.lsst}[survey]
            run.surveys[survey] = SurveyRun(run.prepared.spools[survey], load)
            _timed(run, run.surveys[survey])
            _streams(run, run.surveys[survey])
            if load.filtered:
                run.surveys[survey].filter_pairs = filtering.pairs(run, run.surveys[survey])
            if load.caught:
                run.surveys[survey].caught = user_filters.measured(run, run.surveys[survey])
        run.peak_memory = measure.peak_memory(system)
        run.redis_peak = int(system.redis()["used_memory_peak"])
        _send_naives(run)
        _curves(run)
        _naive(run)
        return _figures(run, began)


def rate(profile: Profile, survey: str, **settings: str) -> dict[str, Any]:
    """Measure one survey's full rate alone, with settings of our processes that differ.

    Returns
    -------
    dict
        ``rate_hz``, ``d_hz`` and ``x_d`` of the segments, ``cpu_ms`` per alert, packet bytes, and
        ``problems`` of the books.
    """
    with servers.system(profile) as system:
        run = Run(system, profile, prepare(profile, (survey,)), WorkerLog(system.worker_log))
        system.start_processes(**settings)
        load = {"ztf": profile.ztf, "lsst": profile.lsst}[survey]
        one = SurveyRun(run.prepared.spools[survey], load)
        _timed(run, one)
        time.sleep(flow.SETTLE_S)
        sent = {survey: one.sent}
        problems = evidence.problems(system, sent, run.prepared, Messages(), profile.one_in)
        found = stages(steady(one.segments))
        return {
            "rate_hz": [segment.rate_hz for segment in one.segments],
            "d_hz": one.d_hz,
            "x_d": one.ratios,
            "cpu_ms": found.lines,
            "cpu_ms_total": found.total,
            "packet_bytes_median": int(np.median(one.spool.lengths)),
            "problems": problems,
        }


def load_anew(connection: Any, name: str, path: Path) -> loading.Loaded:
    """Load a catalog, also in the place of a far larger one: the tables are the benchmark's own."""
    try:
        return loading.load(connection, catalog(name), Wish(path), lambda _: None)
    except LoadError:
        return loading.load(connection, catalog(name), Wish(path, is_forced=True), lambda _: None)


def prepare(profile: Profile, chosen: Sequence[str]) -> Prepared:
    """Load catalogs, history and packets of the chosen surveys; nothing here is timed."""
    home = home_path()
    began = time.monotonic()
    point_sources, other = world.catalogs(profile, home / "catalogs")
    rows = {}
    with loading.own_connection() as connection:
        for one in (point_sources, other):
            done = load_anew(connection, one.name, one.path)
            rows[one.name] = done.rows
            print(
                f"catalog {one.name}: {done.rows} rows{' (were there)' if done.was_there else ''}"
            )
    sky = world.sky(profile, point_sources)
    near = {name: world.surroundings(sky, name, point_sources, other) for name in chosen}
    spools = {
        name: packets.spool(name, profile, sky, near[name], home / "spool") for name in chosen
    }
    history.load(sky, profile.history_points, chosen)
    with engine().connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        for statement in ("SET statement_timeout = 0", "ANALYZE", "CHECKPOINT"):
            connection.execute(text(statement))
    print(f"loaded in {time.monotonic() - began:.0f} s")
    return Prepared(sky, near, spools, rows, profile.history_points)


def _idle(run: Run) -> None:
    """See what the system takes when nothing comes."""
    redis_before = run.system.redis()["total_net_input_bytes"]
    before, began = measure.cpu(run.system), time.monotonic()
    time.sleep(run.profile.still_s)
    spent, took_s = measure.cpu(run.system).since(before), time.monotonic() - began
    came = run.system.redis()["total_net_input_bytes"] - redis_before
    run.idle_redis_hz = came / took_s
    run.idle_share = {name: used / took_s for name, used in spent.parts.items()}


def _timed(run: Run, one: SurveyRun) -> None:
    """Measure D and the flow in turns."""
    spool, count = one.spool, run.profile.segments
    chosen = list(spool.values(one.load.warm, one.load.warm + measure.D_PACKETS))

    def d() -> None:
        run.calibration.sample()
        one.d_hz.append(measure.d_rate(spool.survey, chosen, run.profile.d_s))

    flow.segment(run.system, spool, *one.take(one.load.warm), run.log)  # not timed: it warms up
    d()
    for number in range(count):
        size = (number + 1) * one.load.timed // count - number * one.load.timed // count
        one.segments.append(flow.segment(run.system, spool, *one.take(size), run.log))
        d()
        print(
            f"{spool.survey} segment {number + 1}: {one.segments[-1].rate_hz:.0f} alerts/s,"
            f" {one.ratios[-1]:.2f} × D"
        )


def _streams(run: Run, one: SurveyRun) -> None:
    """Send alerts one by one, then at half the full rate, both at random moments."""
    profile, spool = run.profile, one.spool
    first, last = one.take(one.load.idle)
    print(f"{spool.survey}: {one.load.idle} alerts at {profile.idle_rate_hz:g}/s")
    one.streams["idle"] = latency.send(
        run.system, spool, range(first, last), profile.idle_rate_hz, run.log
    )
    rate_hz = one.rate_hz / 2
    count = max(10, min(one.load.open_loop, int(rate_hz * profile.open_loop_s)))
    first, last = one.take(count)
    print(f"{spool.survey}: {count} alerts at {rate_hz:.0f}/s")
    one.streams["half rate"] = latency.send(run.system, spool, range(first, last), rate_hz, run.log)


def _curves(run: Run) -> None:
    """Try other lengths of ranges."""
    sizes = run.profile.curve
    for longest in sizes:
        run.system.stop_processes(*servers.RANGE_PROCESSES)
        run.system.start_processes(
            NIGHTJAR_RANGES__ALERTS_PER_TASK=str(longest),
            NIGHTJAR_RANGES__WINDOW=ONE_BY_ONE_WINDOW if longest == 1 else "0",
        )
        for one in run.surveys.values():
            count = one.load.singles // len(sizes) // 2
            flow.segment(run.system, one.spool, *one.take(count), run.log)  # warms up
            one.curve[longest] = flow.segment(run.system, one.spool, *one.take(count), run.log)
            print(
                f"{one.spool.survey} with ranges of {longest}: {one.curve[longest].rate_hz:.0f}/s"
            )


def _send_naives(run: Run) -> None:
    """Carry the baseline's packets through the flow too, ZTF's first as in the baseline."""
    for one in run.surveys.values():
        first, last = one.load.flow, one.load.total
        timed = first + one.load.naive_warm
        one.also_sent = range(first, last)
        flow.segment(run.system, one.spool, first, timed, run.log)
        one.beside_naive = flow.segment(run.system, one.spool, timed, last, run.log)


def _naive(run: Run) -> None:
    """Carry packets through the baseline, with nothing of ours running."""
    time.sleep(flow.SETTLE_S)
    run.system.stop_processes()
    for one in run.surveys.values():
        one.naive = baseline.run(
            run.system, one.spool, one.load.flow, one.load.total, one.load.naive_warm
        )
        print(f"{one.spool.survey}: naive baseline {one.naive.rate_hz:.0f} alerts/s")
    baseline.drop_database()


def _figures(run: Run, began: datetime) -> dict[str, Any]:
    messages, problems = Messages(), []
    sent = {name: one.sent for name, one in run.surveys.items()}
    problems += evidence.problems(run.system, sent, run.prepared, messages, run.profile.one_in)
    for name, one in run.surveys.items():
        assert one.naive is not None
        problems += [f"{name}: naive: {text}" for text in one.naive.differences[:5]]
        if run.profile.is_judged:
            found = stages(steady(one.segments))
            problems += [f"{name}: {text}" for text in gap_problems(found)]
    surveys = {name: _survey_figures(run, one, messages) for name, one in run.surveys.items()}
    figures = {
        "date": f"{began:%Y-%m-%d %H:%M} UTC",
        "profile": run.profile.name,
        "not_measured": not_measured(run.profile, run.surveys),
        "took_s": round((datetime.now(UTC) - began).total_seconds()),
        "machine": measure.machine(run.system),
        "calibration": run.calibration.summary(),
        "catalog_rows": run.prepared.catalog_rows,
        "idle_share_of_a_core": run.idle_share,
        "peak_memory_bytes": run.peak_memory,
        "redis_peak_bytes": run.redis_peak,
        "idle_redis_bytes_per_s": run.idle_redis_hz,
        "surveys": surveys,
        "goals": goals.verdict(surveys, is_judged=run.profile.is_judged),
        "problems": problems,
    }
    if run.profile.is_spoilt_after:

        def again() -> list[str]:
            return evidence.problems(run.system, sent, run.prepared, Messages(), run.profile.one_in)

        figures["spoilt"] = spoil.seen(run.system, evidence.first_message(), again)
    return figures


def _survey_figures(run: Run, one: SurveyRun, messages: Messages) -> dict[str, Any]:
    found, spool = stages(steady(one.segments)), one.spool
    alerts = sum(segment.alerts for segment in one.segments)
    first = one.load.warm
    sample = list(spool.values(first, first + min(MICRO_PACKETS, one.load.timed)))
    naive, beside = one.naive, one.beside_naive
    assert naive is not None
    assert beside is not None
    return {
        "packets": spool.origin,
        "packet_bytes_median": int(np.median(spool.lengths)),
        "alerts": alerts,
        "sent": len(one.sent),
        "ranges": sum(segment.work.ranges for segment in one.segments),
        "d_hz": one.d_hz,
        "rate_hz": [segment.rate_hz for segment in one.segments],
        "x_d": one.ratios,
        "x_d_median": statistics.median(one.ratios),
        "micro": micro.ratios(spool.survey, sample),
        "replaced_in": [at for at, s in enumerate(one.segments, 1) if s.cpu.children],
        "cpu_ms": found.lines,
        "cpu_ms_total": found.total,
        "cpu_ms_other": found.unexplained,
        "wall_ms": wall_ms(one.segments),
        "celery_share": found.celery_share,
        "redis_bytes_per_alert": sum(segment.redis_bytes for segment in one.segments) / alerts,
        "redis_idle_bytes_per_alert": run.idle_redis_hz
        * sum(segment.seconds for segment in one.segments)
        / alerts,
        "filters": one.filter_pairs.figures() if one.filter_pairs else None,
        "user_filters": one.caught.figures() if one.caught else None,
        "latency": {
            kind: {
                "rate_hz": stream.rate_hz,
                "sender_late_ms": stream.late_ms,
                **latency.summary(
                    latency.took_ms(
                        stream, messages.seen, evidence.input_times(run.system, stream.candids)
                    )
                ),
            }
            for kind, stream in one.streams.items()
        },
        "alerts_per_task": {
            str(longest): {
                "rate_hz": segment.rate_hz,
                "of_default": segment.rate_hz / one.rate_hz,
                "cpu_ms": stages([segment]).total,
                "celery_share": stages([segment]).celery_share,
                "is_child_replaced": bool(segment.cpu.children),
                "redis_bytes_per_alert": segment.redis_bytes / segment.alerts,
            }
            for longest, segment in one.curve.items()
        },
        "naive": {
            "alerts": naive.alerts,
            "rate_hz": naive.rate_hz,
            "cpu_ms": 1e3 * naive.cpu_s / naive.alerts,
            "redis_bytes_per_alert": naive.redis_bytes / naive.alerts,
            "flow_rate_hz": beside.rate_hz,
            "flow_is_faster": beside.rate_hz / naive.rate_hz,
            "is_same": not naive.differences,
        },
    }
