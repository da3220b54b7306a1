"""Find the ranges of replays without reading those of the live streams."""

import sqlalchemy as sa
from alembic import op

revision = "e81b4d60f7a2"
down_revision = "f3a70c95d18e"
branch_labels = None
depends_on = None

INDEX = "ix_stream_ranges_replays"


def upgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '4s'")
    op.execute("SET LOCAL statement_timeout = '5s'")
    op.create_index(
        INDEX,
        "stream_ranges",
        ["replay_id", "first_offset"],
        unique=False,
        postgresql_where=sa.text("replay_id > 0"),
    )


def downgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '4s'")
    op.execute("SET LOCAL statement_timeout = '5s'")
    op.drop_index(INDEX, table_name="stream_ranges", postgresql_where=sa.text("replay_id > 0"))
