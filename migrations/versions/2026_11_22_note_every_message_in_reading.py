"""Note every message in reading, not only notices."""

from alembic import op

revision = "6e0d5b1c84fa"
down_revision = "3f7c20d9a4e1"
branch_labels = None
depends_on = None

OLD, NEW = "gw_notice_attempts", "message_attempts"
UNIQUE = "source_id_source_partition_source_offset"


def upgrade() -> None:
    _rename(OLD, NEW)


def downgrade() -> None:
    _rename(NEW, OLD)


def _rename(old: str, new: str) -> None:
    op.execute("SET LOCAL lock_timeout = '4s'")
    op.execute("SET LOCAL statement_timeout = '5s'")
    op.rename_table(old, new)
    op.execute(f"ALTER SEQUENCE {old}_id_seq RENAME TO {new}_id_seq")
    op.execute(f"ALTER TABLE {new} RENAME CONSTRAINT pk_{old} TO pk_{new}")
    op.execute(f"ALTER TABLE {new} RENAME CONSTRAINT uq_{old}_{UNIQUE} TO uq_{new}_{UNIQUE}")
