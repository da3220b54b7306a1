"""Make the table of telescopes' data as the field has it; one that is there keeps its rows."""

from alembic import op

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


def upgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '4s'")
    for statement in STATEMENTS:
        op.execute(statement)


def downgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '4s'")
    op.drop_table("telescope_data_raw")
