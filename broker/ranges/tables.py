"""Bookkeeping of the range protocol; it may be emptied at any moment without losing an alert."""

from datetime import datetime

from sqlalchemy import (
    CheckConstraint,
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

RANGE_STATES = ("queued", "running", "done")


class Source(Table):
    """A topic that packets came from.

    A topic made anew under an old name is another source, and so is one whose log became shorter:
    the same offsets hold other packets then.
    """

    __tablename__ = "sources"
    __table_args__ = (UniqueConstraint("stream", "topic", "topic_id", "resets"),)

    id: Mapped[int] = mapped_column(Identity(), primary_key=True)
    stream: Mapped[str] = mapped_column(comment="name in the topic registry")
    topic: Mapped[str]
    topic_id: Mapped[str] = mapped_column(comment="Kafka's own id of the topic")
    resets: Mapped[int] = mapped_column(
        Integer, server_default="0", comment="times that a partition's log became shorter before"
    )
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())


class Stream(Table):
    """A stream that was stopped by the breaker or by an operator."""

    __tablename__ = "streams"

    id: Mapped[int] = mapped_column(Identity(), primary_key=True)
    name: Mapped[str] = mapped_column(unique=True)
    stopped_at: Mapped[datetime | None] = mapped_column(comment="null: running")
    reason: Mapped[str | None]
    stopped_by: Mapped[str | None] = mapped_column(comment="breaker, or an operator's name")


class StreamPartition(Table):
    """One partition as its listener knows it."""

    __tablename__ = "stream_partitions"
    __table_args__ = (UniqueConstraint("stream", "topic", "partition"),)

    id: Mapped[int] = mapped_column(Identity(), primary_key=True)
    stream: Mapped[str]
    topic: Mapped[str]
    partition: Mapped[int]
    topic_id: Mapped[str | None] = mapped_column(comment="Kafka's id of the topic when last seen")
    resets: Mapped[int] = mapped_column(
        Integer, server_default="0", comment="times that its log became shorter under this id"
    )
    epoch: Mapped[int] = mapped_column(comment="fencing token, from a sequence")
    owner: Mapped[str | None] = mapped_column(comment="listener slot and process")
    committed_offset: Mapped[int | None] = mapped_column(comment="next offset not yet finished")
    high_offset: Mapped[int | None] = mapped_column(comment="high watermark when last seen")
    updated_at: Mapped[datetime] = mapped_column(server_default=func.now())


class StreamRange(Table):
    """A range of offsets that one task works on."""

    __tablename__ = "stream_ranges"
    __table_args__ = (
        UniqueConstraint("stream", "topic", "partition", "replay_id", "first_offset"),
        CheckConstraint(f"state IN {RANGE_STATES}", name="state"),
        CheckConstraint("last_offset >= first_offset", name="order"),
        Index(
            "ix_stream_ranges_replays",
            "replay_id",
            "first_offset",
            postgresql_where=text("replay_id > 0"),
        ),
    )

    id: Mapped[int] = mapped_column(Identity(), primary_key=True)
    stream: Mapped[str]
    topic: Mapped[str]
    partition: Mapped[int]
    replay_id: Mapped[int] = mapped_column(server_default="0", comment="0: live")
    first_offset: Mapped[int]
    last_offset: Mapped[int] = mapped_column(comment="inclusive")
    state: Mapped[str] = mapped_column(server_default="queued")
    attempts: Mapped[int] = mapped_column(SmallInteger, server_default="0")
    releases: Mapped[int] = mapped_column(
        SmallInteger, server_default="0", comment="times given back for want of a server"
    )
    owner: Mapped[str | None] = mapped_column(comment="Celery task id")
    claimed_at: Mapped[datetime | None]
    lease_until: Mapped[datetime | None]
    ring_at: Mapped[datetime] = mapped_column(server_default=func.now())
    done_at: Mapped[datetime | None]
    read_count: Mapped[int | None]
    stored_count: Mapped[int | None]
    duplicate_count: Mapped[int | None]
    dead_count: Mapped[int | None]
    published_count: Mapped[int | None]
    error: Mapped[str | None] = mapped_column(comment="last error, shortened")
