"""What all telescopes observe for a notice: ALL.txt of galaxy targeting, a map with all tiles."""

from sqlalchemy import select
from sqlalchemy.orm import Session

from broker.db import transaction
from pipeline.gw import query, sky_plans
from pipeline.gw.plan_files import ALL_FILE, ALL_MAP, Telescope, all_file
from pipeline.gw.plan_job import Galaxy, PlannedTile
from pipeline.gw.plan_tables import GwPlan, GwPlanGroup, GwPlanTile
from pipeline.gw.share import NO_FOLDER, folder_of, has_folder
from pipeline.gw.share_files import share
from pipeline.gw.steps import Outcome, Skip, Step, Want
from pipeline.gw.strategies import GALAXIES
from pipeline.gw.tables import GwAlert, GwSkymap

CLEANUP = "cleanup"


def write(step: Step) -> Outcome:
    """Put ALL.txt into the notice's folder, of the newest plans, and the map with all tiles."""
    with transaction() as session:
        alert = session.get_one(GwAlert, step.id_gw)
        if not has_folder(alert):
            return Skip(NO_FOLDER)
        files = {ALL_FILE: all_file(telescopes(session, alert.id_gw))}
        if drawn := _combined(session, alert):
            files[ALL_MAP] = drawn
    folder = folder_of(alert)
    return share(alert.id_gw, {f"{folder}/{name}": text.encode() for name, text in files.items()})


def ended(_session: Session, step: Step, _state: str) -> list[Want]:
    """Clean up after a notice's plans, whether the file was written or not."""
    return [Want(CLEANUP, id_gw=step.id_gw, key=step.key)]


def telescopes(session: Session, id_gw: int) -> list[Telescope]:
    """Return the newest plan of galaxies of each telescope, in the order in which they were asked.

    Parameters
    ----------
    session : Session
        Of an open transaction.
    id_gw : int
        ``gw_alerts.id_gw``.
    """
    rows = session.scalars(
        select(GwPlan)
        .join(GwPlanGroup, GwPlanGroup.id == GwPlan.group_id)
        .where(GwPlan.id_gw == id_gw, GwPlan.strategy == GALAXIES)
        .order_by(GwPlanGroup.run, GwPlanGroup.position, GwPlan.id)
    )
    newest: dict[str, GwPlan] = {}
    for plan in rows:
        newest[plan.telescope] = plan
    return [_telescope(session, plan) for plan in newest.values()]


def _combined(session: Session, alert: GwAlert) -> str:
    """Return the map with the tiles of every plan that counts; empty where nothing is drawn."""
    sky_map = session.get(GwSkymap, alert.skymap_id) if alert.skymap_id else None
    if sky_map is None:
        return ""
    plans = sky_plans.current_plans(session.scalars(select(GwPlan).filter_by(id_gw=alert.id_gw)))
    return sky_plans.combined_map(
        sky_map, plans, query.tiles_of(session, [plan.id for plan in plans])
    )


def _telescope(session: Session, plan: GwPlan) -> Telescope:
    if plan.state != "done":
        return Telescope(plan.telescope, note=f"{plan.state}: {plan.reason or ''}".rstrip(": "))
    tiles = session.scalars(
        select(GwPlanTile).where(GwPlanTile.plan_id == plan.id).order_by(GwPlanTile.rank_id)
    )
    return Telescope(plan.telescope, [_tile(row) for row in tiles], note=plan.reason or "")


def _tile(row: GwPlanTile) -> PlannedTile:
    return PlannedTile(
        rank_id=row.rank_id,
        tile_id=row.tile_id,
        ra_deg=row.ra_deg,
        dec_deg=row.dec_deg,
        probability=row.probability,
        cumulative_probability=row.cumulative_probability,
        start=row.start_at,
        end=row.end_at,
        exposure_s=row.exposure_s,
        filter=row.filter or "",
        airmass=row.airmass,
        galaxies=tuple(Galaxy(**galaxy) for galaxy in row.galaxies or ()),
    )
