"""The step ``report``: one Slack message per group of plans, edited from start to end.

The key is the group's id, ``group:plan`` when a plan has ended, and ``group::cause`` or
``group:plan:cause`` for later edits. Everything is written anew from the rows, so it may be
repeated at any time: the group's message (M3, later M4), and for a plan that has ended its failure
(M5), or its tiles with the buttons (M9) and the map with the tiles.
"""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from broker.config import config, project_path
from broker.db import transaction
from pipeline.clients.slack import Picture
from pipeline.gw import cards_words as words
from pipeline.gw import deliver, share_paths, tile_claims
from pipeline.gw.blocks import Message
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
from pipeline.gw.steps import Outcome, Skip, Step
from pipeline.gw.strategies import GALAXIES
from pipeline.gw.tables import GwAlert
from pipeline.gw.telescopes import TelescopeError, telescope
from pipeline.gw.tell import await_thread, edit, marked
from pipeline.gw.tell_view import Event, event_of

OVERTAKEN = "a newer notice ended the group before anybody was told of it"
TOO_LATE = "the notice was retracted before this was told"
_PERCENT = 100.0
_LATELY = 20
"""Groups whose durations say how long one takes."""


def report(step: Step) -> Outcome:
    """Tell the event's thread how far a group is, and what came of the plan that has ended."""
    group_id, plan_id, *_ = [*step.key.split(":"), ""]
    event = event_of(step)
    with transaction() as session:
        group = session.get(GwPlanGroup, int(group_id))
        plan = session.get(GwPlan, int(plan_id)) if plan_id else None
    if group is None:
        return Skip("the group is gone")
    if not (event.row.thread_ts and event.row.channel):
        return await_thread(event)
    if group.state == "superseded" and not deliver.is_sent(_group_address(event.row, group)):
        return Skip(OVERTAKEN)
    told = _tell_group(step, group)
    if plan is not None:
        _tell_plan(step, plan)
    return told


def _tell_group(step: Step, group: GwPlanGroup) -> Outcome:
    """Post the group's message, and write it anew as the group stands now."""

    def as_it_stands() -> Message:
        event = event_of(step)
        return marked(_group_message(event, group.id), event.end)

    event = event_of(step)
    address = _group_address(event.row, group)
    if _comes_too_late(event, address):
        return Skip(TOO_LATE)
    ts = deliver.post(address, as_it_stands())
    with transaction() as session:
        session.execute(
            update(GwPlanGroup)
            .where(GwPlanGroup.id == group.id)
            .values(channel=address.channel, ts=ts)
        )
    return edit(address.channel, ts, as_it_stands)


def _group_message(event: Event, group_id: int) -> Message:
    with transaction() as session:
        group = session.get_one(GwPlanGroup, group_id)
    summary = _summary(event, group)
    is_over = all(each.state not in OPEN_PLAN_STATES for each in summary.telescopes)
    return (plan_finished if is_over else plan_started)(summary)


def _tell_plan(step: Step, plan: GwPlan) -> None:
    alert = event_of(step).row
    if plan.state == "failed":
        said = plan_failed(alert.trigger_id, plan.telescope, plan.reason or "", str(plan.id))
        _say(step, _address(alert, "M5", str(plan.id)), lambda: said)
    if plan.state == "done" and plan.tile_count:
        _say(step, _address(alert, "M9", str(plan.id)), lambda: _own_tiles(alert, plan))
        if event_of(step).end is None:
            _show(alert, plan)


def _own_tiles(alert: GwAlert, plan: GwPlan) -> Message:
    """Return what a telescope's team is told, with who has which tiles by now."""
    with transaction() as session:
        tiles = _tiles(session, plan)
        claims = tile_claims.of_plan(session, plan.id)
    own = TelescopeTiles(
        alert.trigger_id,
        plan.telescope,
        str(plan.id),
        tiles,
        dark_until=plan.dark_until,
        local_time=_local(plan.telescope, plan.dark_until),
        owncloud=_link(alert),
        has_galaxies=plan.strategy == GALAXIES,
        holders=claims.holders(claims.every),
    )
    return telescope_tiles(own)


