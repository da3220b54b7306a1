"""Say why a letter was ignored and who stopped a stream; find letters by what an operator knows.

The indexes are built beside the workers, outside the transaction: a flood of letters, which they
are for, takes longer than workers may wait. Where that was broken off, drop the invalid index, then
upgrade again: what stands already is passed over.
"""

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
        if_not_exists=True,
    )
    op.add_column(
        "dead_letters",
        sa.Column(
            "object_id", sa.Text(), nullable=True, comment="where the packet decodes that far"
        ),
        if_not_exists=True,
    )
    op.add_column(
        "dead_letters",
        sa.Column(
            "note",
            sa.Text(),
            nullable=True,
            comment="why it was ignored; at most 2000 characters",
        ),
        if_not_exists=True,
    )
    op.add_column(
        "streams",
        sa.Column("stopped_by", sa.Text(), nullable=True, comment="breaker, or an operator's name"),
        if_not_exists=True,
    )
    with op.get_context().autocommit_block():
        for columns in (
            ["state", "stream", "reason", "id"],
            ["reason", "state", "id"],
            ["first_seen_at"],
            ["source_offset"],
        ):
            _create_index("_".join(columns), columns)
        _create_index("intervals", ["source_offset", "last_offset"], "last_offset > source_offset")
        for column in ("candid", "object_id"):
            _create_index(column, [column], f"{column} IS NOT NULL")


def _create_index(name: str, columns: list[str], where: str | None = None) -> None:
    op.create_index(
        op.f(f"ix_dead_letters_{name}"),
        "dead_letters",
        columns,
        postgresql_where=None if where is None else sa.text(where),
        postgresql_concurrently=True,
        if_not_exists=True,
    )


def downgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '4s'")
    op.execute("SET LOCAL statement_timeout = '5s'")
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
