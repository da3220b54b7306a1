"""Bury messages whose id is that of another one, kept already, that says something else."""

from alembic import op

revision = "c7d23a915be0"
down_revision = "b61f0c8e37d4"
branch_labels = None
depends_on = None

BEFORE = (
    "empty",
    "truncated",
    "too_large",
    "many_records",
    "unknown_schema",
    "schema_not_allowed",
    "array_too_long",
    "bad_value",
    "bad_image",
    "bad_skymap",
    "worker_died",
    "expired_offsets",
    "unexpected",
    "not_json",
    "not_xml",
    "no_id",
    "bad_time",
    "event_missing",
    "unanswered",
)
ADDED = "conflict"


def allow(reasons: tuple[str, ...]) -> None:
    op.drop_constraint(op.f("ck_dead_letters_reason"), "dead_letters", type_="check")
    op.create_check_constraint(
        op.f("ck_dead_letters_reason"), "dead_letters", f"reason IN {reasons}"
    )


def upgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '4s'")
    op.execute("SET LOCAL statement_timeout = '5s'")
    allow((*BEFORE, ADDED))


def downgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '4s'")
    op.execute("SET LOCAL statement_timeout = '5s'")
    op.execute(f"DELETE FROM dead_letters WHERE reason = '{ADDED}'")
    allow(BEFORE)
