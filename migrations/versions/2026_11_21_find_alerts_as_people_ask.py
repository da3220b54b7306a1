"""Find alerts as people ask for them: by object, by time, in order of candid; objects by prefix.

Follows e81b4d60f7a2.

``alerts.object_id`` is ``objects.id``, which fixes the survey: the index needs no survey in front.
Each new index is one column longer than the one it replaces, so that an insertion writes into as
many indexes as before; only ``objects`` gets one more.
"""

from alembic import op

revision = "b64f0c2d91ae"
down_revision = "e81b4d60f7a2"
branch_labels = None
depends_on = None

OLD_COMMENT = (
    "two bits each (0 null, 1 false, 2 true), from the lowest: positive, rock, star, "
    "near_brightstar, stationary"
)
NEW_COMMENT = OLD_COMMENT + ", complete (has all that published clients require)"

NEW = {
    "ix_alerts_object_id_candid": ("alerts", ["object_id", "candid"]),
    "ix_alerts_survey_jd_utc_candid": ("alerts", ["survey", "jd_utc", "candid"]),
    "ix_objects_object_id_prefix": ("objects", ["object_id"]),
}
OLD = {
    "ix_alerts_object_id": ("alerts", ["object_id"]),
    "ix_alerts_survey_jd_utc": ("alerts", ["survey", "jd_utc"]),
}
OPERATORS = {"ix_objects_object_id_prefix": {"object_id": "text_pattern_ops"}}


def upgrade() -> None:
    _explain(NEW_COMMENT)
    _make(NEW)
    _drop(OLD)


def downgrade() -> None:
    _make(OLD)
    _drop(NEW)
    _explain(OLD_COMMENT)


def _explain(text: str) -> None:
    op.execute("SET LOCAL lock_timeout = '4s'")
    op.execute(f"COMMENT ON COLUMN alerts.flags IS '{text}'")


def _make(indexes: dict[str, tuple[str, list[str]]]) -> None:
    with op.get_context().autocommit_block():
        for name, (table, columns) in indexes.items():
            # One that was interrupted stays behind, invalid.
            op.drop_index(name, table, if_exists=True, postgresql_concurrently=True)
            op.create_index(
                name,
                table,
                columns,
                postgresql_concurrently=True,
                postgresql_ops=OPERATORS.get(name, {}),
            )


def _drop(indexes: dict[str, tuple[str, list[str]]]) -> None:
    with op.get_context().autocommit_block():
        for name, (table, _) in indexes.items():
            op.drop_index(name, table, if_exists=True, postgresql_concurrently=True)
