"""A night of many alerts in Postgres, and trials over all of them."""

import json
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path

import numpy as np

from tests import random_records

SEED = 10
DISTINCT = 500
"""Different records of each kind; the alerts take them in turns."""
EXPRESSIONS = {
    "candidate and properties": (
        "class = 'hostless' and drb > 0.5 and magpsf between -1 and 1"
        " and (photstats.r.rising.rate < 0 or photstats.g.rising.rate < 0)"
    ),
    "candidate": "drb > 0.9 and magpsf < 0 and nights_since(jdstarthist) <= 2",
    "table alone": "class = 'hosted' and not survey_match and score > 0.5",
}
OTHER = "drb > 0.5 and magpsf < 0.5 and not rock"


@dataclass(frozen=True)
class Profile:
    """Alerts of the night, and the longest that a trial may take [s]; None: it is not judged."""

    name: str
    alerts: int
    goal_s: float | None = None


PROFILES = {
    "smoke": Profile("smoke", 3000),
    "default": Profile("default", 200_000, goal_s=10.0),
}


@dataclass
class Figures:
    """What trials took [s], and what they matched, by what they read."""

    profile: str
    alerts: int
    took_s: dict[str, float] = field(default_factory=dict)
    matched: dict[str, int] = field(default_factory=dict)
    failures: list[str] = field(default_factory=list)

    def lines(self) -> list[str]:
        found = [f"trials over {self.alerts:,} alerts of one night, on one core"]
        for name, took_s in self.took_s.items():
            us = 1e6 * took_s / self.alerts
            found.append(
                f"  {name:<32} {took_s:5.1f} s  {us:5.1f} µs each, {self.matched[name]} matched"
            )
        return found

    def as_json(self) -> str:
        return json.dumps(asdict(self), indent=1)


def run(profile: Profile, _folder: Path) -> Figures:
    """Fill a night and try each expression, and two side by side."""
    night = store(profile.alerts)
    found = Figures(profile.name, profile.alerts)
    for name, expression in EXPRESSIONS.items():
        _try(found, night, name, expression, None)
    name, first = next(iter(EXPRESSIONS.items()))
    _try(found, night, f"two, {name}", first, OTHER)
    if profile.goal_s is not None:
        found.failures += [
            f"{name}: {took_s:.1f} s, wanted {profile.goal_s:.0f}"
            for name, took_s in found.took_s.items()
            if took_s > profile.goal_s
        ]
    return found


def _try(found: Figures, night, name: str, expression: str, other: str | None) -> None:
    from broker.db import transaction
    from pipeline.user_filters import trial
    from pipeline.user_filters.tables import FilterTrial

    with transaction() as session:
        row_id = trial.begin(session, "bench", "ztf", night, expression, other).id
    began_s = time.monotonic()
    trial.run(row_id)
    found.took_s[name] = time.monotonic() - began_s
    with transaction() as session:
        row = session.get(FilterTrial, row_id)
        if row.state != "done" or row.total != found.alerts:
            found.failures.append(f"{name}: {row.state}, {row.total} alerts, {row.error}")
        found.matched[name] = row.matched


def store(alerts: int):
    """Fill Postgres with public alerts of one night; return it."""
    from datetime import date

    from broker.db import cursor, transaction
    from pipeline.alerts.schemas import record_schema
    from pipeline.surveys import survey
    from tests import factories

    night = date(2026, 8, 1)
    rng = np.random.default_rng(SEED)
    made = {}
    for part in ("candidate", "properties"):
        schema = record_schema("ztf", part)
        made[part] = [
            random_records.written(schema, random_records.record(schema, rng))
            for _ in range(DISTINCT)
        ]
    with transaction(statement_timeout_s=600) as session:
        source, segment = factories.make_source(session), factories.make_segment(session)
        with cursor(session) as cur:
            cur.execute(_STORE, {
                "source": source.id, "segment": segment.id, "night": night, "alerts": alerts,
                "begin": survey("ztf").begin_jd(night), "distinct": DISTINCT, **made,
            })  # fmt: skip
    with transaction(statement_timeout_s=600) as session, cursor(session) as cur:
        cur.execute("ANALYZE alerts")
    print(f"{alerts} alerts stored")
    return night


_STORE = """
    INSERT INTO alerts (survey, candid, source_id, source_partition, source_offset,
        kafka_timestamp, jd_utc, night, ra_deg, dec_deg, hpx29, band, programid, magpsf_abmag,
        score, flags, alert_class, archive_segment_id, archive_start, archive_length,
        archive_crc32, candidate, properties, outputs, pending)
    SELECT 'ztf', 3000000000000000000 + i, %(source)s, 0, i, now(),
        %(begin)s + 0.3 + 0.4 * i / %(alerts)s, %(night)s, 150, 30, 1, 'r', 1, 19, random(), 341,
        (ARRAY['hosted', 'hostless', 'stellar'])[1 + i %% 3], %(segment)s, 0, 0, 0,
        (%(candidate)s::bytea[])[1 + i %% %(distinct)s],
        (%(properties)s::bytea[])[1 + i %% %(distinct)s], 1, 0
    FROM generate_series(1, %(alerts)s) AS i
"""
