"""Know selected alerts by their source: a message without packet has no other id of it."""

import sqlalchemy as sa
from alembic import op

revision = "b60e4d1f97a8"
down_revision = "a90e4c1d7b35"
branch_labels = None
depends_on = None

TABLE = "selected_alerts"
KEY = ["selection_id", "survey"]
OLD, NEW = "alert_id", "dia_source_id"
COMMENTS = {
    OLD: "up to schema 7.4 not that of its source",
    NEW: "which every form of a message has",
}


def name_of(column: str) -> str:
    return op.f(f"uq_{TABLE}_selection_id_survey_{column}")


def exchange(old: str, new: str) -> None:
    op.execute("SET LOCAL lock_timeout = '4s'")
    op.drop_constraint(name_of(old), TABLE)
    op.create_unique_constraint(name_of(new), TABLE, [*KEY, new])


def comment(given: dict[str, str | None]) -> None:
    for column, text in given.items():
        op.alter_column(TABLE, column, existing_type=sa.BigInteger(), comment=text)


def upgrade() -> None:
    exchange(OLD, NEW)
    comment(COMMENTS)


def downgrade() -> None:
    comment(dict.fromkeys(COMMENTS))
    exchange(NEW, OLD)
