"""The step ``report``: one Slack message per group of plans, edited from start to end.

The key is the group's id, or ``group:plan`` when a plan has ended. Everything is written anew from
the rows, so it may be repeated at any time: the group's message (M3, later M4), and for a plan that
has ended its failure (M5), or its tiles with the buttons (M9) and the map with the tiles.
"""

from datetime import UTC, datetime, timedelta
from pathlib import Path

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from broker.config import config, project_path
from broker.db import transaction
from pipeline.clients.slack import Picture, slack
from pipeline.clients.slack_errors import SlackRefusedError
from pipeline.gw import deliver, share_paths
from pipeline.gw.cards_plan import (
    PlanSummary,
    TelescopePlan,
    plan_failed,
    plan_finished,
    plan_started,
)
from pipeline.gw.cards_tiles import TelescopeTiles, Tile, telescope_tiles
from pipeline.gw.plan_files import picture_file
from pipeline.gw.plan_tables import OPEN_PLAN_STATES, GwPlan, GwPlanGroup, GwPlanTile
from pipeline.gw.steps import Done, Outcome, Skip, Step, StepFailed, Wait
from pipeline.gw.tables import OPEN_STEP_STATES, GwAlert, GwStep

PATIENCE_S = 5.0
NO_THREAD = "the event has no thread"
_PERCENT = 100.0
_SOON = timedelta(minutes=10)
"""A plan that begins this soon can begin in the dark that is now."""


def report(step: Step) -> Outcome:
    """Tell the event's thread how far a group is, and what came of the plan that has ended."""
    group_id, _, plan_id = step.key.partition(":")
    with transaction() as session:
        alert = session.get_one(GwAlert, step.id_gw)
        group = session.get(GwPlanGroup, int(group_id))
        plan = session.get(GwPlan, int(plan_id)) if plan_id else None
        is_opening = _is_thread_opening(session, alert)
        tiles = _tiles(session, plan) if plan else ()
    if group is None:
        return Skip("the group is gone")
    if not (alert.thread_ts and alert.channel):
        return (
            Wait(PATIENCE_S, "the event's thread is not open yet")
            if is_opening
            else Skip(NO_THREAD)
        )
    _tell_group(alert, group)
    if plan is not None:
        _tell_plan(alert, plan, tiles)
    return Done()


def _is_thread_opening(session: Session, alert: GwAlert) -> bool:
    same_event = select(GwAlert.id_gw).where(GwAlert.trigger_id == alert.trigger_id)
    opening = select(GwStep.id).where(
        GwStep.id_gw.in_(same_event), GwStep.step == "thread", GwStep.state.in_(OPEN_STEP_STATES)
    )
    return session.scalar(opening.limit(1)) is not None


def _tell_group(alert: GwAlert, group: GwPlanGroup) -> None:
    """Post the group's message, or write it anew as the group stands now."""
    summary = _summary(alert, group)
    address = _address(alert, "M3", str(group.id))
    ts = deliver.post(address, plan_started(summary))
    with transaction() as session:
        session.execute(
            update(GwPlanGroup)
            .where(GwPlanGroup.id == group.id)
            .values(channel=alert.channel, ts=ts)
        )
    client = slack()
    if client is None or alert.channel is None:
        return
    is_over = all(each.state not in OPEN_PLAN_STATES for each in summary.telescopes)
    try:
        client.update(alert.channel, ts, (plan_finished if is_over else plan_started)(summary))
    except SlackRefusedError as error:
        raise StepFailed(str(error)) from None


def _tell_plan(alert: GwAlert, plan: GwPlan, tiles: tuple[Tile, ...]) -> None:
    if plan.state == "failed":
        said = plan_failed(alert.trigger_id, plan.telescope, plan.reason or "", str(plan.id))
        deliver.post(_address(alert, "M5", str(plan.id)), said)
    if plan.state == "done" and tiles:
        own = TelescopeTiles(
            alert.trigger_id, plan.telescope, str(plan.id), tiles, owncloud=_link(alert)
        )
        deliver.post(_address(alert, "M9", str(plan.id)), telescope_tiles(own))
        _show(alert, plan)


def _show(alert: GwAlert, plan: GwPlan) -> None:
    """Show the map with the tiles, if this machine has it."""
    path = _picture_path(plan)
    if path is None or not path.is_file():
        return
    covered = f"{plan.covered_90_percent or 0:.0f} % of the 90 % region"
    text = f"{plan.telescope}: {plan.tile_count} tiles on the sky map, {covered}"
    picture = Picture(f"coverage_{plan.telescope}.png", path.read_bytes(), text, text)
    deliver.show(_address(alert, "plan_picture", str(plan.id)), picture)


def _picture_path(plan: GwPlan) -> Path | None:
    if plan.folder is None:
        return None
    return project_path(config().home) / plan.folder / picture_file(plan.telescope)


def _address(alert: GwAlert, kind: str, key: str) -> deliver.Address:
    return deliver.Address(alert.channel or "", kind, key, alert.thread_ts or "", id_gw=alert.id_gw)


def _summary(alert: GwAlert, group: GwPlanGroup) -> PlanSummary:
    with transaction() as session:
        plans = session.scalars(
            select(GwPlan).where(GwPlan.group_id == group.id).order_by(GwPlan.generation, GwPlan.id)
        ).all()
    newest = {plan.telescope: plan for plan in plans}
    return PlanSummary(
        trigger_id=alert.trigger_id,
        reference=str(group.id),
        task_id=f"{group.id_gw}.{group.run}.{group.position}",
        strategy=group.strategy,
        telescopes=tuple(_telescope(plan) for plan in newest.values()),
        started_at=group.created_at,
        now=group.ended_at or datetime.now(UTC),
        notice=f"N°{alert.reception_count} {alert.alert_type}",
        owncloud=_link(alert),
    )


def _telescope(plan: GwPlan) -> TelescopePlan:
    covered = plan.covered_90_percent
    first = plan.first_start_at
    return TelescopePlan(
        telescope=plan.telescope,
        state=plan.state,
        cause=plan.reason or "",
        tile_count=plan.tile_count or 0,
        probability=plan.probability,
        coverage=None if covered is None else covered / _PERCENT,
        first_at=first,
        last_at=plan.last_end_at,
        is_dark_now=first is not None and first < datetime.now(UTC) + _SOON,
    )


def _tiles(session: Session, plan: GwPlan) -> tuple[Tile, ...]:
    rows = session.scalars(
        select(GwPlanTile).where(GwPlanTile.plan_id == plan.id).order_by(GwPlanTile.rank_id)
    )
    return tuple(
        Tile(row.rank_id, row.tile_id, row.ra_deg, row.dec_deg, row.probability, row.start_at)
        for row in rows
    )


def _link(alert: GwAlert) -> str | None:
    return share_paths.link(config().owncloud.link_base, alert.owncloud_url)
