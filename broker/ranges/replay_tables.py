"""Replays: past offsets that shall be worked again, and how far each of them has come.

Unlike the ranges that they are cut into, these rows must not be emptied: a replay stands nowhere
else. A place's cursor moves over finished ranges only.
"""

from datetime import date, datetime

from sqlalchemy import CheckConstraint, Identity, Index, UniqueConstraint, func
from sqlalchemy.orm import Mapped, mapped_column

from broker.db import Table

SOURCES = ("kafka", "archive", "auto")
PUBLISH = ("none", "new", "all")
REPLAY_STATES = ("wanted", "running", "done", "failed", "cancelled")
OPEN_STATES = ("wanted", "running")


class Replay(Table):
    """Past offsets of one stream that somebody asked to be worked again."""

    __tablename__ = "replays"
    __table_args__ = (
        CheckConstraint(f"source IN {SOURCES}", name="source"),
        CheckConstraint(f"publish IN {PUBLISH}", name="publish"),
        CheckConstraint(f"state IN {REPLAY_STATES}", name="state"),
    )

    id: Mapped[int] = mapped_column(Identity(), primary_key=True)
    stream: Mapped[str]
    from_night: Mapped[date | None] = mapped_column(comment="null: single packets were asked for")
    to_night: Mapped[date | None] = mapped_column(comment="inclusive")
    source: Mapped[str] = mapped_column(comment="auto: each place says where it is read")
    publish: Mapped[str] = mapped_column(
        comment="none, what was never published, or everything once more"
    )
    state: Mapped[str] = mapped_column(server_default="wanted")
    requested_by: Mapped[str]
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    finished_at: Mapped[datetime | None] = mapped_column(comment="nothing of it is in flight")
    offset_count: Mapped[int] = mapped_column(server_default="0", comment="offsets asked for")
    read_count: Mapped[int] = mapped_column(server_default="0", comment="packets")
    stored_count: Mapped[int] = mapped_column(server_default="0", comment="alerts newly stored")
    duplicate_count: Mapped[int] = mapped_column(server_default="0")
    dead_count: Mapped[int] = mapped_column(server_default="0")
    published_count: Mapped[int] = mapped_column(server_default="0", comment="messages sent")
    missing_count: Mapped[int] = mapped_column(
        server_default="0", comment="packets that neither Kafka nor the archive could give"
    )
    error: Mapped[str | None] = mapped_column(comment="why it stands or failed; what is missing")


class ReplayPlace(Table):
    """Offsets of one partition that belong to a replay."""

    __tablename__ = "replay_places"
    __table_args__ = (
        UniqueConstraint("replay_id", "topic", "partition", "first_offset"),
        CheckConstraint("read_from IN ('kafka', 'archive')", name="read_from"),
        CheckConstraint("last_offset >= first_offset", name="order"),
        Index(None, "letter_id"),
    )

    id: Mapped[int] = mapped_column(Identity(), primary_key=True)
    replay_id: Mapped[int] = mapped_column(comment="replays.id")
    topic: Mapped[str]
    partition: Mapped[int]
    source_id: Mapped[int] = mapped_column(comment="sources.id that its packets are stored under")
    read_from: Mapped[str] = mapped_column(comment="where its packets are read")
    first_offset: Mapped[int]
    last_offset: Mapped[int] = mapped_column(comment="inclusive")
    cursor_offset: Mapped[int] = mapped_column(comment="everything below is finished")
    read_count: Mapped[int] = mapped_column(server_default="0")
    dead_count: Mapped[int] = mapped_column(server_default="0")
    letter_id: Mapped[int | None] = mapped_column(comment="dead letter that is tried again")
    archive_segment_id: Mapped[int | None] = mapped_column(comment="of that letter's packet")
