"""Know how far a plan's process is, and the night that its tiles lie in."""

import sqlalchemy as sa
from alembic import op

revision = "5d0c9e7b12fa"
down_revision = "c31f8e07a9d4"
branch_labels = None
depends_on = None

COLUMNS = (
    ("stage", sa.Text(), "how far its process is, while it runs"),
    ("dark_from", sa.DateTime(timezone=True), "night of the first tile begins"),
    ("dark_until", sa.DateTime(timezone=True), "and ends; Sun at 12° below"),
)


def upgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '4s'")
    op.execute("SET LOCAL statement_timeout = '5s'")
    for name, kind, comment in COLUMNS:
        op.add_column("gw_plans", sa.Column(name, kind, nullable=True, comment=comment))


def downgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '4s'")
    op.execute("SET LOCAL statement_timeout = '5s'")
    for name, _, _ in COLUMNS:
        op.drop_column("gw_plans", name)
