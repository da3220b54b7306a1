"""Switch a stream's publishing off, and know what waits until it is on again."""

import sqlalchemy as sa
from alembic import op

revision = "c7d2f3a91b04"
down_revision = "b64f0c2d91ae"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '4s'")
    op.execute("SET LOCAL statement_timeout = '5s'")
    op.create_table(
        "stream_switches",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("stream", sa.Text(), nullable=False),
        sa.Column(
            "publishing", sa.Boolean(), nullable=False, comment="else alerts are stored and wait"
        ),
        sa.Column(
            "changed_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.Column("changed_by", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_stream_switches"),
        sa.UniqueConstraint("stream", name="uq_stream_switches_stream"),
    )
    op.create_table(
        "held_ranges",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("stream", sa.Text(), nullable=False),
        sa.Column("source_id", sa.BigInteger(), nullable=False, comment="sources.id"),
        sa.Column("source_partition", sa.Integer(), nullable=False),
        sa.Column("first_offset", sa.BigInteger(), nullable=False),
        sa.Column("last_offset", sa.BigInteger(), nullable=False, comment="inclusive"),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.PrimaryKeyConstraint("id", name="pk_held_ranges"),
        sa.UniqueConstraint(
            "source_id",
            "source_partition",
            "first_offset",
            name="uq_held_ranges_source_id_source_partition_first_offset",
        ),
    )


def downgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '4s'")
    op.execute("SET LOCAL statement_timeout = '5s'")
    op.drop_table("held_ranges")
    op.drop_table("stream_switches")
