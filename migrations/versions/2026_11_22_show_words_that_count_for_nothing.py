"""Keep acknowledgments that are shown and count for nothing under a word of their own."""

from alembic import op

revision = "3e90b7d14fa6"
down_revision = "d84f1b6a20ce"
branch_labels = None
depends_on = None

TABLE = "telescope_acknowledgments"
BEFORE = (
    "applied",
    "progress",
    "duplicate",
    "out_of_order",
    "conflict",
    "late",
    "unknown_command",
    "wrong_telescope",
)
ADDED = "not_counted"


def allow(words: tuple[str, ...]) -> None:
    name = op.f("ck_telescope_acknowledgments_disposition")
    op.drop_constraint(name, TABLE, type_="check")
    op.create_check_constraint(name, TABLE, f"disposition IN {words}")


def upgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '4s'")
    op.execute("SET LOCAL statement_timeout = '5s'")
    allow((*BEFORE, ADDED))


def downgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '4s'")
    op.execute("SET LOCAL statement_timeout = '5s'")
    op.execute(f"UPDATE {TABLE} SET disposition = 'applied' WHERE disposition = '{ADDED}'")
    allow(BEFORE)
