"""Know which notices depart from the schema that their senders publish."""

import sqlalchemy as sa
from alembic import op

revision = "b7c2e4f90d15"
down_revision = "9a6e1c5f7d34"
branch_labels = None
depends_on = None

COMMENT = "where it departs from the published schema; null: it fits"


def upgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '4s'")
    op.execute("SET LOCAL statement_timeout = '5s'")
    op.add_column(
        "gw_alerts", sa.Column("schema_problems", sa.Text(), nullable=True, comment=COMMENT)
    )


def downgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '4s'")
    op.execute("SET LOCAL statement_timeout = '5s'")
    op.drop_column("gw_alerts", "schema_problems")
