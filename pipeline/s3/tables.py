"""What goes to S3, an object a row, and when each host last looked for more."""

from datetime import datetime

from sqlalchemy import CheckConstraint, Identity, Index, UniqueConstraint, func, text
from sqlalchemy.orm import Mapped, mapped_column

from broker.db import Table
from pipeline.ledger import OPEN_STATES, STATES, Ledgered

_IS_OPEN = f"state IN {OPEN_STATES}"
REASONS = ("schedule", "start", "command")


class S3Upload(Ledgered):
    """One object of a bucket, and the file that it is a copy of."""

    __tablename__ = "s3_uploads"
    __table_args__ = (
        UniqueConstraint("bucket", "key"),
        CheckConstraint(f"state IN {STATES}", name="state"),
        CheckConstraint("(file_id IS NULL) <> (segment_id IS NULL)", name="subject"),
        Index(None, "segment_id"),
        Index(None, "file_id"),
        Index("ix_s3_uploads_open", "host", "not_before", postgresql_where=text(_IS_OPEN)),
        Index("ix_s3_uploads_newest", "host", "ended_at", postgresql_where=text("state = 'done'")),
    )

    host: Mapped[str] = mapped_column(comment="that has the file")
    bucket: Mapped[str]
    key: Mapped[str]
    root: Mapped[str] = mapped_column(comment="folder on that host")
    path: Mapped[str] = mapped_column(comment="relative to root")
    file_id: Mapped[int | None] = mapped_column(comment="output_files.id")
    segment_id: Mapped[int | None] = mapped_column(comment="archive_segments.id; index or packets")
    is_snapshot: Mapped[bool] = mapped_column(comment="the file still grows: proves nothing")
    length: Mapped[int | None] = mapped_column(comment="[bytes]; null: known once it is read")
    sha256: Mapped[str | None] = mapped_column(comment="of the file; null: known once it is read")
    checksum: Mapped[str | None] = mapped_column(comment="as S3 says it; of parts their digests'")
    upload_id: Mapped[str | None] = mapped_column(comment="of an upload in parts that is not ended")


class S3Sync(Table):
    """One look of a host for files that S3 does not have."""

    __tablename__ = "s3_syncs"
    __table_args__ = (
        CheckConstraint(f"reason IN {REASONS}", name="reason"),
        Index(None, "host", "started_at"),
    )

    id: Mapped[int] = mapped_column(Identity(), primary_key=True)
    host: Mapped[str]
    bucket: Mapped[str]
    reason: Mapped[str]
    started_at: Mapped[datetime] = mapped_column(server_default=func.now())
    wanted_count: Mapped[int] = mapped_column(server_default="0", comment="objects")
    again_count: Mapped[int] = mapped_column(
        server_default="0", comment="objects wanted again, as the bucket had lost them"
    )
    lost_count: Mapped[int] = mapped_column(
        server_default="0", comment="objects that the bucket had lost, whose files are deleted here"
    )
    rests_until: Mapped[datetime | None] = mapped_column(
        comment="nothing is sent before, as S3 is away or refuses"
    )
    error: Mapped[str | None] = mapped_column(comment="why it rests; at most 500 characters")
