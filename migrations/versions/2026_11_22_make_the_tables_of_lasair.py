"""Make the tables of what Lasair's filters sent and of the images that were asked for it."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "3f7c20d9a4e1"
down_revision = "f27c0a9d5b18"
branch_labels = None
depends_on = None

IMAGE_STATES = "('wanted', 'present', 'absent', 'broken')"
STATES = "('wanted', 'running', 'done', 'failed', 'skipped', 'cancelled')"
OPEN_STATES = sa.text("state IN ('wanted', 'running')")
TIME = sa.DateTime(timezone=True)
NOW = sa.text("now()")


def key() -> sa.Column:
    return sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False)


def upgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '4s'")
    op.execute("SET LOCAL statement_timeout = '5s'")
    make_alerts()
    make_requests()


def downgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '4s'")
    op.execute("SET LOCAL statement_timeout = '5s'")
    op.drop_table("stamp_requests")
    op.drop_table("lasair_alerts")


def make_alerts() -> None:
    table = "lasair_alerts"
    op.create_table(
        table,
        key(),
        sa.Column("survey", sa.Text(), nullable=False),
        sa.Column("topic", sa.Text(), nullable=False),
        sa.Column(
            "source_id",
            sa.BigInteger(),
            nullable=False,
            comment="sources.id of the topic it was read from",
        ),
        sa.Column("source_partition", sa.Integer(), nullable=False),
        sa.Column("source_offset", sa.BigInteger(), nullable=False),
        sa.Column("kafka_timestamp", TIME, nullable=False),
        sa.Column("object_id", sa.Text(), nullable=False),
        sa.Column("jd_utc", sa.Double(), comment="of the newest detection"),
        sa.Column(
            "detected_at",
            TIME,
            nullable=False,
            comment="the same; else when the filter took it, else when Kafka got it",
        ),
        sa.Column(
            "payload", JSONB(), nullable=False, comment="the message, and utc_FIELD of dates"
        ),
        sa.Column("received_at", TIME, server_default=NOW, nullable=False),
        sa.Column(
            "file_id",
            sa.BigInteger(),
            nullable=False,
            comment="output_files.id of its day's file",
        ),
        sa.Column("line_seq", sa.Integer(), comment="line in it, from 1; null: not written"),
        sa.PrimaryKeyConstraint("id", name=op.f(f"pk_{table}")),
        sa.UniqueConstraint(
            "source_id",
            "source_partition",
            "source_offset",
            name=op.f(f"uq_{table}_source_id_source_partition_source_offset"),
        ),
        sa.UniqueConstraint("file_id", "line_seq", name=op.f(f"uq_{table}_file_id_line_seq")),
    )
    op.create_index(
        f"ix_{table}_unwritten",
        table,
        ["file_id", "id"],
        postgresql_where=sa.text("line_seq IS NULL"),
    )
    op.create_index(op.f(f"ix_{table}_object_id"), table, ["object_id"])
    op.create_index(op.f(f"ix_{table}_detected_at"), table, ["detected_at"])


def make_requests() -> None:
    table = "stamp_requests"
    op.create_table(
        table,
        key(),
        sa.Column("survey", sa.Text(), nullable=False),
        sa.Column("object_id", sa.Text(), nullable=False),
        sa.Column("jd_utc", sa.Double(), comment="of the detection, where known"),
        sa.Column(
            "detected_at", TIME, nullable=False, comment="as in lasair_alerts; names the files"
        ),
        sa.Column("place", sa.Text(), comment="where they were found"),
        sa.Column("detection_id", sa.BigInteger(), comment="candid or measurement_id there"),
        sa.Column(
            "looks",
            sa.SmallInteger(),
            server_default="0",
            nullable=False,
            comment="times that one was not there (yet)",
        ),
        sa.Column("science_state", sa.Text(), server_default="wanted", nullable=False),
        sa.Column("template_state", sa.Text(), server_default="wanted", nullable=False),
        sa.Column("difference_state", sa.Text(), server_default="wanted", nullable=False),
        *ledgered(),
        sa.PrimaryKeyConstraint("id", name=op.f(f"pk_{table}")),
        sa.UniqueConstraint(
            "survey",
            "object_id",
            "detected_at",
            name=op.f(f"uq_{table}_survey_object_id_detected_at"),
        ),
        sa.CheckConstraint(f"state IN {STATES}", name=op.f(f"ck_{table}_state")),
        sa.CheckConstraint("place IN ('archive', 'alerce')", name=op.f(f"ck_{table}_place")),
        *(
            sa.CheckConstraint(
                f"{kind}_state IN {IMAGE_STATES}", name=op.f(f"ck_{table}_{kind}_state")
            )
            for kind in ("science", "template", "difference")
        ),
    )
    op.create_index(op.f(f"ix_{table}_ring_at"), table, ["ring_at"], postgresql_where=OPEN_STATES)
    op.create_index(op.f(f"ix_{table}_detected_at"), table, ["detected_at"])


def ledgered() -> list[sa.Column]:
    return [
        sa.Column("state", sa.Text(), server_default="wanted", nullable=False),
        sa.Column(
            "attempts",
            sa.SmallInteger(),
            server_default="0",
            nullable=False,
            comment="counted before each one begins",
        ),
        sa.Column("owner", sa.Text(), comment="task id of who works on it"),
        sa.Column("lease_until", TIME, comment="then another may claim it"),
        sa.Column("not_before", TIME, server_default=NOW, nullable=False),
        sa.Column(
            "ring_at",
            TIME,
            server_default=sa.text("now() + interval '15 seconds'"),
            nullable=False,
            comment="the sweeper rings then",
        ),
        sa.Column("last_error", sa.Text(), comment="at most 500 characters"),
        sa.Column("created_at", TIME, server_default=NOW, nullable=False),
        sa.Column("ended_at", TIME),
    ]
