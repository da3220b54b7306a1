"""Let each telescope, and each origin of commands, have idempotency keys of its own."""

from alembic import op

revision = "b2f8d6140a9c"
down_revision = "3e90b7d14fa6"
branch_labels = None
depends_on = None

TABLE, KEY = "telescope_commands", "idempotency_key"
BEFORE = "uq_telescope_commands_idempotency_key"
NOW = "uq_telescope_commands_telescope_origin_idempotency_key"


def upgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '4s'")
    op.execute("SET LOCAL statement_timeout = '5s'")
    op.drop_constraint(op.f(BEFORE), TABLE, type_="unique")
    op.create_unique_constraint(op.f(NOW), TABLE, ["telescope", "origin", KEY])


def downgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '4s'")
    op.execute("SET LOCAL statement_timeout = '5s'")
    # Of a key that several have, the first command alone keeps it.
    op.execute(
        f"UPDATE {TABLE} SET {KEY} = NULL WHERE command_id NOT IN"
        f" (SELECT min(command_id) FROM {TABLE} GROUP BY {KEY})"
    )
    op.drop_constraint(op.f(NOW), TABLE, type_="unique")
    op.create_unique_constraint(op.f(BEFORE), TABLE, [KEY])
