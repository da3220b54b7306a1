"""${message}

Follows ${down_revision | comma,n}.

Rules: add columns as nullable or with a default; large indexes CONCURRENTLY in a migration of
their own (inside ``with op.get_context().autocommit_block():``); a column leaves in two releases
(stop using it, then drop it); a downgrade works or says why it cannot.
"""

import sqlalchemy as sa
from alembic import op
${imports if imports else ""}
revision = ${repr(up_revision)}
down_revision = ${repr(down_revision)}
branch_labels = ${repr(branch_labels)}
depends_on = ${repr(depends_on)}


def upgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '4s'")
    op.execute("SET LOCAL statement_timeout = '5s'")
    ${upgrades if upgrades else "pass"}


def downgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '4s'")
    op.execute("SET LOCAL statement_timeout = '5s'")
    ${downgrades if downgrades else "pass"}
