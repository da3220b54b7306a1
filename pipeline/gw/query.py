"""What pages show of GW events; functions of a read-only session."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import func, select
from sqlalchemy.dialects.postgresql import distinct_on
from sqlalchemy.orm import Session, defer

from pipeline.gw.action_tables import GwDecision
from pipeline.gw.notices import RETRACTION
from pipeline.gw.plan_tables import GwClaim, GwPlan, GwPlanGroup, GwPlanTile
from pipeline.gw.tables import Delivery, GwAlert, GwSkymap, GwStep

PAGE_SIZE = 50
_UNTOLD = "ignored"
"""State of a retraction whose event was never heard of."""


@dataclass(frozen=True)
class EventPage:
    """One page of the list of events.

    Attributes
    ----------
    rows : sequence of GwAlert
        The newest notice of each event, the event heard of last first.
    count : int
        Events in all.
    """

    rows: Sequence[GwAlert]
    count: int


@dataclass(frozen=True)
class Event:
    """One event.

    Attributes
    ----------
    notices : sequence of GwAlert
        In order of ``time_created``; at least one.
    sky_map : GwSkymap or None
        Of the newest notice that has one.
    groups : sequence of GwPlanGroup
        The newest run first.
    plans : mapping of int to list of GwPlan
        By group.
    decisions : sequence of GwDecision
        The newest first.
    """

    notices: Sequence[GwAlert]
    sky_map: GwSkymap | None
    groups: Sequence[GwPlanGroup]
    plans: Mapping[int, Sequence[GwPlan]]
    decisions: Sequence[GwDecision]

    @property
    def newest(self) -> GwAlert:
        """Return the notice that counts."""
        return self.notices[-1]

    @property
    def described(self) -> GwAlert:
        """Return the newest notice that says what was seen: a retraction does not."""
        told = [each for each in self.notices if each.alert_type != RETRACTION]
        return told[-1] if told else self.newest

    @property
    def mapped(self) -> GwAlert | None:
        """Return the newest notice with a sky map."""
        return next((n for n in reversed(self.notices) if n.skymap_id is not None), None)

    @property
    def is_retracted(self) -> bool:
        """Tell whether it was taken back."""
        return self.newest.alert_type == RETRACTION or self.newest.state == "retracted"


def list_events(session: Session, kinds: Sequence[str], page: int) -> EventPage:
    """Return a page of events.

    Parameters
    ----------
    session : Session
        Read-only will do.
    kinds : sequence of str
        Of ``tables.KINDS``.
    page : int
        From 1.
    """
    told = (GwAlert.kind.in_(kinds), GwAlert.state != _UNTOLD)
    newest = (
        select(GwAlert.id_gw, GwAlert.time_created)
        .ext(distinct_on(GwAlert.trigger_id))
        .where(*told)
        .order_by(GwAlert.trigger_id, GwAlert.time_created.desc(), GwAlert.id_gw.desc())
        .subquery()
    )
    rows = session.scalars(
        select(GwAlert)
        .options(defer(GwAlert.payload_json))
        .join(newest, newest.c.id_gw == GwAlert.id_gw)
        .order_by(newest.c.time_created.desc(), GwAlert.id_gw.desc())
        .limit(PAGE_SIZE)
        .offset(PAGE_SIZE * (page - 1))
    ).all()
    count = session.scalar(select(func.count(GwAlert.trigger_id.distinct())).where(*told))
    return EventPage(rows, count or 0)


def find_event(session: Session, trigger_id: str) -> Event | None:
    """Return an event with its plans, or None."""
    notices = session.scalars(
        select(GwAlert)
        .where(GwAlert.trigger_id == trigger_id, GwAlert.state != _UNTOLD)
        .order_by(GwAlert.time_created, GwAlert.id_gw)
    ).all()
    if not notices:
        return None
    ids = [notice.id_gw for notice in notices]
    groups = session.scalars(
        select(GwPlanGroup)
        .where(GwPlanGroup.id_gw.in_(ids))
        .order_by(GwPlanGroup.created_at.desc(), GwPlanGroup.position)
    ).all()
    plans: dict[int, list[GwPlan]] = {group.id: [] for group in groups}
    for plan in session.scalars(select(GwPlan).where(GwPlan.id_gw.in_(ids)).order_by(GwPlan.id)):
        plans[plan.group_id].append(plan)
    decisions = session.scalars(
        select(GwDecision)
        .where(GwDecision.trigger_id == trigger_id)
        .order_by(GwDecision.created_at.desc())
    ).all()
    return Event(notices, _sky_map(session, notices), groups, plans, decisions)


def find_map(session: Session, trigger_id: str, reception_count: int) -> GwSkymap | None:
    """Return the sky map of one notice, with its file."""
    return session.scalar(
        select(GwSkymap)
        .join(GwAlert, GwAlert.skymap_id == GwSkymap.id)
        .where(GwAlert.trigger_id == trigger_id, GwAlert.reception_count == reception_count)
    )


def find_plan(session: Session, trigger_id: str, plan_id: int) -> GwPlan | None:
    """Return a plan of an event, or None."""
    return session.scalar(
        select(GwPlan)
        .join(GwAlert, GwAlert.id_gw == GwPlan.id_gw)
        .where(GwPlan.id == plan_id, GwAlert.trigger_id == trigger_id)
    )


def map_of(session: Session, notice: GwAlert) -> GwSkymap | None:
    """Return the sky map of one notice, without its file."""
    return _map_without_file(session, notice.skymap_id)


def tiles_of(session: Session, plan_ids: Sequence[int]) -> Mapping[int, Sequence[GwPlanTile]]:
    """Return the tiles of plans in their order of observation, by plan."""
    found: dict[int, list[GwPlanTile]] = {plan_id: [] for plan_id in plan_ids}
    for tile in session.scalars(
        select(GwPlanTile).where(GwPlanTile.plan_id.in_(plan_ids)).order_by(GwPlanTile.rank_id)
    ):
        found[tile.plan_id].append(tile)
    return found


def claims_of(session: Session, plan_ids: Sequence[int]) -> Sequence[GwClaim]:
    """Return who took which tile of these plans."""
    return session.scalars(
        select(GwClaim).where(GwClaim.plan_id.in_(plan_ids)).order_by(GwClaim.claimed_at.desc())
    ).all()


def work_of(session: Session, ids: Sequence[int]) -> tuple[Sequence[GwStep], Sequence[Delivery]]:
    """Return what was done, and what was sent, for these notices (``id_gw``), in order."""
    steps = session.scalars(select(GwStep).where(GwStep.id_gw.in_(ids)).order_by(GwStep.id)).all()
    sent = session.scalars(
        select(Delivery).where(Delivery.id_gw.in_(ids)).order_by(Delivery.id)
    ).all()
    return steps, sent


def _sky_map(session: Session, notices: Sequence[GwAlert]) -> GwSkymap | None:
    with_map = [notice.skymap_id for notice in notices if notice.skymap_id is not None]
    return _map_without_file(session, with_map[-1] if with_map else None)


def _map_without_file(session: Session, map_id: int | None) -> GwSkymap | None:
    return session.scalar(
        select(GwSkymap).options(defer(GwSkymap.fits)).where(GwSkymap.id == map_id)
    )
