"""Say which output bit is an alert's JSON."""

import sqlalchemy as sa
from alembic import op

revision = "9a27e4c05d31"
down_revision = "b60e4d1f97a8"
branch_labels = None
depends_on = None

OLD = "bits: 1 class topic, 2 babamul.none, 4 selected; never cleared"
NEW = "bits: 1 class topic, 2 babamul.none, 4 selected, 8 these as JSON; never cleared"


def upgrade() -> None:
    _comment(OLD, NEW)


def downgrade() -> None:
    _comment(NEW, OLD)


def _comment(old: str, new: str) -> None:
    op.execute("SET LOCAL lock_timeout = '4s'")
    op.execute("SET LOCAL statement_timeout = '5s'")
    op.alter_column(
        "alerts",
        "outputs",
        existing_type=sa.SmallInteger(),
        existing_nullable=False,
        existing_comment=old,
        comment=new,
    )
