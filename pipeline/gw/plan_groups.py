"""Which telescopes are planned together for a notice: rows of groups and of plans, in one run."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from broker.config import config
from broker.sections.gw_plans import PlanGroupSettings
from pipeline.gw import act_forms, hosts
from pipeline.gw.plan_tables import (
    OPEN_PLAN_STATES,
    GwPlan,
    GwPlanGroup,
    GwTelescopeOutage,
)
from pipeline.gw.strategies import GALAXIES
from pipeline.gw.tables import GwAlert, GwSkymap
from pipeline.gw.telescopes import canonical, is_known, telescope

NO_DISTANCE = "the map has no distance"
UNKNOWN = "the table of telescopes does not have it"


@dataclass(frozen=True)
class Run:
    """What is planned for a notice at once.

    Attributes
    ----------
    origin : str
        As in ``gw_plan_groups``.
    groups : sequence of PlanGroupSettings
        In the order in which they are told.
    exposure_s : float
        Of each pointing.
    start, end : datetime
        When exposures may begin.
    requested_by : str or None
        Name for people; None when it was planned by itself.
    """

    origin: str
    groups: Sequence[PlanGroupSettings]
    exposure_s: float
    start: datetime
    end: datetime
    requested_by: str | None = None


def default_run(now: datetime, origin: str, requested_by: str | None = None) -> Run:
    """Return a run of the groups of the settings, for the next night everywhere."""
    gw = config().gw
    start = now + timedelta(hours=gw.plans.begin_after_h)
    end = start + timedelta(hours=gw.plans.window_h)
    return Run(origin, gw.plan_groups, gw.plans.exposure_s, start, end, requested_by)


def run_of_form(form: Mapping[str, Any], requested_by: str) -> Run:
    """Return the run that somebody filled in: telescopes, strategy, tiles, exposure, window.

    Raises
    ------
    FormError
        If a field is missing or out of bounds.
    """
    found = act_forms.read(act_forms.PlanForm, form)
    group = PlanGroupSettings(
        telescopes=found.telescopes,
        max_tiles=(found.max_tiles,) * len(found.telescopes),
        strategy=found.strategy,
    )
    window = (found.window_start, found.window_end)
    return Run("manual", (group,), found.exposure_s, *window, requested_by)


def insert(session: Session, alert: GwAlert, run: Run) -> tuple[list[GwPlanGroup], list[GwPlan]]:
    """Insert the groups and plans of a run.

    A telescope that is out, that the table does not have, or whose galaxies cannot be chosen, has a
    plan that is skipped and says why; one that is being planned for this notice already, by
    whichever of its names, is left to that.

    Parameters
    ----------
    session : Session
        Of an open transaction.
    alert : GwAlert
        The notice.
    run : Run
        What is wanted.

    Returns
    -------
    list of GwPlanGroup, list of GwPlan
        As inserted, in order.
    """
    session.execute(select(GwAlert.id_gw).where(GwAlert.id_gw == alert.id_gw).with_for_update())
    before = select(func.max(GwPlanGroup.run)).where(GwPlanGroup.id_gw == alert.id_gw)
    number = (session.scalar(before) or 0) + 1
    wanted = [group for group in run.groups if _fits(group, alert)]
    groups = [
        _group(alert, run, settings, number, position)
        for position, settings in enumerate(wanted, start=1)
    ]
    session.add_all(groups)
    session.flush()
    plans = [
        plan
        for group, settings in zip(groups, wanted, strict=True)
        for plan in _plans(session, alert, group, settings)
    ]
    return groups, plans


def _fits(group: PlanGroupSettings, alert: GwAlert) -> bool:
    return not group.classes or alert.event_class in group.classes


def _group(
    alert: GwAlert, run: Run, settings: PlanGroupSettings, number: int, position: int
) -> GwPlanGroup:
    return GwPlanGroup(
        id_gw=alert.id_gw,
        run=number,
        position=position,
        origin=run.origin,
        strategy=settings.strategy,
        telescopes=[canonical(name) for name in settings.telescopes],
        max_tiles=list(settings.max_tiles),
        exposure_s=run.exposure_s,
        window_start=run.start,
        window_end=run.end,
        requested_by=run.requested_by,
    )


def _plans(
    session: Session, alert: GwAlert, group: GwPlanGroup, settings: PlanGroupSettings
) -> list[GwPlan]:
    obstacle = _no_galaxies(session, alert, settings) if group.strategy == GALAXIES else ""
    plans = []
    for name, max_tiles in zip(group.telescopes, group.max_tiles, strict=True):
        same = (
            GwPlan.id_gw == alert.id_gw,
            GwPlan.telescope == name,
            GwPlan.strategy == group.strategy,
        )
        is_planned = GwPlan.state.in_(OPEN_PLAN_STATES) | (GwPlan.group_id == group.id)
        if session.scalar(select(GwPlan.id).where(*same, is_planned).limit(1)):
            continue
        generation = (session.scalar(select(func.max(GwPlan.generation)).where(*same)) or 0) + 1
        known = is_known(name)
        reason = (obstacle or outage(session, name)) if known else UNKNOWN
        plan = GwPlan(
            id_gw=alert.id_gw,
            group_id=group.id,
            telescope=name,
            strategy=group.strategy,
            generation=generation,
            max_tiles=max_tiles,
            state="skipped" if reason else "wanted",
            reason=reason or None,
            telescope_reviewed=telescope(name).is_reviewed if known else None,
        )
        session.add(plan)
        session.flush()  # a further group may name it too
        plans.append(plan)
    return plans


def _no_galaxies(session: Session, alert: GwAlert, settings: PlanGroupSettings) -> str:
    """Return why galaxies cannot be chosen for a notice; empty when they can."""
    sky_map = session.get(GwSkymap, alert.skymap_id) if alert.skymap_id else None
    if sky_map is None or not sky_map.is_3d or sky_map.distance_mpc is None:
        return NO_DISTANCE
    farthest_mpc = settings.max_distance_mpc or config().gw.distance_max_mpc
    if sky_map.distance_mpc > farthest_mpc:
        return f"{sky_map.distance_mpc:.0f} Mpc is beyond {farthest_mpc:.0f} Mpc"
    return "" if hosts.is_loaded(session) else hosts.NOT_LOADED


def outage(session: Session, name: str) -> str:
    """Return until when a telescope is out, and why; empty when it can observe."""
    found = session.scalars(
        select(GwTelescopeOutage)
        .where(
            GwTelescopeOutage.telescope == name,
            GwTelescopeOutage.ended_at.is_(None),
            GwTelescopeOutage.until_at > func.now(),
        )
        .order_by(GwTelescopeOutage.until_at.desc())
    ).first()
    if found is None:
        return ""
    return f"out until {found.until_at:%Y-%m-%d %H:%M} UTC: {found.reason}"
