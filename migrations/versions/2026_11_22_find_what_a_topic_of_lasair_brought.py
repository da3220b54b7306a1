"""Find what a topic of Lasair brought lately without reading all that it ever did."""

from alembic import op

revision = "d7a30b58c1e4"
down_revision = "c41d7e02b9f6"
branch_labels = None
depends_on = None

NAME = "ix_lasair_alerts_topic_received_at"


def upgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '4s'")
    op.execute("SET LOCAL statement_timeout = '5s'")
    op.create_index(op.f(NAME), "lasair_alerts", ["topic", "received_at"])


def downgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '4s'")
    op.execute("SET LOCAL statement_timeout = '5s'")
    op.drop_index(NAME, "lasair_alerts")
