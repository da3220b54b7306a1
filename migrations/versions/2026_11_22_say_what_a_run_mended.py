"""Say what a run mended: lines of rows that were stored before it, files that it made again."""

import sqlalchemy as sa
from alembic import op

revision = "c41d7e02b9f6"
down_revision = "e19b40d7c6a2"
branch_labels = None
depends_on = None

COMMENTS = {
    "late_count": "lines of rows that a process before it had stored and not written",
    "mended_count": "files that were lost or changed, and are made again",
}


def upgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '4s'")
    op.execute("SET LOCAL statement_timeout = '5s'")
    for name, comment in COMMENTS.items():
        op.add_column(
            "selected_runs",
            sa.Column(name, sa.BigInteger(), server_default="0", nullable=False, comment=comment),
        )


def downgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '4s'")
    op.execute("SET LOCAL statement_timeout = '5s'")
    for name in COMMENTS:
        op.drop_column("selected_runs", name)
