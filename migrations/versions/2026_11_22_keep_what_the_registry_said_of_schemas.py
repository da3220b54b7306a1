"""Keep what the registry said of the telescopes' schemas: an id must not change its meaning."""

import sqlalchemy as sa
from alembic import op

revision = "e19b40d7c6a2"
down_revision = "c7d23a915be0"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '4s'")
    op.execute("SET LOCAL statement_timeout = '5s'")
    op.create_table(
        "telescope_schemas",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False, comment="its topic and -value"),
        sa.Column(
            "fingerprint",
            sa.Text(),
            nullable=False,
            comment="SHA-256 of the schema without its texts",
        ),
        sa.Column(
            "schema_id", sa.Integer(), nullable=False, comment="in the prefix of every message"
        ),
        sa.Column("version", sa.Integer(), nullable=False, comment="of the subject, from 1"),
        sa.Column(
            "definition",
            sa.Text(),
            nullable=False,
            comment="the schema as it was registered, JSON",
        ),
        sa.Column(
            "registered_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
            comment="when we knew of it first",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_telescope_schemas")),
        sa.UniqueConstraint(
            "subject",
            "fingerprint",
            "schema_id",
            name=op.f("uq_telescope_schemas_subject_fingerprint_schema_id"),
        ),
    )


def downgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '4s'")
    op.execute("SET LOCAL statement_timeout = '5s'")
    op.drop_table("telescope_schemas")
