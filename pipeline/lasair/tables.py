"""What Lasair's filters sent, and the images that were asked for it."""

from datetime import datetime
from typing import Any

from sqlalchemy import (
    CheckConstraint,
    Double,
    Identity,
    Index,
    Integer,
    SmallInteger,
    UniqueConstraint,
    func,
    text,
)
from sqlalchemy.orm import Mapped, mapped_column

from broker.db import Table
from pipeline.ledger import OPEN_STATES, STATES, Ledgered

IMAGE_KINDS = ("science", "template", "difference")
IMAGE_STATES = ("wanted", "present", "absent", "broken")
"""Not asked for yet, on disk, asked for and not there, no image."""
PLACES = ("archive", "alerce")
MAX_LINES = 2**31 - 1


class LasairAlert(Table):
    """One message of a filter, with its line in the file of its day."""

    __tablename__ = "lasair_alerts"
    __table_args__ = (
        UniqueConstraint("source_id", "source_partition", "source_offset"),
        UniqueConstraint("file_id", "line_seq"),
        Index(
            "ix_lasair_alerts_unwritten", "file_id", "id", postgresql_where=text("line_seq IS NULL")
        ),
        Index(None, "object_id"),
        Index(None, "detected_at"),
        Index(None, "topic", "received_at"),
    )

    id: Mapped[int] = mapped_column(Identity(), primary_key=True)
    survey: Mapped[str]
    topic: Mapped[str]
    source_id: Mapped[int] = mapped_column(comment="sources.id of the topic it was read from")
    source_partition: Mapped[int] = mapped_column(Integer)
    source_offset: Mapped[int]
    kafka_timestamp: Mapped[datetime]
    object_id: Mapped[str]
    jd_utc: Mapped[float | None] = mapped_column(Double, comment="of the newest detection")
    detected_at: Mapped[datetime] = mapped_column(
        comment="the same; else when the filter took it, else when Kafka got it"
    )
    payload: Mapped[dict[str, Any]] = mapped_column(comment="the message, and utc_FIELD of dates")
    received_at: Mapped[datetime] = mapped_column(server_default=func.now())
    file_id: Mapped[int] = mapped_column(comment="output_files.id of its day's file")
    line_seq: Mapped[int | None] = mapped_column(
        Integer, comment="line in it, from 1; null: not written"
    )


class StampRequest(Ledgered):
    """The three images of one detection, however many filters told of it."""

    __tablename__ = "stamp_requests"
    __table_args__ = (
        UniqueConstraint("survey", "object_id", "detected_at"),
        CheckConstraint(f"state IN {STATES}", name="state"),
        CheckConstraint(f"place IN {PLACES}", name="place"),
        *(
            CheckConstraint(f"{kind}_state IN {IMAGE_STATES}", name=f"{kind}_state")
            for kind in IMAGE_KINDS
        ),
        Index(None, "ring_at", postgresql_where=text(f"state IN {OPEN_STATES}")),
        Index(None, "detected_at"),
    )

    host: Mapped[str] = mapped_column(comment="whose disk the images are for")
    survey: Mapped[str]
    object_id: Mapped[str]
    jd_utc: Mapped[float | None] = mapped_column(Double, comment="of the detection, where known")
    detected_at: Mapped[datetime] = mapped_column(comment="as in lasair_alerts; names the files")
    place: Mapped[str | None] = mapped_column(comment="where they were found")
    detection_id: Mapped[int | None] = mapped_column(comment="candid or measurement_id there")
    looks: Mapped[int] = mapped_column(
        SmallInteger, server_default="0", comment="times that one was not there (yet)"
    )
    science_state: Mapped[str] = mapped_column(server_default="wanted")
    template_state: Mapped[str] = mapped_column(server_default="wanted")
    difference_state: Mapped[str] = mapped_column(server_default="wanted")
