"""A hundred users' filters live at once: what part of the ranges' time they take."""

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from broker import kafka_admin, topic_settings
from broker.config import config
from broker.filter_book import TOPIC_PREFIX
from broker.kafka_admin import TopicSpec
from tests import filter_rows
from tests.bench import flow
from tests.bench.flow import Segment

if TYPE_CHECKING:
    from tests.bench.run import Run, SurveyRun

LIVE = 100
WORKER = "worker-alerts"
PART = "filters_part"
"""As the worker's log has it, of the steps around."""
WARM = 4
"""One packet in so many warms the worker up that has just started."""
SHAPES = (
    "magpsf < {mag} and drb > 0.9 and class = 'hostless'",
    "nights_since(jdstarthist) <= {nights} and magpsf between 16 and {mag}",
    "photstats.g.rising.rate < -0.{tenth} or photstats.r.rising.rate < -0.{tenth}",
    "separation_arcsec(ra, dec, {ra}, {dec}) < 36000 and not rock",
    "distpsnr1 > {nights} and sgscore1 < 0.{tenth} and coalesce(drb, rb) > 0.8 and isdiffpos",
)
"""As people write them; each of the hundred differs in its numbers."""


@dataclass(frozen=True)
class Caught:
    """A stretch with all filters live, and how many messages they had."""

    segment: Segment
    messages: int

    def figures(self) -> dict[str, Any]:
        """Return their part of the ranges' time, and of an alert."""
        wall = self.segment.work.wall_ms
        all_ms = sum(spent for name, spent in wall.items() if not name.endswith("_part"))
        return {
            "live": LIVE,
            "alerts": self.segment.alerts,
            "ranges": self.segment.work.ranges,
            "share_percent": 100 * wall[PART] / all_ms,
            "us_per_alert": 1e3 * wall[PART] / self.segment.alerts,
            "rate_hz": self.segment.rate_hz,
            "messages": self.messages,
        }


def expressions() -> list[str]:
    """Return the expressions of all filters."""
    return [
        SHAPES[at % len(SHAPES)].format(
            mag=17 + 0.02 * at, nights=1 + at % 9, tenth=1 + at % 9, ra=3.6 * at, dec=at % 60
        )
        for at in range(LIVE)
    ]


def measured(run: "Run", one: "SurveyRun") -> Caught:
    """Time packets with all filters live; afterwards none is."""
    names = [f"bench-{at}-{int(time.time())}" for at in range(LIVE)]
    topic = topic_settings.topic_config(config())
    specs = [TopicSpec(TOPIC_PREFIX + name, 1, topic_settings.DAY_MS, topic) for name in names]
    kafka_admin.ensure_topics(specs)
    written = dict(zip(names, expressions(), strict=True))
    filter_rows.make_live(run.system.sql, one.spool.survey, written)
    _restart(run)
    try:
        warm = one.load.caught // WARM
        flow.segment(run.system, one.spool, *one.take(warm), run.log)
        timed = flow.segment(run.system, one.spool, *one.take(one.load.caught - warm), run.log)
    finally:
        run.system.sql("UPDATE user_filters SET wish = 'stopped'")
        _restart(run)
    messages = run.system.sql("SELECT count(*) FROM filter_deliveries WHERE NOT pending")[0][0]
    found = Caught(timed, messages)
    print(
        f"{one.spool.survey} with {LIVE} users' filters: {timed.rate_hz:.0f} alerts/s,"
        f" {found.figures()['share_percent']:.1f} % of the ranges' time"
    )
    return found


def _restart(run: "Run") -> None:
    run.system.stop_processes(WORKER)
    run.system.start_processes()
