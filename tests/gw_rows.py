"""Rows of GW follow-up for tests: plain functions with sensible defaults; each flushes."""

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from pipeline.gw import steps
from pipeline.gw.plan_tables import GwPlan, GwPlanGroup, GwPlanTile
from pipeline.gw.steps import Step
from pipeline.gw.tables import GwAlert, GwSkymap, GwStep

T0 = datetime(2024, 11, 2, 14, 4, 57, tzinfo=UTC)
RECEIVED = datetime(2024, 11, 2, 14, 10, 0, tzinfo=UTC)
SHA256 = "5f2c" * 16


def make_notice(session: Session, **given: Any) -> GwAlert:
    """Make a preliminary notice of a real event."""
    values = {
        "trigger_id": "S241102br",
        "reception_count": 1,
        "payload_json": {"superevent_id": "S241102br", "event": {"group": "CBC"}},
        "alert_type": "PRELIMINARY",
        "time_created": RECEIVED,
        "payload_sha256": SHA256,
        "kind": "real",
        "significant": True,
        "event_time": T0,
        "score": 2,
        "action": "GO",
    }
    return _add(session, GwAlert(**values | given))


def make_map(session: Session, **given: Any) -> GwSkymap:
    """Make a sky map whose numbers say nothing."""
    values = {
        "sha256": "ab" * 32,
        "fits": b"SIMPLE  = T",
        "is_3d": True,
        "row_count": 1,
        "level_min": 0,
        "level_max": 0,
        "area_50_deg2": 1.0,
        "area_90_deg2": 2.0,
        "area_95_deg2": 3.0,
        "peak_ra_deg": 0.0,
        "peak_dec_deg": 0.0,
        "moc_50": {},
        "moc_90": {},
        "moc_95": {},
    }
    return _add(session, GwSkymap(**values | given))


def make_group(session: Session, notice: GwAlert, **given: Any) -> GwPlanGroup:
    """Make a group of two telescopes."""
    values = {
        "id_gw": notice.id_gw,
        "run": 1,
        "position": 1,
        "origin": "auto",
        "strategy": "tiling",
        "telescopes": ["TCA", "FZU-CTA-N"],
        "max_tiles": [10, 15],
        "exposure_s": 30.0,
        "window_start": T0,
        "window_end": T0,
    }
    return _add(session, GwPlanGroup(**values | given))


def make_plan(session: Session, group: GwPlanGroup, **given: Any) -> GwPlan:
    """Make a plan that is done."""
    values = {
        "id_gw": group.id_gw,
        "group_id": group.id,
        "telescope": "TCA",
        "strategy": group.strategy,
        "max_tiles": 10,
        "state": "done",
        "ended_at": datetime(2024, 11, 2, 14, 11, 30, tzinfo=UTC),
    }
    return _add(session, GwPlan(**values | given))


def make_tile(session: Session, plan: GwPlan, **given: Any) -> GwPlanTile:
    """Make the first pointing of a plan; others stand a degree of right ascension apart."""
    values = {
        "plan_id": plan.id,
        "rank_id": 1,
        "tile_id": 10080,
        "ra_deg": 344.1035 + given.get("rank_id", 1),
        "dec_deg": 41.7526,
        "probability": 0.249,
        "cumulative_probability": 0.249,
        "start_at": T0,
        "end_at": T0,
        "exposure_s": 30.0,
        "airmass": 1.104,
    }
    return _add(session, GwPlanTile(**values | given))


def make_step(session: Session, **given: Any) -> GwStep:
    """Make a step that is wanted."""
    return _add(session, GwStep(**given))


def held(notice: GwAlert, name: str, key: str = "") -> Step:
    """Return a step of a notice as a worker holds it."""
    return Step(1, name, key, notice.id_gw, None, 1, "task")


def run_all(session: Session, rounds: int = 10) -> None:
    """Do what waits, as workers would, as often as that; rests are passed over."""
    for _ in range(rounds):
        waiting = select(GwStep.id).where(GwStep.state == "wanted").order_by(GwStep.id)
        for step_id in session.scalars(waiting).all():
            session.execute(update(GwStep).values(not_before=GwStep.created_at))
            steps.run(step_id, "task")
        session.expire_all()


def _add(session: Session, row: Any) -> Any:
    session.add(row)
    session.flush()
    return row
