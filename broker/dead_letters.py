"""Packets that could not become an alert: coordinates, reason, and what an operator did."""

from datetime import date, datetime

from sqlalchemy import (
    CheckConstraint,
    Identity,
    Index,
    LargeBinary,
    SmallInteger,
    UniqueConstraint,
    func,
)
from sqlalchemy.orm import Mapped, mapped_column

from broker.db import Table

REASONS = (
    "empty",
    "truncated",
    "too_large",
    "many_records",
    "unknown_schema",
    "schema_not_allowed",
    "array_too_long",
    "bad_value",
    "bad_image",
    "bad_skymap",
    "worker_died",
    "expired_offsets",
    "unexpected",
)
STATES = ("open", "retried", "resolved", "ignored")


class DeadLetter(Table):
    """One packet, or an interval of offsets, that was buried."""

    __tablename__ = "dead_letters"
    __table_args__ = (
        UniqueConstraint(
            "source_id",
            "source_partition",
            "source_offset",
            "sha256",
            postgresql_nulls_not_distinct=True,
        ),
        CheckConstraint(f"state IN {STATES}", name="state"),
        CheckConstraint(f"reason IN {REASONS}", name="reason"),
        Index(None, "stream", "night"),
    )

    id: Mapped[int] = mapped_column(Identity(), primary_key=True)
    stream: Mapped[str]
    topic: Mapped[str]
    source_id: Mapped[int | None]
    source_partition: Mapped[int]
    source_offset: Mapped[int]
    last_offset: Mapped[int] = mapped_column(comment="equal to source_offset but for intervals")
    kafka_timestamp: Mapped[datetime | None]
    night: Mapped[date | None] = mapped_column(comment="of kafka_timestamp, local noon to noon")
    reason: Mapped[str]
    message: Mapped[str] = mapped_column(comment="at most 500 characters")
    traceback: Mapped[str | None] = mapped_column(comment="at most 8 kB")
    sha256: Mapped[bytes | None] = mapped_column(LargeBinary, comment="of the packet")
    archive_segment_id: Mapped[int | None]
    archive_start: Mapped[int | None] = mapped_column(comment="[bytes]")
    archive_length: Mapped[int | None] = mapped_column(comment="[bytes]")
    attempts: Mapped[int] = mapped_column(SmallInteger, server_default="1")
    state: Mapped[str] = mapped_column(server_default="open")
    resolved_by: Mapped[str | None]
    first_seen_at: Mapped[datetime] = mapped_column(server_default=func.now())
    updated_at: Mapped[datetime] = mapped_column(server_default=func.now())