def _say(step: Step, address: deliver.Address, as_it_stands: Callable[[], Message]) -> None:
    """Post a message, or write it anew where it was posted; marked once its notice is retracted."""
    if _comes_too_late(event_of(step), address):
        return
    was_sent = deliver.is_sent(address)
    ts = deliver.post(address, as_it_stands())
    if was_sent or event_of(step).end is not None:
        edit(address.channel, ts, lambda: marked(as_it_stands(), event_of(step).end))


def _comes_too_late(event: Event, address: deliver.Address) -> bool:
    """Tell whether a message would come after the retraction: nobody needs it any more."""
    return event.end is not None and not deliver.is_sent(address)


def _show(alert: GwAlert, plan: GwPlan) -> None:
    """Show the map with the tiles, if this machine has it."""
    path = _picture_path(plan)
    if path is None or not path.is_file():
        return
    covered = (plan.covered_90_percent or 0) / _PERCENT
    shares = (
        f"{words.percent(plan.probability)} of the probability, "
        f"{words.percent(covered)} of the 90 % region's area"
    )
    text = f"{plan.telescope}: {plan.tile_count} tiles on the sky map with {shares}"
    picture = Picture(f"coverage_{plan.telescope}.png", path.read_bytes(), text, text)
    deliver.show(_address(alert, "plan_picture", str(plan.id)), picture)


def _picture_path(plan: GwPlan) -> Path | None:
    if plan.folder is None:
        return None
    return project_path(config().home) / plan.folder / picture_file(plan.telescope)


def _group_address(alert: GwAlert, group: GwPlanGroup) -> deliver.Address:
    return _address(alert, "M3", str(group.id))


def _address(alert: GwAlert, kind: str, key: str) -> deliver.Address:
    return deliver.Address(alert.channel or "", kind, key, alert.thread_ts or "", id_gw=alert.id_gw)


def _summary(event: Event, group: GwPlanGroup) -> PlanSummary:
    alert, newer = event.row, event.current
    notice = f"N°{alert.reception_count} {alert.alert_type}"
    if alert.state == "superseded" and newer is not None:
        notice += f", superseded by N°{newer.reception_count}"
    with transaction() as session:
        plans = session.scalars(
            select(GwPlan).where(GwPlan.group_id == group.id).order_by(GwPlan.generation, GwPlan.id)
        ).all()
        typical = _typical(session, group)
    newest = {plan.telescope: plan for plan in plans}
    now = datetime.now(UTC)
    return PlanSummary(
        trigger_id=alert.trigger_id,
        reference=str(group.id),
        task_id=f"{group.id_gw}.{group.run}.{group.position}",
        strategy=group.strategy,
        telescopes=tuple(_telescope(plan, now) for plan in newest.values()),
        started_at=group.created_at,
        now=group.ended_at or now,
        typical=typical,
        notice=notice,
        owncloud=_link(alert),
    )


def _typical(session: Session, group: GwPlanGroup) -> timedelta | None:
    """Return how long groups of this strategy took lately: the median; None before there is one."""
    took = (GwPlanGroup.ended_at - GwPlanGroup.created_at).label("took")
    lately = (
        select(took)
        .where(GwPlanGroup.strategy == group.strategy, GwPlanGroup.state == "done")
        .order_by(GwPlanGroup.id.desc())
        .limit(_LATELY)
        .subquery()
    )
    return session.scalar(select(func.percentile_cont(0.5).within_group(lately.c.took)))


def _telescope(plan: GwPlan, now: datetime) -> TelescopePlan:
    covered = plan.covered_90_percent
    night = (plan.dark_from, plan.dark_until)
    return TelescopePlan(
        telescope=plan.telescope,
        state=plan.state,
        stage=plan.stage or "",
        cause=plan.reason or "",
        tile_count=plan.tile_count or 0,
        probability=plan.probability,
        coverage=None if covered is None else covered / _PERCENT,
        first_at=plan.first_start_at,
        last_at=plan.last_end_at,
        dark_until=plan.dark_until,
        is_dark_now=night[0] is not None and night[1] is not None and night[0] <= now < night[1],
    )


def _local(name: str, at: datetime | None) -> str:
    """Return a time as the clocks at a telescope show it; empty where that is not known.

    A telescope may have left the table since, and a machine may have no table of time zones.
    """
    try:
        zone = telescope(name).timezone
        return words.local(at, ZoneInfo(zone)) if at and zone else ""
    except (TelescopeError, ZoneInfoNotFoundError):
        return ""


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
