"""One run of the benchmark, from empty servers to figures."""

import time
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import text

from broker.db import transaction
from pipeline.catalogs import catalog
from pipeline.catalogs import load as loading
from pipeline.catalogs.load import Wish
from tests.bench import flow, history, measure, packets, world
from tests.bench.flow import Segment, WorkerLog
from tests.bench.measure import Calibration
from tests.bench.packets import Spool
from tests.bench.profiles import Load, Profile, home_path
from tests.bench.servers import System
from tests.bench.world import Sky

SURVEYS = ("ztf", "lsst")


@dataclass
class Prepared:
    """What is loaded before the first packet is timed."""

    sky: Sky
    spools: dict[str, Spool]


@dataclass
class SurveyResult:
    """The figures of one survey."""

    survey: str
    d_hz: list[float] = field(default_factory=list)
    segments: list[Segment] = field(default_factory=list)

    @property
    def ratios(self) -> list[float]:
        """Each segment's rate over the mean of the two measurements of D beside it."""
        return [
            2 * one.rate_hz / (self.d_hz[at] + self.d_hz[at + 1])
            for at, one in enumerate(self.segments)
        ]


def load_of(profile: Profile, survey: str) -> Load:
    return {"ztf": profile.ztf, "lsst": profile.lsst}[survey]


def prepare(system: System, profile: Profile, say: Any = print) -> Prepared:
    """Load catalogs, history and packets; nothing here is timed."""
    home = home_path()
    began = time.monotonic()
    point_sources, other = world.catalogs(profile, home / "catalogs")
    with loading.own_connection() as connection:
        for one in (point_sources, other):
            done = loading.load(connection, catalog(one.name), Wish(one.path), lambda _: None)
            say(f"catalog {one.name}: {done.rows} rows{' (were there)' if done.was_there else ''}")
    sky = world.sky(profile, point_sources)
    spools = {}
    for survey in SURVEYS:
        near = world.surroundings(sky, survey, point_sources, other)
        spools[survey] = packets.spool(survey, profile, sky, near, home / "spool")
    history.load(sky)
    for statement in ("ANALYZE", "CHECKPOINT"):
        _alone(statement)
    say(f"loaded in {time.monotonic() - began:.0f} s")
    return Prepared(sky, spools)


def timed(
    system: System, profile: Profile, spool: Spool, log: WorkerLog, calibration: Calibration
) -> SurveyResult:
    """Measure D and the flow in turns."""
    load = load_of(profile, spool.survey)
    chosen = list(spool.values(load.warm, load.warm + measure.D_PACKETS))
    result = SurveyResult(spool.survey)

    def d() -> None:
        calibration.sample()
        result.d_hz.append(measure.d_rate(spool.survey, chosen, profile.d_s))

    flow.warm_up(system, spool, load.warm, log)
    d()
    for number in range(profile.segments):
        first = load.warm + number * load.timed // profile.segments
        last = load.warm + (number + 1) * load.timed // profile.segments
        result.segments.append(flow.segment(system, spool, first, last, log))
        d()
        print(
            f"  {spool.survey} segment {number + 1}: {result.segments[-1].rate_hz:.0f} alerts/s,"
            f" {result.ratios[-1]:.2f} × D"
        )
    return result


def _alone(statement: str) -> None:
    from broker.db import engine

    with engine().connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("SET statement_timeout = 0"))
        connection.execute(text(statement))


def settled(system: System, survey: str) -> bool:
    """Return whether everything sent is committed by the listener."""
    with transaction() as session:
        row = session.execute(
            text("SELECT sum(committed_offset) FROM stream_partitions WHERE topic = :topic"),
            {"topic": flow.input_topic(survey)},
        ).scalar()
    return row is not None and int(row) == system.sent[survey]
