"""What GW notices write: alerts, sky maps, the ledger of their steps, what was sent of them.

``plan_tables``: groups, plans, tiles, claims, outages · ``action_tables``: what people pressed and
decided · ``grb_tables``: notices of other missions. Everything that belongs to a notice goes with
its row: ``DELETE FROM gw_alerts``, then a replay, and it is told again.
"""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import (
    Boolean,
    CheckConstraint,
    Double,
    ForeignKey,
    Identity,
    Index,
    Integer,
    LargeBinary,
    SmallInteger,
    UniqueConstraint,
    Uuid,
    func,
    text,
)
from sqlalchemy.orm import Mapped, mapped_column

from broker.db import Table
from pipeline.gw.grb_tables import GrbAlert
from pipeline.ledger import OPEN_STATES, STATES, Ledgered

ALERT_STATES = ("current", "superseded", "retracted", "ignored")
KINDS = ("real", "mock", "test")
ACTIONS = ("GO", "NO")
STEP_STATES, OPEN_STEP_STATES = STATES, OPEN_STATES
DELIVERY_STATES = ("pending", "sending", "sent", "dead")
CASCADE = "CASCADE"


class GwSkymap(Table):
    """One sky map, stored once however many notices carry it."""

    __tablename__ = "gw_skymaps"
    __table_args__ = (UniqueConstraint("sha256"),)

    id: Mapped[int] = mapped_column(Identity(), primary_key=True)
    sha256: Mapped[str] = mapped_column(comment="of the FITS file")
    fits: Mapped[bytes] = mapped_column(LargeBinary, comment="the file as it came")
    is_3d: Mapped[bool] = mapped_column(Boolean, comment="carries distances")
    row_count: Mapped[int] = mapped_column(Integer)
    level_min: Mapped[int] = mapped_column(SmallInteger, comment="coarsest HEALPix order")
    level_max: Mapped[int] = mapped_column(SmallInteger, comment="finest HEALPix order")
    area_50_deg2: Mapped[float] = mapped_column(Double)
    area_90_deg2: Mapped[float] = mapped_column(Double)
    area_95_deg2: Mapped[float] = mapped_column(Double)
    peak_ra_deg: Mapped[float] = mapped_column(Double, comment="ICRS, of the densest pixel")
    peak_dec_deg: Mapped[float] = mapped_column(Double, comment="ICRS, of the densest pixel")
    distance_mpc: Mapped[float | None] = mapped_column(
        Double, comment="of the header, or marginal where it has none"
    )
    distance_std_mpc: Mapped[float | None] = mapped_column(Double)
    distance_region_mpc: Mapped[float | None] = mapped_column(
        Double, comment="unweighted mean over the 90 % region"
    )
    distance_region_std_mpc: Mapped[float | None] = mapped_column(Double)
    moc_50: Mapped[dict[str, Any]] = mapped_column(comment="MOC JSON: order to nested pixels")
    moc_90: Mapped[dict[str, Any]] = mapped_column(comment="MOC JSON: order to nested pixels")
    moc_95: Mapped[dict[str, Any]] = mapped_column(comment="MOC JSON: order to nested pixels")
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())


