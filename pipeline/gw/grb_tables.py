"""What notices of other missions write: GRB packets, and messages of GCN's unified schema."""

from datetime import datetime
from typing import Any

from sqlalchemy import (
    CheckConstraint,
    Double,
    Identity,
    Index,
    Integer,
    UniqueConstraint,
    func,
)
from sqlalchemy.orm import Mapped, mapped_column

from broker.db import Table

MISSIONS = ("swift", "svom")
ROLES = ("observation", "test", "utility", "prediction")


class GrbAlert(Table):
    """One VOEvent packet about a gamma-ray burst."""

    __tablename__ = "grb_alerts"
    __table_args__ = (
        UniqueConstraint("ivorn"),
        UniqueConstraint("triggerId", "reception_count"),
        UniqueConstraint("channel", "message_ts"),
        CheckConstraint(f"mission IN {MISSIONS}", name="mission"),
        CheckConstraint(f"role IN {ROLES}", name="role"),
        Index(None, "received_at"),
    )

    id_grb: Mapped[int] = mapped_column(Identity(), primary_key=True)
    trigger_id: Mapped[str] = mapped_column("triggerId", comment="the mission's")
    mission: Mapped[str]
    packet_type: Mapped[int] = mapped_column(Integer, comment="61 BAT, 67 XRT, 202 wake-up …")
    ra_deg: Mapped[float | None] = mapped_column("ra", Double, comment="ICRS [deg]; null: none")
    dec_deg: Mapped[float | None] = mapped_column("dec", Double, comment="ICRS [deg]; null: none")
    error_deg: Mapped[float | None] = mapped_column(Double, comment="radius of the position")
    trigger_time: Mapped[datetime | None]
    reception_count: Mapped[int] = mapped_column(Integer, comment="order of arrival, from 1")
    thread_ts: Mapped[str | None] = mapped_column(comment="Slack thread of the burst")
    channel: Mapped[str | None] = mapped_column(comment="Slack channel id of thread and message")
    message_ts: Mapped[str | None] = mapped_column(comment="Slack message of this packet")
    xml_payload: Mapped[str]
    ivorn: Mapped[str]
    role: Mapped[str]
    grb_name: Mapped[str | None] = mapped_column(comment="as 251214; null: no time known")
    measured: Mapped[dict[str, Any]] = mapped_column(
        server_default="{}", comment="significances, duration, magnitude, slew, by name with unit"
    )
    warnings: Mapped[dict[str, Any]] = mapped_column(
        server_default="{}", comment="flags that make it doubtful"
    )
    t90: Mapped[dict[str, Any] | None] = mapped_column(comment="what Swift's page says, later")
    topic: Mapped[str | None] = mapped_column(comment="null: not from Kafka")
    source_id: Mapped[int | None] = mapped_column(comment="sources.id")
    source_partition: Mapped[int | None] = mapped_column(Integer)
    source_offset: Mapped[int | None]
    archive_segment_id: Mapped[int | None] = mapped_column(comment="archive_segments.id")
    archive_start: Mapped[int | None] = mapped_column(comment="[bytes]")
    archive_length: Mapped[int | None] = mapped_column(Integer, comment="[bytes]")
    archive_crc32: Mapped[int | None]
    received_at: Mapped[datetime] = mapped_column(server_default=func.now())


class GcnNotice(Table):
    """One message of a topic in GCN's unified schema; of the heartbeat the newest only."""

    __tablename__ = "gcn_notices"
    __table_args__ = (
        UniqueConstraint("topic", "key"),
        Index(None, "received_at"),
        Index(None, "triggerId"),
    )

    id: Mapped[int] = mapped_column(Identity(), primary_key=True)
    topic: Mapped[str]
    key: Mapped[str] = mapped_column(comment="sha256 of the canonical JSON; empty: heartbeat")
    notice_id: Mapped[str | None] = mapped_column(comment="id in the message")
    name: Mapped[str | None] = mapped_column(comment="event_name; several are joined by a comma")
    tense: Mapped[str | None] = mapped_column(comment="alert_tense; null: current")
    ra_deg: Mapped[float | None] = mapped_column(Double, comment="ICRS")
    dec_deg: Mapped[float | None] = mapped_column(Double, comment="ICRS")
    error_deg: Mapped[float | None] = mapped_column(Double, comment="radius, or major half axis")
    trigger_id: Mapped[str | None] = mapped_column(
        "triggerId", comment="GW event that a circular names"
    )
    payload: Mapped[dict[str, Any]] = mapped_column(comment="the message without sky maps")
    source_id: Mapped[int | None] = mapped_column(comment="sources.id")
    source_partition: Mapped[int | None] = mapped_column(Integer)
    source_offset: Mapped[int | None]
    archive_segment_id: Mapped[int | None] = mapped_column(comment="archive_segments.id")
    archive_start: Mapped[int | None] = mapped_column(comment="[bytes]")
    archive_length: Mapped[int | None] = mapped_column(Integer, comment="[bytes]")
    archive_crc32: Mapped[int | None]
    received_at: Mapped[datetime] = mapped_column(server_default=func.now())
