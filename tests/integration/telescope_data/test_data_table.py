"""The table of telescopes' data: the field's own, made by hand before or by the migration."""

import pytest

from pipeline.telescope import data_sql
from tests.database import run_command, run_sql

BY_HAND = """
CREATE TABLE telescope_data_raw (
    data_id VARCHAR(255) PRIMARY KEY,
    observation_id VARCHAR(255) NOT NULL,
    sequence_number INTEGER NOT NULL,
    timestamp BIGINT NOT NULL,
    data BYTEA,
    processed BOOLEAN DEFAULT FALSE,
    processing_pipeline_version VARCHAR(50),
    sink_timestamp TIMESTAMP DEFAULT CURRENT_TIMESTAMP,
    created_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP
);
CREATE INDEX idx_observation_id ON telescope_data_raw (observation_id);
CREATE INDEX idx_timestamp ON telescope_data_raw (timestamp);
INSERT INTO telescope_data_raw (data_id, observation_id, sequence_number, timestamp, processed)
VALUES ('old', 'obs', 1, 2, true);
"""
COLUMNS = """
SELECT column_name, data_type, character_maximum_length, is_nullable, column_default
FROM information_schema.columns WHERE table_name = 'telescope_data_raw' ORDER BY ordinal_position
"""
INDEXES = "SELECT indexdef FROM pg_indexes WHERE tablename = 'telescope_data_raw' ORDER BY 1"
UTC_NOW = "(now() AT TIME ZONE 'utc'::text)"


@pytest.mark.integration
def test_a_table_made_by_hand_keeps_its_rows_and_tells_times_in_utc_from_then_on(empty_database):
    run_sql(empty_database, BY_HAND)

    done = run_command(empty_database, "manage.py", "migrate")

    assert done.returncode == 0, done.stderr
    assert run_sql(empty_database, "SELECT data_id, processed FROM telescope_data_raw") == [
        ("old", True)
    ]
    checked = run_command(empty_database, "-m", "alembic", "check")
    assert checked.stdout == "No new upgrade operations detected.\n"


@pytest.mark.integration
def test_a_name_that_an_index_of_the_sites_has_leaves_the_table_with_one_of_its_own(empty_database):
    run_sql(
        empty_database, "CREATE TABLE weather (at int); CREATE INDEX idx_timestamp ON weather (at)"
    )

    done = run_command(empty_database, "manage.py", "migrate")

    assert done.returncode == 0, done.stderr
    found = " ".join(row[0] for row in run_sql(empty_database, INDEXES))
    assert 'ON public.telescope_data_raw USING btree ("timestamp")' in found
    assert run_sql(
        empty_database, "SELECT tablename FROM pg_indexes WHERE indexname = 'idx_timestamp'"
    ) == [("weather",)]


@pytest.mark.integration
def test_the_script_makes_what_the_migration_makes(empty_database, database):
    run_sql(empty_database, data_sql.PATH.read_text())

    for query in (COLUMNS, INDEXES):
        assert run_sql(empty_database, query) == run_sql(database, query)
    defaults = {name: default for name, _, _, _, default in run_sql(database, COLUMNS)}
    assert (defaults["sink_timestamp"], defaults["created_at"]) == (UTC_NOW, UTC_NOW)


def test_the_script_is_made_of_the_migration():
    assert data_sql.PATH.read_text() == data_sql.sql(), f"run: {data_sql.COMMAND}"
