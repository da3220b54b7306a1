"""State how much of a segment is torn whose writer died."""

import sqlalchemy as sa
from alembic import op

revision = "f3a70c95d18e"
down_revision = "e5b81d36f4a9"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '4s'")
    op.execute("SET LOCAL statement_timeout = '5s'")
    op.add_column(
        "archive_segments",
        sa.Column(
            "torn_bytes",
            sa.BigInteger(),
            nullable=True,
            comment="behind the last whole packet, where the writer died; "
            "null: closed by its writer",
        ),
    )


def downgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '4s'")
    op.execute("SET LOCAL statement_timeout = '5s'")
    op.drop_column("archive_segments", "torn_bytes")
