"""Keep dead letters without a packet apart by their reason.

The tables before knew one letter without a packet at each place: a downgrade keeps the oldest and
deletes its younger twins.
"""

import sqlalchemy as sa
from alembic import op

revision = "e5b81d36f4a9"
down_revision = "d9c2f7a05b31"
branch_labels = None
depends_on = None

PLACE = ["source_id", "source_partition", "source_offset"]
CONSTRAINT = "uq_dead_letters_source_id_source_partition_source_offset_sha256"


def upgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '4s'")
    op.execute("SET LOCAL statement_timeout = '5s'")
    op.drop_constraint(op.f(CONSTRAINT), "dead_letters", type_="unique")
    for name, last, condition in (
        ("packet", "sha256", "sha256 IS NOT NULL"),
        ("place", "reason", "sha256 IS NULL"),
    ):
        op.create_index(
            f"uq_dead_letters_{name}",
            "dead_letters",
            [*PLACE, last],
            unique=True,
            postgresql_where=sa.text(condition),
            postgresql_nulls_not_distinct=True,
        )


def downgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '4s'")
    op.execute("SET LOCAL statement_timeout = '5s'")
    op.execute("""
        DELETE FROM dead_letters AS younger USING dead_letters AS older
        WHERE younger.sha256 IS NULL AND older.sha256 IS NULL
            AND younger.source_id IS NOT DISTINCT FROM older.source_id
            AND younger.source_partition = older.source_partition
            AND younger.source_offset = older.source_offset
            AND younger.id > older.id
    """)
    for name in ("place", "packet"):
        op.drop_index(f"uq_dead_letters_{name}", table_name="dead_letters")
    op.create_unique_constraint(
        op.f(CONSTRAINT), "dead_letters", [*PLACE, "sha256"], postgresql_nulls_not_distinct=True
    )
