"""Make the tables of objects on S3; find files that S3 does not have without reading all."""

import sqlalchemy as sa
from alembic import op

revision = "f27c0a9d5b18"
down_revision = "d41b7f92e6a0"
branch_labels = None
depends_on = None

UNPROVED = "confirmed_at IS NULL AND deleted_at IS NULL"
OPEN = "state IN ('wanted', 'running')"
STATES = "('wanted', 'running', 'done', 'failed', 'skipped', 'cancelled')"


def words(name: str, comment: str | None = None, *, nullable: bool = False) -> sa.Column:
    return sa.Column(name, sa.Text(), nullable=nullable, comment=comment)


def big(name: str, comment: str) -> sa.Column:
    return sa.Column(name, sa.BigInteger(), nullable=True, comment=comment)


def when(name: str, comment: str | None = None, default: str | None = None) -> sa.Column:
    at = None if default is None else sa.text(default)
    kind = sa.DateTime(timezone=True)
    return sa.Column(name, kind, server_default=at, nullable=at is None, comment=comment)


def key() -> sa.Column:
    return sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False)


def upgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '4s'")
    op.execute("SET LOCAL statement_timeout = '5s'")
    op.create_table(
        "s3_uploads",
        key(),
        sa.Column("state", sa.Text(), server_default="wanted", nullable=False),
        sa.Column(
            "attempts",
            sa.SmallInteger(),
            server_default="0",
            nullable=False,
            comment="counted before each one begins",
        ),
        words("owner", "task id of who works on it", nullable=True),
        when("lease_until", "then another may claim it"),
        when("not_before", default="now()"),
        when("ring_at", "the sweeper rings then", "now() + interval '15 seconds'"),
        words("last_error", "at most 500 characters", nullable=True),
        when("created_at", default="now()"),
        when("ended_at"),
        words("host", "that has the file"),
        words("bucket"),
        words("key"),
        words("root", "folder on that host"),
        words("path", "relative to root"),
        big("file_id", "output_files.id"),
        big("segment_id", "archive_segments.id; index or packets"),
        sa.Column(
            "is_snapshot",
            sa.Boolean(),
            nullable=False,
            comment="the file still grows: proves nothing",
        ),
        big("length", "[bytes]; null: known once it is read"),
        words("sha256", "of the file; null: known once it is read", nullable=True),
        words("checksum", "as S3 says it; of parts their digests'", nullable=True),
        words("upload_id", "of an upload in parts that is not ended", nullable=True),
        sa.CheckConstraint(f"state IN {STATES}", name=op.f("ck_s3_uploads_state")),
        sa.CheckConstraint(
            "(file_id IS NULL) <> (segment_id IS NULL)", name=op.f("ck_s3_uploads_subject")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_s3_uploads")),
        sa.UniqueConstraint("bucket", "key", name=op.f("uq_s3_uploads_bucket_key")),
    )
    op.create_index(op.f("ix_s3_uploads_segment_id"), "s3_uploads", ["segment_id"])
    op.create_index(op.f("ix_s3_uploads_file_id"), "s3_uploads", ["file_id"])
    op.create_index(
        "ix_s3_uploads_open", "s3_uploads", ["host", "not_before"], postgresql_where=sa.text(OPEN)
    )
    op.create_table(
        "s3_syncs",
        key(),
        words("host"),
        words("bucket"),
        words("reason"),
        when("started_at", default="now()"),
        sa.Column(
            "wanted_count", sa.BigInteger(), server_default="0", nullable=False, comment="objects"
        ),
        when("rests_until", "nothing is sent before, as S3 is away or refuses"),
        words("error", "why it rests; at most 500 characters", nullable=True),
        sa.CheckConstraint(
            "reason IN ('schedule', 'start', 'command')", name=op.f("ck_s3_syncs_reason")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_s3_syncs")),
    )
    op.create_index(op.f("ix_s3_syncs_host_started_at"), "s3_syncs", ["host", "started_at"])
    op.create_index(
        "ix_output_files_unproved",
        "output_files",
        ["host", "id"],
        postgresql_where=sa.text(UNPROVED),
    )


def downgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '4s'")
    op.execute("SET LOCAL statement_timeout = '5s'")
    op.drop_index("ix_output_files_unproved", "output_files")
    op.drop_table("s3_syncs")
    op.drop_table("s3_uploads")
