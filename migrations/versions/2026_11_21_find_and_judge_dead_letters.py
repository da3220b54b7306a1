"""Say why a letter was ignored and who stopped a stream; find letters by what an operator knows."""

import sqlalchemy as sa
from alembic import op

revision = "c4e19b7a6d02"
down_revision = "a1f0c7d20e51"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '4s'")
    op.execute("SET LOCAL statement_timeout = '5s'")
    op.add_column(
        "dead_letters",
        sa.Column(
            "candid",
            sa.BigInteger(),
            nullable=True,
            comment="where the packet decodes that far",
        ),
    )
    op.add_column(
        "dead_letters",
        sa.Column(
            "object_id", sa.Text(), nullable=True, comment="where the packet decodes that far"
        ),
    )
    op.add_column(
        "dead_letters",
        sa.Column(
            "note",
            sa.Text(),
            nullable=True,
            comment="why it was ignored; at most 2000 characters",
        ),
    )
    op.add_column(
        "streams",
        sa.Column("stopped_by", sa.Text(), nullable=True, comment="breaker, or an operator's name"),
    )
    for columns in (
        ["state", "stream", "reason", "id"],
        ["reason", "state", "id"],
        ["first_seen_at"],
        ["source_offset"],
    ):
        op.create_index(op.f(f"ix_dead_letters_{'_'.join(columns)}"), "dead_letters", columns)
    op.create_index(
        "ix_dead_letters_intervals",
        "dead_letters",
        ["source_offset", "last_offset"],
        postgresql_where=sa.text("last_offset > source_offset"),
    )
    for column in ("candid", "object_id"):
        op.create_index(
            op.f(f"ix_dead_letters_{column}"),
            "dead_letters",
            [column],
            postgresql_where=sa.text(f"{column} IS NOT NULL"),
        )


def downgrade() -> None:
    for name in (
        "object_id",
        "candid",
        "intervals",
        "source_offset",
        "first_seen_at",
        "reason_state_id",
        "state_stream_reason_id",
    ):
        op.drop_index(f"ix_dead_letters_{name}", table_name="dead_letters")
    op.drop_column("streams", "stopped_by")
    for column in ("note", "object_id", "candid"):
        op.drop_column("dead_letters", column)
