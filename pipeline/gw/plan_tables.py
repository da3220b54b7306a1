"""What planning writes: groups of telescopes, plans, tiles, who took which, who cannot observe."""

from datetime import datetime
from typing import Any

from sqlalchemy import (
    Boolean,
    CheckConstraint,
    Double,
    ForeignKey,
    Identity,
    Index,
    Integer,
    SmallInteger,
    UniqueConstraint,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from broker.db import Table
from pipeline.gw import strategies
from pipeline.gw.tables import CASCADE

ORIGINS = ("auto", "manual", "replan")
GROUP_STATES = ("wanted", "running", "done", "failed", "superseded", "cancelled")
PLAN_STATES = ("wanted", "running", "done", "failed", "skipped", "superseded", "cancelled")
OPEN_PLAN_STATES = ("wanted", "running")
CLAIM_STATES = ("claimed", "done", "released")


class GwPlanGroup(Table):
    """Telescopes that are planned and told together, in one run for one notice."""

    __tablename__ = "gw_plan_groups"
    __table_args__ = (
        UniqueConstraint("id_gw", "run", "position"),
        UniqueConstraint("channel", "ts"),
        CheckConstraint(f"origin IN {ORIGINS}", name="origin"),
        CheckConstraint(f"strategy IN {strategies.NAMES}", name="strategy"),
        CheckConstraint(f"state IN {GROUP_STATES}", name="state"),
    )

    id: Mapped[int] = mapped_column(Identity(), primary_key=True)
    id_gw: Mapped[int] = mapped_column(
        ForeignKey("gw_alerts.id_gw", ondelete=CASCADE), comment="gw_alerts.id_gw"
    )
    run: Mapped[int] = mapped_column(Integer, comment="of this notice, from 1")
    position: Mapped[int] = mapped_column(SmallInteger, comment="of the group in its run, from 1")
    origin: Mapped[str]
    strategy: Mapped[str]
    telescopes: Mapped[list[str]] = mapped_column(JSONB, comment="names, in order")
    max_tiles: Mapped[list[int]] = mapped_column(JSONB, comment="for each telescope")
    exposure_s: Mapped[float] = mapped_column(Double)
    window_start: Mapped[datetime]
    window_end: Mapped[datetime]
    requested_by: Mapped[str | None] = mapped_column(comment="null: planned by itself")
    channel: Mapped[str | None] = mapped_column(comment="Slack channel id of its message")
    ts: Mapped[str | None] = mapped_column(comment="Slack message that tells how far it is")
    state: Mapped[str] = mapped_column(server_default="wanted")
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    ended_at: Mapped[datetime | None]


class GwPlan(Table):
    """One observation plan of one telescope for one notice; a re-run is another row."""

    __tablename__ = "gw_plans"
    __table_args__ = (
        UniqueConstraint("id_gw", "telescope", "strategy", "generation"),
        Index(
            "uq_gw_plans_open",
            "id_gw",
            "telescope",
            "strategy",
            unique=True,
            postgresql_where=text(f"state IN {OPEN_PLAN_STATES}"),
        ),
        CheckConstraint(f"strategy IN {strategies.NAMES}", name="strategy"),
        CheckConstraint(f"state IN {PLAN_STATES}", name="state"),
        Index(None, "group_id"),
    )

    id: Mapped[int] = mapped_column(Identity(), primary_key=True)
    id_gw: Mapped[int] = mapped_column(
        ForeignKey("gw_alerts.id_gw", ondelete=CASCADE), comment="gw_alerts.id_gw"
    )
    group_id: Mapped[int] = mapped_column(
        ForeignKey("gw_plan_groups.id", ondelete=CASCADE), comment="gw_plan_groups.id"
    )
    telescope: Mapped[str]
    strategy: Mapped[str]
    generation: Mapped[int] = mapped_column(Integer, server_default="1")
    max_tiles: Mapped[int] = mapped_column(Integer)
    state: Mapped[str] = mapped_column(server_default="wanted")
    reason: Mapped[str | None] = mapped_column(
        comment="why it failed, was skipped, or has no tile; one line"
    )
    stage: Mapped[str | None] = mapped_column(comment="how far its process is, while it runs")
    pid: Mapped[int | None] = mapped_column(Integer, comment="leads its group of processes")
    host: Mapped[str | None] = mapped_column(comment="that pid runs there")
    tile_count: Mapped[int | None] = mapped_column(Integer)
    probability: Mapped[float | None] = mapped_column(Double, comment="of the tiles' union, 0 to 1")
    area_deg2: Mapped[float | None] = mapped_column(Double, comment="of the tiles' union")
    covered_90_percent: Mapped[float | None] = mapped_column(
        Double, comment="of the 90 % region inside the union"
    )
    surface_ratio_percent: Mapped[float | None] = mapped_column(
        Double, comment="sum of tile areas over the 90 % area; exceeds 100"
    )
    first_start_at: Mapped[datetime | None]
    last_end_at: Mapped[datetime | None]
    dark_from: Mapped[datetime | None] = mapped_column(comment="night of the first tile begins")
    dark_until: Mapped[datetime | None] = mapped_column(comment="and ends; Sun at 12° below")
    removed_rows: Mapped[list[Any] | None] = mapped_column(
        JSONB, comment="what the independent check refused, and why"
    )
    scheduler: Mapped[str | None]
    telescope_reviewed: Mapped[bool | None] = mapped_column(
        Boolean, comment="false: its facts were not confirmed by its owners"
    )
    folder: Mapped[str | None] = mapped_column(comment="of its files, relative to nightjar's home")
    duration_s: Mapped[float | None] = mapped_column(Double)
    peak_memory_bytes: Mapped[int | None]
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    started_at: Mapped[datetime | None]
    ended_at: Mapped[datetime | None]


class GwPlanTile(Table):
    """One pointing of a plan."""

    __tablename__ = "gw_plan_tiles"
    __table_args__ = (UniqueConstraint("plan_id", "rank_id"),)

    id: Mapped[int] = mapped_column(Identity(), primary_key=True)
    plan_id: Mapped[int] = mapped_column(
        ForeignKey("gw_plans.id", ondelete=CASCADE), comment="gw_plans.id"
    )
    rank_id: Mapped[int] = mapped_column(Integer, comment="order of observation, from 1")
    tile_id: Mapped[int] = mapped_column(comment="in the telescope's grid")
    ra_deg: Mapped[float] = mapped_column(Double, comment="ICRS, of the centre")
    dec_deg: Mapped[float] = mapped_column(Double, comment="ICRS, of the centre")
    probability: Mapped[float] = mapped_column(Double, comment="inside the footprint, 0 to 1")
    cumulative_probability: Mapped[float] = mapped_column(Double, comment="of the union so far")
    start_at: Mapped[datetime]
    end_at: Mapped[datetime]
    exposure_s: Mapped[float] = mapped_column(Double)
    filter: Mapped[str | None]
    airmass: Mapped[float] = mapped_column(Double)
    galaxies: Mapped[list[Any] | None] = mapped_column(JSONB, comment="of galaxy targeting")


class GwClaim(Table):
    """A tile that somebody takes, has observed, or gave back; given back, another may take it."""

    __tablename__ = "gw_claims"
    __table_args__ = (
        Index(
            "uq_gw_claims_living",
            "plan_id",
            "telescope",
            "tile_id",
            unique=True,
            postgresql_where=text("state <> 'released'"),
        ),
        CheckConstraint(f"state IN {CLAIM_STATES}", name="state"),
        Index(None, "slack_action_id"),
    )

    id: Mapped[int] = mapped_column(Identity(), primary_key=True)
    plan_id: Mapped[int] = mapped_column(
        ForeignKey("gw_plans.id", ondelete=CASCADE), comment="gw_plans.id"
    )
    telescope: Mapped[str]
    tile_id: Mapped[int] = mapped_column(
        ForeignKey("gw_plan_tiles.id", ondelete=CASCADE), comment="gw_plan_tiles.id"
    )
    state: Mapped[str] = mapped_column(server_default="claimed")
    claimed_by: Mapped[str] = mapped_column(comment="name, for people")
    slack_user: Mapped[str | None]
    slack_action_id: Mapped[int | None] = mapped_column(
        ForeignKey("gw_slack_actions.id", ondelete="SET NULL"),
        comment="gw_slack_actions.id: the click that took it",
    )
    claimed_at: Mapped[datetime] = mapped_column(server_default=func.now())
    ended_at: Mapped[datetime | None] = mapped_column(comment="observed, or given back")


class GwTelescopeOutage(Table):
    """A telescope that cannot observe for a while; nothing is planned for it."""

    __tablename__ = "gw_telescope_outages"
    __table_args__ = (Index(None, "telescope", "until_at"),)

    id: Mapped[int] = mapped_column(Identity(), primary_key=True)
    telescope: Mapped[str]
    reason: Mapped[str]
    until_at: Mapped[datetime]
    reported_by: Mapped[str] = mapped_column(comment="name, for people")
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    ended_at: Mapped[datetime | None] = mapped_column(comment="taken back before its time")
    ended_by: Mapped[str | None]
