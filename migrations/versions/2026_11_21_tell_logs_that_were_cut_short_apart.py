"""Tell a topic's log from the one that was there before it became shorter.

A downgrade is refused (by the constraint, and nothing is changed) once a log was cut short: its
alerts of before and after would have the same coordinates.
"""

import sqlalchemy as sa
from alembic import op

revision = "d9c2f7a05b31"
down_revision = "b7d3e9a41c06"
branch_labels = None
depends_on = None

BEFORE = "uq_sources_stream_topic_topic_id"
AFTER = "uq_sources_stream_topic_topic_id_resets"


def upgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '4s'")
    op.execute("SET LOCAL statement_timeout = '5s'")
    for table, comment in (
        ("sources", "times that a partition's log became shorter before"),
        ("stream_partitions", "times that its log became shorter under this id"),
    ):
        op.add_column(
            table,
            sa.Column("resets", sa.Integer(), server_default="0", nullable=False, comment=comment),
        )
    op.drop_constraint(op.f(BEFORE), "sources", type_="unique")
    op.create_unique_constraint(op.f(AFTER), "sources", ["stream", "topic", "topic_id", "resets"])


def downgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '4s'")
    op.execute("SET LOCAL statement_timeout = '5s'")
    op.drop_constraint(op.f(AFTER), "sources", type_="unique")
    op.create_unique_constraint(op.f(BEFORE), "sources", ["stream", "topic", "topic_id"])
    for table in ("stream_partitions", "sources"):
        op.drop_column(table, "resets")
