"""Let held ranges rest in which something cannot be published yet."""

import sqlalchemy as sa
from alembic import op

revision = "d41b7f92e6a0"
down_revision = "b7c2e4f90d15"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '4s'")
    op.execute("SET LOCAL statement_timeout = '5s'")
    op.add_column(
        "held_ranges",
        sa.Column(
            "tried_at",
            sa.DateTime(timezone=True),
            nullable=True,
            comment="last time that something there could not be published",
        ),
    )


def downgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '4s'")
    op.execute("SET LOCAL statement_timeout = '5s'")
    op.drop_column("held_ranges", "tried_at")
