"""Make the table of telescopes' data as the field has it; one that is there keeps its rows."""

from alembic import op
from sqlalchemy import text

revision = "d84f1b6a20ce"
down_revision = "f05c8a1e63b7"
branch_labels = None
depends_on = None

TABLE = """\
CREATE TABLE IF NOT EXISTS telescope_data_raw (
    data_id VARCHAR(255) PRIMARY KEY,
    observation_id VARCHAR(255) NOT NULL,
    sequence_number INTEGER NOT NULL,
    "timestamp" BIGINT NOT NULL,
    data BYTEA,
    processed BOOLEAN DEFAULT FALSE,
    processing_pipeline_version VARCHAR(50),
    sink_timestamp TIMESTAMP DEFAULT (now() AT TIME ZONE 'utc'),
    created_at TIMESTAMP DEFAULT (now() AT TIME ZONE 'utc')
)"""
BY_OBSERVATION = """\
CREATE INDEX IF NOT EXISTS idx_observation_id ON telescope_data_raw (observation_id)"""
BY_TIME = """\
CREATE INDEX IF NOT EXISTS idx_timestamp ON telescope_data_raw ("timestamp")"""
# A table that was made by hand wrote the time of its session's zone.
IN_UTC = """\
ALTER TABLE telescope_data_raw
    ALTER COLUMN sink_timestamp SET DEFAULT (now() AT TIME ZONE 'utc'),
    ALTER COLUMN created_at SET DEFAULT (now() AT TIME ZONE 'utc')"""
STATEMENTS = (TABLE, BY_OBSERVATION, BY_TIME, IN_UTC)
"""``compose/sql/telescope_data_raw.sql`` is made of them."""


NAMED = (("idx_observation_id", "observation_id"), ("idx_timestamp", "timestamp"))
_IS_ANOTHERS = text("""
    SELECT EXISTS (
        SELECT FROM pg_class AS named
        WHERE named.relname = :name AND named.relnamespace = to_regnamespace(current_schema())
            AND named.oid NOT IN (
                SELECT indexrelid FROM pg_index WHERE indrelid = 'telescope_data_raw'::regclass
            )
    )""")


def upgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '4s'")
    for statement in STATEMENTS:
        op.execute(statement)
    for name, column in NAMED:
        # Names of indexes are the schema's: where a table of the site's has it, ours would have none.
        if op.get_bind().scalar(_IS_ANOTHERS, {"name": name}):
            own = f"ix_telescope_data_raw_{column}"
            op.execute(f'CREATE INDEX IF NOT EXISTS {own} ON telescope_data_raw ("{column}")')


def downgrade() -> None:
    # With its rows, whoever made it: older versions know no such table, and would keep it for ever.
    op.execute("SET LOCAL lock_timeout = '4s'")
    op.drop_table("telescope_data_raw")
