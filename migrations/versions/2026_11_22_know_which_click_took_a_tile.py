"""Know which click took a tile: its lines name those tiles alone, not all that somebody has."""

import sqlalchemy as sa
from alembic import op

revision = "9a6e1c5f7d34"
down_revision = "8a3d61f0c2be"
branch_labels = None
depends_on = None

TABLE, COLUMN = "gw_claims", "slack_action_id"
LINK, INDEX = "fk_gw_claims_slack_action_id", "ix_gw_claims_slack_action_id"
COMMENT = "gw_slack_actions.id: the click that took it"


def upgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '4s'")
    op.execute("SET LOCAL statement_timeout = '5s'")
    op.add_column(TABLE, sa.Column(COLUMN, sa.BigInteger(), comment=COMMENT))
    op.create_foreign_key(
        op.f(LINK), TABLE, "gw_slack_actions", [COLUMN], ["id"], ondelete="SET NULL"
    )
    op.create_index(op.f(INDEX), TABLE, [COLUMN])


def downgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '4s'")
    op.execute("SET LOCAL statement_timeout = '5s'")
    op.drop_index(op.f(INDEX), table_name=TABLE)
    op.drop_constraint(op.f(LINK), TABLE, type_="foreignkey")
    op.drop_column(TABLE, COLUMN)
