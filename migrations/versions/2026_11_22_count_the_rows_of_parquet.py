"""Count the rows of each Parquet, which are those of the CSV beside it."""

from alembic import op

revision = "a61d94e0c7f2"
down_revision = "e94b12c7a0d5"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '4s'")
    op.execute(
        """
        UPDATE output_files AS p SET rows = c.rows
        FROM output_files AS c
        WHERE p.kind = 'parquet' AND c.kind = 'csv' AND (c.host, c.root) = (p.host, p.root)
            AND c.path = regexp_replace(p.path, '[.]parquet$', '.csv')
        """
    )


def downgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '4s'")
    op.execute("UPDATE output_files SET rows = 0 WHERE kind = 'parquet'")
