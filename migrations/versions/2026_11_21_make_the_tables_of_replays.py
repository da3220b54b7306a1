"""Make the tables of replays."""

import sqlalchemy as sa
from alembic import op

revision = "b7d3e9a41c06"
down_revision = "c4e19b7a6d02"
branch_labels = None
depends_on = None


def count(name: str, comment: str | None = None) -> sa.Column:
    return sa.Column(name, sa.BigInteger(), server_default="0", nullable=False, comment=comment)


def upgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '4s'")
    op.execute("SET LOCAL statement_timeout = '5s'")
    op.create_table(
        "replays",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("stream", sa.Text(), nullable=False),
        sa.Column(
            "from_night", sa.Date(), nullable=True, comment="null: single packets were asked for"
        ),
        sa.Column("to_night", sa.Date(), nullable=True, comment="inclusive"),
        sa.Column(
            "source", sa.Text(), nullable=False, comment="auto: each place says where it is read"
        ),
        sa.Column(
            "publish",
            sa.Text(),
            nullable=False,
            comment="none, what was never published, or everything once more",
        ),
        sa.Column("state", sa.Text(), server_default="wanted", nullable=False),
        sa.Column("requested_by", sa.Text(), nullable=False),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.Column(
            "finished_at",
            sa.DateTime(timezone=True),
            nullable=True,
            comment="nothing of it is in flight",
        ),
        count("offset_count", "offsets asked for"),
        count("read_count", "packets"),
        count("stored_count", "alerts newly stored"),
        count("duplicate_count"),
        count("dead_count"),
        count("published_count", "messages sent"),
        count("missing_count", "packets that neither Kafka nor the archive could give"),
        sa.Column(
            "error", sa.Text(), nullable=True, comment="why it stands or failed; what is missing"
        ),
        sa.CheckConstraint(
            "source IN ('kafka', 'archive', 'auto')", name=op.f("ck_replays_source")
        ),
        sa.CheckConstraint("publish IN ('none', 'new', 'all')", name=op.f("ck_replays_publish")),
        sa.CheckConstraint(
            "state IN ('wanted', 'running', 'done', 'failed', 'cancelled')",
            name=op.f("ck_replays_state"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_replays")),
    )
    op.create_table(
        "replay_places",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("replay_id", sa.BigInteger(), nullable=False, comment="replays.id"),
        sa.Column("topic", sa.Text(), nullable=False),
        sa.Column("partition", sa.BigInteger(), nullable=False),
        sa.Column(
            "source_id",
            sa.BigInteger(),
            nullable=False,
            comment="sources.id that its packets are stored under",
        ),
        sa.Column("read_from", sa.Text(), nullable=False, comment="where its packets are read"),
        sa.Column("first_offset", sa.BigInteger(), nullable=False),
        sa.Column("last_offset", sa.BigInteger(), nullable=False, comment="inclusive"),
        sa.Column(
            "cursor_offset", sa.BigInteger(), nullable=False, comment="everything below is finished"
        ),
        count("read_count"),
        count("dead_count"),
        sa.Column(
            "letter_id", sa.BigInteger(), nullable=True, comment="dead letter that is tried again"
        ),
        sa.Column(
            "archive_segment_id", sa.BigInteger(), nullable=True, comment="of that letter's packet"
        ),
        sa.CheckConstraint(
            "read_from IN ('kafka', 'archive')", name=op.f("ck_replay_places_read_from")
        ),
        sa.CheckConstraint("last_offset >= first_offset", name=op.f("ck_replay_places_order")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_replay_places")),
        sa.UniqueConstraint(
            "replay_id",
            "topic",
            "partition",
            "first_offset",
            name=op.f("uq_replay_places_replay_id_topic_partition_first_offset"),
        ),
    )
    op.create_index(
        op.f("ix_replay_places_letter_id"), "replay_places", ["letter_id"], unique=False
    )


def downgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '4s'")
    op.execute("SET LOCAL statement_timeout = '5s'")
    op.drop_index(op.f("ix_replay_places_letter_id"), table_name="replay_places")
    op.drop_table("replay_places")
    op.drop_table("replays")
