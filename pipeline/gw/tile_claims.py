"""Who has which tiles of a plan."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import NamedTuple

from sqlalchemy import select
from sqlalchemy.orm import Session

from pipeline.gw import ranks
from pipeline.gw.plan_tables import GwClaim, GwPlanTile


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
    """Return who has which tiles of a plan; without tiles where there is no such plan."""
    rows = session.execute(
        select(GwPlanTile.rank_id, GwClaim)
        .outerjoin(GwClaim, (GwClaim.tile_id == GwPlanTile.id) & (GwClaim.state != "released"))
        .where(GwPlanTile.plan_id == plan_id)
        .order_by(GwPlanTile.rank_id)
    ).all()
    claims = {rank: claim for rank, claim in rows if claim is not None}
    return Tiles(tuple(rank for rank, _ in rows), claims)


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
