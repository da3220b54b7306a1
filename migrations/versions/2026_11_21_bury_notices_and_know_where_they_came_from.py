"""Bury notices for what is wrong with them; know where messages of the unified schema came from."""

import sqlalchemy as sa
from alembic import op

revision = "c31f8e07a9d4"
down_revision = "a7e40c91d5b8"
branch_labels = None
depends_on = None

PACKETS = (
    "empty",
    "truncated",
    "too_large",
    "many_records",
    "unknown_schema",
    "schema_not_allowed",
    "array_too_long",
    "bad_value",
    "bad_image",
    "bad_skymap",
    "worker_died",
    "expired_offsets",
    "unexpected",
)
NOTICES = ("not_json", "not_xml", "no_id", "bad_time", "event_missing")


def allow(reasons: tuple[str, ...]) -> None:
    op.drop_constraint(op.f("ck_dead_letters_reason"), "dead_letters", type_="check")
    op.create_check_constraint(
        op.f("ck_dead_letters_reason"),
        "dead_letters",
        f"reason IN {reasons}",
    )


def upgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '4s'")
    op.execute("SET LOCAL statement_timeout = '5s'")
    allow((*PACKETS, *NOTICES))
    op.add_column(
        "gcn_notices", sa.Column("source_id", sa.BigInteger(), nullable=True, comment="sources.id")
    )
    op.add_column("gcn_notices", sa.Column("source_partition", sa.Integer(), nullable=True))
    op.add_column("gcn_notices", sa.Column("source_offset", sa.BigInteger(), nullable=True))


def downgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '4s'")
    op.execute("SET LOCAL statement_timeout = '5s'")
    for name in ("source_offset", "source_partition", "source_id"):
        op.drop_column("gcn_notices", name)
    op.execute(f"DELETE FROM dead_letters WHERE reason IN {NOTICES}")
    allow(PACKETS)
