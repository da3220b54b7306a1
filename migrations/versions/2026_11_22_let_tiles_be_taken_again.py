"""Let tiles that a team gave back be taken again: one living claim of a tile, not one ever."""

import sqlalchemy as sa
from alembic import op

revision = "e4b17a90c3d2"
down_revision = "5d0c9e7b12fa"
branch_labels = None
depends_on = None

TABLE, COLUMNS = "gw_claims", ["plan_id", "telescope", "tile_id"]
EVER, LIVING = "uq_gw_claims_plan_id_telescope_tile_id", "uq_gw_claims_living"
IS_LIVING = sa.text("state <> 'released'")


def upgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '4s'")
    op.execute("SET LOCAL statement_timeout = '5s'")
    op.drop_constraint(op.f(EVER), TABLE)
    op.create_index(op.f(LIVING), TABLE, COLUMNS, unique=True, postgresql_where=IS_LIVING)


def downgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '4s'")
    op.execute("SET LOCAL statement_timeout = '5s'")
    op.drop_index(op.f(LIVING), table_name=TABLE)
    op.execute(
        "DELETE FROM gw_claims AS old USING gw_claims AS new WHERE old.plan_id = new.plan_id "
        "AND old.telescope = new.telescope AND old.tile_id = new.tile_id AND old.id <> new.id "
        "AND old.state = 'released' AND (new.state <> 'released' OR old.id < new.id)"
    )
    op.create_unique_constraint(op.f(EVER), TABLE, COLUMNS)
