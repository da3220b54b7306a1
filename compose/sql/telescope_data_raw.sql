-- Made from the migration d84f1b6a20ce by manage.py data_table_sql; do not edit.

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
);

CREATE INDEX IF NOT EXISTS idx_observation_id ON telescope_data_raw (observation_id);

CREATE INDEX IF NOT EXISTS idx_timestamp ON telescope_data_raw ("timestamp");

ALTER TABLE telescope_data_raw
    ALTER COLUMN sink_timestamp SET DEFAULT (now() AT TIME ZONE 'utc'),
    ALTER COLUMN created_at SET DEFAULT (now() AT TIME ZONE 'utc');