class GwAlert(Table):
    """One reception of one notice; its event is all rows with its ``triggerId``."""

    __tablename__ = "gw_alerts"
    __table_args__ = (
        UniqueConstraint("triggerId", "reception_count"),
        UniqueConstraint("triggerId", "alert_type", "time_created", "payload_sha256"),
        UniqueConstraint("channel", "message_ts"),
        UniqueConstraint("owncloud_url"),
        CheckConstraint("reception_count >= 1", name="reception_count"),
        CheckConstraint(f"state IN {ALERT_STATES}", name="state"),
        CheckConstraint(f"kind IN {KINDS}", name="kind"),
        CheckConstraint(f"action IN {ACTIONS}", name="action"),
        Index(None, "received_at"),
        Index(None, "skymap_id"),
    )

    id_gw: Mapped[int] = mapped_column(Identity(), primary_key=True)
    trigger_id: Mapped[str] = mapped_column("triggerId", comment="superevent, as S241102br")
    thread_ts: Mapped[str | None] = mapped_column(comment="Slack thread of the event")
    channel: Mapped[str | None] = mapped_column(comment="Slack channel id of thread and card")
    message_ts: Mapped[str | None] = mapped_column(comment="Slack message of this row's card")
    reception_count: Mapped[int] = mapped_column(Integer, comment="order of arrival, from 1")
    payload_json: Mapped[dict[str, Any]] = mapped_column(comment="the notice without its sky maps")
    is_process_running: Mapped[bool] = mapped_column(
        Boolean, server_default="false", comment="a plan of this row is queued or running"
    )
    owncloud_url: Mapped[str | None] = mapped_column(comment="path of its folder below the base")
    alert_type: Mapped[str] = mapped_column(comment="as written in the notice")
    time_created: Mapped[datetime]
    received_at: Mapped[datetime] = mapped_column(server_default=func.now())
    payload_sha256: Mapped[str] = mapped_column(comment="of the notice as canonical JSON")
    kind: Mapped[str]
    significant: Mapped[bool] = mapped_column(Boolean)
    is_silent: Mapped[bool] = mapped_column(
        Boolean, server_default="false", comment="stored only: too old when it came"
    )
    event_time: Mapped[datetime | None] = mapped_column(comment="T0")
    far_hz: Mapped[float | None] = mapped_column(Double, comment="false alarm rate")
    event_class: Mapped[str | None] = mapped_column(comment="most probable one; null: not given")
    class_probability: Mapped[float | None] = mapped_column(Double, comment="0 to 1")
    score: Mapped[int] = mapped_column(SmallInteger, server_default="0", comment="0 to 3")
    score_rule: Mapped[str] = mapped_column(server_default="", comment="which rule decided")
    action: Mapped[str] = mapped_column(server_default="NO")
    suggestion: Mapped[str | None] = mapped_column(comment="of the cookbook; a person decides")
    area_50_deg2: Mapped[float | None] = mapped_column(Double)
    area_90_deg2: Mapped[float | None] = mapped_column(Double)
    distance_mpc: Mapped[float | None] = mapped_column(Double)
    distance_std_mpc: Mapped[float | None] = mapped_column(Double)
    distance_region_mpc: Mapped[float | None] = mapped_column(Double)
    skymap_id: Mapped[int | None] = mapped_column(
        ForeignKey("gw_skymaps.id", ondelete="SET NULL"), comment="gw_skymaps.id; the map scored"
    )
    combined_skymap_id: Mapped[int | None] = mapped_column(
        ForeignKey("gw_skymaps.id", ondelete="SET NULL"), comment="gw_skymaps.id; with the GRB's"
    )
    skymap_error: Mapped[str | None] = mapped_column(comment="why there is no usable map")
    schema_problems: Mapped[str | None] = mapped_column(
        comment="where it departs from the published schema; null: it fits"
    )
    state: Mapped[str] = mapped_column(server_default="current")
    topic: Mapped[str | None] = mapped_column(comment="null: not from Kafka")
    source_id: Mapped[int | None] = mapped_column(comment="sources.id")
    source_partition: Mapped[int | None] = mapped_column(Integer)
    source_offset: Mapped[int | None]
    kafka_timestamp: Mapped[datetime | None]
    archive_segment_id: Mapped[int | None] = mapped_column(comment="archive_segments.id")
    archive_start: Mapped[int | None] = mapped_column(comment="[bytes]")
    archive_length: Mapped[int | None] = mapped_column(Integer, comment="[bytes]")
    archive_crc32: Mapped[int | None]


class OfSubject:
    """Columns of a row that belongs to one notice or one GRB packet, and goes with it."""

    id_gw: Mapped[int | None] = mapped_column(
        ForeignKey(GwAlert.id_gw, ondelete=CASCADE), comment="gw_alerts.id_gw"
    )
    id_grb: Mapped[int | None] = mapped_column(
        ForeignKey(GrbAlert.id_grb, ondelete=CASCADE), comment="grb_alerts.id_grb"
    )


class GwStep(OfSubject, Ledgered):
    """One step of one notice or GRB packet; what it did is told by its delivery."""

    __tablename__ = "gw_steps"
    __table_args__ = (
        UniqueConstraint("id_gw", "id_grb", "step", "key", postgresql_nulls_not_distinct=True),
        CheckConstraint("num_nonnulls(id_gw, id_grb) = 1", name="subject"),
        CheckConstraint(f"state IN {STEP_STATES}", name="state"),
        Index(None, "ring_at", postgresql_where=text(f"state IN {OPEN_STEP_STATES}")),
        Index(None, "id_grb"),
    )

    step: Mapped[str] = mapped_column(comment="name in pipeline.gw.step_registry")
    key: Mapped[str] = mapped_column(server_default="", comment="which one; of plans: gw_plans.id")


class Delivery(OfSubject, Table):
    """One effect outside: a Slack message, a file on OwnCloud; proof that it happened, once."""

    __tablename__ = "deliveries"
    __table_args__ = (
        UniqueConstraint("channel", "kind", "key"),
        UniqueConstraint("delivery_id"),
        CheckConstraint(f"state IN {DELIVERY_STATES}", name="state"),
        Index(None, "id_gw"),
        Index(None, "id_grb"),
        Index(None, "channel", "ts"),
    )

    id: Mapped[int] = mapped_column(Identity(), primary_key=True)
    delivery_id: Mapped[UUID] = mapped_column(
        Uuid, server_default=text("gen_random_uuid()"), comment="stands in the message's metadata"
    )
    channel: Mapped[str] = mapped_column(comment="Slack channel id, or owncloud, or directory")
    kind: Mapped[str] = mapped_column(comment="M1 to M10, picture, file, folder")
    key: Mapped[str] = mapped_column(comment="which one of its kind")
    state: Mapped[str] = mapped_column(server_default="pending")
    thread_ts: Mapped[str | None] = mapped_column(comment="Slack thread that it lies in")
    ts: Mapped[str | None] = mapped_column(comment="Slack's id of the message")
    path: Mapped[str | None] = mapped_column(comment="of the file, below the base")
    sha256: Mapped[str | None] = mapped_column(comment="of what was sent last")
    size_bytes: Mapped[int | None]
    attempts: Mapped[int] = mapped_column(SmallInteger, server_default="0")
    last_error: Mapped[str | None] = mapped_column(comment="at most 500 characters")
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    sent_at: Mapped[datetime | None]
    updated_at: Mapped[datetime] = mapped_column(server_default=func.now())
