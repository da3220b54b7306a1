"""Who has which tiles of a plan."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import NamedTuple

from sqlalchemy import Select, select
from sqlalchemy.orm import Session, aliased

from pipeline.gw import ranks
from pipeline.gw.plan_tables import GwClaim, GwPlan, GwPlanTile
from pipeline.gw.tables import GwAlert


@dataclass(frozen=True)
class Tiles:
    """A plan's tiles by rank.

    Attributes
    ----------
    every : tuple of int
        All ranks; empty: the plan has no tile, or is not kept.
    claims : mapping of int to GwClaim
        Of the tiles that somebody has taken or observed.
    """

    every: tuple[int, ...]
    claims: Mapping[int, GwClaim]

    @property
    def free(self) -> tuple[int, ...]:
        """Return the ranks that anybody may take."""
        return tuple(rank for rank in self.every if rank not in self.claims)

    def taken(self, slack_user: str | None = None) -> tuple[int, ...]:
        """Return the ranks that are taken and not observed yet, of one person or of all."""
        return tuple(
            rank
            for rank, claim in self.claims.items()
            if claim.state == "claimed" and slack_user in {None, claim.slack_user}
        )

    def holders(self, among: Collection[int]) -> str:
        """Return who has tiles of some ranks: ``1-2 (Vera), 5 (Subra, observed)``."""
        had: dict[str, list[int]] = {}
        for rank, claim in self.claims.items():
            if rank in among:
                who = f"{claim.claimed_by}{', observed' if claim.state == 'done' else ''}"
                had.setdefault(who, []).append(rank)
        return ", ".join(f"{ranks.shown(each)} ({who})" for who, each in had.items())


class Turn(NamedTuple):
    """Tiles that one person took at once and that stand alike: a claim of them, ``tiles 1-3``."""

    claim: GwClaim
    ranks: str


def of_plan(session: Session, plan_id: int) -> Tiles:
    """Return who has which tiles of a plan; without tiles where there is no such plan.

    A place has one taker: what was taken with the same telescope from another plan of the event
    is taken here too.
    """
    tiles = session.scalars(
        select(GwPlanTile).where(GwPlanTile.plan_id == plan_id).order_by(GwPlanTile.rank_id)
    ).all()
    living = _of_telescope(plan_id).where(GwClaim.state != "released")
    rows = session.execute(living.order_by(GwClaim.plan_id == plan_id)).all()  # its own prevail
    taken = {(row.ra_deg, row.dec_deg): row.GwClaim for row in rows}
    places = {tile.rank_id: (tile.ra_deg, tile.dec_deg) for tile in tiles}
    claims = {rank: taken[place] for rank, place in places.items() if place in taken}
    return Tiles(tuple(places), claims)


def _of_telescope(plan_id: int) -> Select[GwClaim, float, float]:
    """Return the statement for all claims, with their places, of a plan's event and telescope."""
    this, plan = aliased(GwPlan), aliased(GwPlan)
    noticed, alert = aliased(GwAlert), aliased(GwAlert)
    return (
        select(GwClaim, GwPlanTile.ra_deg, GwPlanTile.dec_deg)
        .join(GwPlanTile, GwPlanTile.id == GwClaim.tile_id)
        .join(plan, plan.id == GwClaim.plan_id)
        .join(alert, alert.id_gw == plan.id_gw)
        .join(noticed, noticed.trigger_id == alert.trigger_id)
        .join(this, (this.id_gw == noticed.id_gw) & (this.telescope == plan.telescope))
        .where(this.id == plan_id)
    )


def plans_alike(session: Session, plan: GwPlan) -> list[GwPlan]:
    """Return the plans of a notice and telescope that were told: their tiles may be the same."""
    found = select(GwPlan).where(
        GwPlan.id_gw == plan.id_gw, GwPlan.telescope == plan.telescope, GwPlan.state == "done"
    )
    return list(session.scalars(found.order_by(GwPlan.id)))


def turns(session: Session, plan_ids: Sequence[int]) -> list[Turn]:
    """Return what was taken of plans, the last first."""
    rows = session.execute(
        select(GwClaim, GwPlanTile.rank_id)
        .join(GwPlanTile, GwPlanTile.id == GwClaim.tile_id)
        .where(GwClaim.plan_id.in_(plan_ids))
        .order_by(
            GwClaim.claimed_at.desc(),
            GwClaim.plan_id,
            GwClaim.claimed_by,
            GwClaim.state,
            GwPlanTile.rank_id,
        )
    ).all()
    found = []
    for _, alike in groupby(rows, key=lambda row: _likeness(row[0])):
        claims, places = zip(*alike, strict=True)
        found.append(Turn(claims[0], ranks.named(places)))
    return found


def _likeness(claim: GwClaim) -> tuple[object, ...]:
    return claim.claimed_at, claim.plan_id, claim.claimed_by, claim.state
