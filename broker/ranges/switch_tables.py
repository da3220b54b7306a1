"""What an operator holds back: the switch of each stream, and the ranges whose messages wait."""

from datetime import datetime

from sqlalchemy import Boolean, Identity, Integer, UniqueConstraint, func
from sqlalchemy.orm import Mapped, mapped_column

from broker.db import Table


class StreamSwitch(Table):
    """Whether what a stream brings is published; a stream without a row is."""

    __tablename__ = "stream_switches"

    id: Mapped[int] = mapped_column(Identity(), primary_key=True)
    stream: Mapped[str] = mapped_column(unique=True)
    publishing: Mapped[bool] = mapped_column(Boolean, comment="else alerts are stored and wait")
    changed_at: Mapped[datetime] = mapped_column(server_default=func.now())
    changed_by: Mapped[str]
    reason: Mapped[str]


class HeldRange(Table):
    """Finished offsets under which alerts are stored that shall be published later."""

    __tablename__ = "held_ranges"
    __table_args__ = (UniqueConstraint("source_id", "source_partition", "first_offset"),)

    id: Mapped[int] = mapped_column(Identity(), primary_key=True)
    stream: Mapped[str]
    source_id: Mapped[int] = mapped_column(comment="sources.id")
    source_partition: Mapped[int] = mapped_column(Integer)
    first_offset: Mapped[int]
    last_offset: Mapped[int] = mapped_column(comment="inclusive")
    tried_at: Mapped[datetime | None] = mapped_column(
        comment="last time that something there could not be published"
    )
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
