"""Make the table of runs of retention; find old files without reading those that are gone."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "a90e4c1d7b35"
down_revision = "5d0b6e9f2c71"
branch_labels = None
depends_on = None

STATES = "('running', 'done', 'short', 'failed', 'interrupted')"
TIME = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '4s'")
    op.execute("SET LOCAL statement_timeout = '5s'")
    op.create_table(
        "retention_runs",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("host", sa.Text(), nullable=False),
        sa.Column("day", sa.Date(), nullable=False, comment="UTC date up to which ages count"),
        sa.Column("state", sa.Text(), server_default="running", nullable=False),
        sa.Column("is_command", sa.Boolean(), nullable=False, comment="somebody ran it by hand"),
        sa.Column(
            "due",
            JSONB(),
            nullable=False,
            comment="what may go, by kind: files, bytes, nights; noted before any went",
        ),
        sa.Column(
            "kept",
            JSONB(),
            nullable=False,
            comment="what stays though its time is over, by kind and reason",
        ),
        sa.Column(
            "deleted", JSONB(), server_default="{}", nullable=False, comment="what went, by kind"
        ),
        sa.Column("error", sa.Text(), nullable=True, comment="what hindered it"),
        sa.Column("started_at", TIME, server_default=sa.text("now()"), nullable=False),
        sa.Column("ended_at", TIME, nullable=True),
        sa.CheckConstraint(f"state IN {STATES}", name=op.f("ck_retention_runs_state")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_retention_runs")),
    )
    op.create_index(op.f("ix_retention_runs_day_host"), "retention_runs", ["day", "host"])
    op.create_index(
        "ix_output_files_here",
        "output_files",
        ["kind", "night", "host"],
        postgresql_where=sa.text("deleted_at IS NULL"),
    )


def downgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '4s'")
    op.execute("SET LOCAL statement_timeout = '5s'")
    op.drop_index("ix_output_files_here", "output_files")
    op.drop_table("retention_runs")
