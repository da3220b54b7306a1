"""Know selected alerts by their source: a message without packet has no other id of it.

Under the other key one source could be stored twice, with two ids of its alert. Of such rows one
is kept: a line of a table is never without its row, so one that is written; of several the first.
"""

import logging

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


DOUBLES = f"""
    DELETE FROM {TABLE} WHERE id IN (
        SELECT id FROM (
            SELECT id, row_number() OVER (
                PARTITION BY selection_id, survey, {{key}} ORDER BY csv_seq IS NULL, id
            ) AS place FROM {TABLE}
        ) AS placed WHERE place > 1
    )
"""  # noqa: S608 names of ours

log = logging.getLogger("alembic.runtime.migration")


def name_of(column: str) -> str:
    return op.f(f"uq_{TABLE}_selection_id_survey_{column}")


def exchange(old: str, new: str) -> None:
    op.execute("SET LOCAL lock_timeout = '4s'")
    # Nobody stores another double between the look and the constraint.
    op.execute(f"LOCK TABLE {TABLE} IN SHARE ROW EXCLUSIVE MODE")
    doubles = op.get_bind().exec_driver_sql(DOUBLES.format(key=new)).rowcount
    if doubles:
        log.warning("%s: %d rows that a %s had twice are gone", TABLE, doubles, new)
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
