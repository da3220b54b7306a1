"""Tell of buckets that lost what they had confirmed, and find the newest of that quickly."""

import sqlalchemy as sa
from alembic import op

revision = "f05c8a1e63b7"
down_revision = "a61d94e0c7f2"
branch_labels = None
depends_on = None

COMMENTS = {
    "again_count": "objects wanted again, as the bucket had lost them",
    "lost_count": "objects that the bucket had lost, whose files are deleted here",
}
INDEX = "ix_s3_uploads_newest"


def upgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '4s'")
    for name, comment in COMMENTS.items():
        op.add_column(
            "s3_syncs",
            sa.Column(name, sa.BigInteger(), server_default="0", nullable=False, comment=comment),
        )
    done = sa.text("state = 'done'")
    op.create_index(op.f(INDEX), "s3_uploads", ["host", "ended_at"], postgresql_where=done)


def downgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '4s'")
    op.execute("SET LOCAL statement_timeout = '5s'")
    op.drop_index(INDEX, "s3_uploads")
    for name in COMMENTS:
        op.drop_column("s3_syncs", name)
