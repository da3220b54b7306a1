"""The row of a plan through its life: wanted, running, and whichever end."""

import socket

from sqlalchemy import delete, func, select, update
from sqlalchemy.orm import Session

from broker.db import transaction
from pipeline.gw.plan_job import PlanResult
from pipeline.gw.plan_tables import OPEN_PLAN_STATES, GwPlan, GwPlanGroup, GwPlanTile

FOLDER = "plans"
"""Below nightjar's home: a folder per plan."""


def open_plan(session: Session, plan_id: int) -> GwPlan | None:
    """Return a plan that is still wanted, locked; None otherwise."""
    return session.scalars(
        select(GwPlan)
        .where(GwPlan.id == plan_id, GwPlan.state.in_(OPEN_PLAN_STATES))
        .with_for_update()
    ).one_or_none()


def stop_reason(plan_id: int) -> str:
    """Return the state of a plan that is wanted no more; empty while it is."""
    with transaction() as session:
        state = session.scalar(select(GwPlan.state).where(GwPlan.id == plan_id))
    if state is None:
        return "its notice was deleted"
    return "" if state in OPEN_PLAN_STATES else state


def note_start(plan_id: int, pid: int) -> None:
    """Note that a plan's process runs."""
    with transaction() as session:
        group_id = session.scalar(
            update(GwPlan)
            .where(GwPlan.id == plan_id, GwPlan.state.in_(OPEN_PLAN_STATES))
            .values(
                state="running",
                reason=None,
                pid=pid,
                host=socket.gethostname(),
                started_at=func.now(),
            )
            .returning(GwPlan.group_id)
        )
        session.execute(
            update(GwPlanGroup)
            .where(GwPlanGroup.id == group_id, GwPlanGroup.state == "wanted")
            .values(state="running")
        )


def note_stage(session: Session, plan_id: int, stage: str) -> int | None:
    """Note how far a running plan is; return its group if that is news, else None."""
    return session.scalar(
        update(GwPlan)
        .where(GwPlan.id == plan_id, GwPlan.state == "running")
        .where(GwPlan.stage.is_distinct_from(stage))
        .values(stage=stage)
        .returning(GwPlan.group_id)
    )


def store(session: Session, plan_id: int, result: PlanResult) -> None:
    """Store a plan that is done, and its tiles; those of an attempt before are gone."""
    session.execute(delete(GwPlanTile).where(GwPlanTile.plan_id == plan_id))
    session.add_all(
        GwPlanTile(
            plan_id=plan_id,
            rank_id=tile.rank_id,
            tile_id=tile.tile_id,
            ra_deg=tile.ra_deg,
            dec_deg=tile.dec_deg,
            probability=tile.probability,
            cumulative_probability=tile.cumulative_probability,
            start_at=tile.start,
            end_at=tile.end,
            exposure_s=tile.exposure_s,
            filter=tile.filter or None,
            airmass=tile.airmass,
            galaxies=[galaxy.model_dump() for galaxy in tile.galaxies] or None,
        )
        for tile in result.tiles
    )
    session.execute(
        update(GwPlan)
        .where(GwPlan.id == plan_id)
        .values(
            state="done",
            reason="; ".join(filter(None, (result.reason, *result.warnings))) or None,
            tile_count=len(result.tiles),
            probability=result.probability,
            area_deg2=result.area_deg2,
            covered_90_percent=result.covered_90_percent,
            surface_ratio_percent=result.surface_ratio_percent,
            first_start_at=result.tiles[0].start if result.tiles else None,
            last_end_at=result.tiles[-1].end if result.tiles else None,
            dark_from=result.dark_from,
            dark_until=result.dark_until,
            removed_rows=[row.model_dump(mode="json") for row in result.removed] or None,
            scheduler=result.scheduler,
            folder=f"{FOLDER}/{plan_id}",
            duration_s=result.duration_s,
            peak_memory_bytes=result.peak_memory_bytes,
            ended_at=func.now(),
        )
    )


def settle_group(session: Session, group_id: int) -> None:
    """End a group when all of its plans have ended; its state is the best of theirs."""
    session.flush()
    states = set(session.scalars(select(GwPlan.state).where(GwPlan.group_id == group_id)))
    if states & set(OPEN_PLAN_STATES):
        return
    order = ("done", "failed", "superseded", "cancelled")
    state = next((each for each in order if each in states), "done")
    session.execute(
        update(GwPlanGroup)
        .where(GwPlanGroup.id == group_id, GwPlanGroup.state.in_(OPEN_PLAN_STATES))
        .values(state=state, ended_at=func.now())
    )


def is_ready(session: Session, id_gw: int) -> bool:
    """Tell whether a notice's plans have ended, and somebody can observe."""
    states = session.execute(
        select(GwPlan.state, GwPlan.tile_count).where(GwPlan.id_gw == id_gw)
    ).all()
    is_open = any(row.state in OPEN_PLAN_STATES for row in states)
    return not is_open and any(row.state == "done" and row.tile_count for row in states)


def is_over(session: Session, id_gw: int) -> bool:
    """Tell whether nothing is planned for a notice any more."""
    is_open = select(GwPlan.id).where(GwPlan.id_gw == id_gw, GwPlan.state.in_(OPEN_PLAN_STATES))
    return session.scalar(is_open.limit(1)) is None
