"""``alerts`` in partitions: made from what was one table, filled, moved into and pruned."""

import psycopg
import pytest
from alembic import command

from broker.db import cursor
from broker.migrate import alembic_config
from pipeline.alerts import partition_tasks, partitions
from pipeline.alerts.partitions import Partition
from tests import factories
from tests.database import run_command, run_sql

pytestmark = pytest.mark.integration

WHOLE = "b2f8d6140a9c"
ALERTS = """
    INSERT INTO alerts (survey, candid, source_id, source_partition, source_offset, kafka_timestamp,
        jd_utc, night, ra_deg, dec_deg, hpx29, flags, archive_segment_id, archive_start,
        archive_length, archive_crc32, outputs, pending)
    SELECT survey, candid, 1, 0, candid % 100, '2026-11-22', 2461000, '2026-11-22', 10, 10, 7, 0,
        1, 0, 1, 1, 1, 1
    FROM (VALUES ('ztf', 3610000000000000001), ('ztf', 5), ('lsst', -9), ('lsst', 170601000000000002))
        AS one (survey, candid)
"""
CONTENT = "SELECT a.*::text FROM alerts AS a ORDER BY id"
COPIES = "SELECT FROM alerts WHERE survey = %s AND candid = ANY(%s) AND candid BETWEEN %s AND %s"
MARK = """
    UPDATE alerts AS a SET pending = 0 FROM unnest(%s::bigint[]) AS u (id)
    WHERE a.id = u.id AND a.survey = %s AND a.candid BETWEEN %s AND %s
"""
LEAVES = "SELECT DISTINCT tableoid::regclass::text FROM alerts WHERE survey = 'ztf' ORDER BY 1"
TWICE = """
    INSERT INTO alerts SELECT (jsonb_populate_record(a, '{"id": 99, "source_offset": 77}')).*
    FROM alerts AS a WHERE survey = 'ztf' AND candid = 5 ON CONFLICT DO NOTHING RETURNING id
"""


@pytest.fixture
def whole(empty_database):
    """Return the address of a database of before, with four alerts in one table."""
    command.upgrade(alembic_config(dsn=empty_database, lock_is_held=True), WHOLE)
    run_sql(empty_database, ALERTS)
    return empty_database


def head(url, **attributes):
    command.upgrade(alembic_config(dsn=url, lock_is_held=True, **attributes), "heads")


def test_a_small_table_with_alerts_is_parted_and_made_whole_again(whole):
    before = run_sql(whole, CONTENT)

    head(whole)
    parted = run_sql(whole, CONTENT)
    partitions.after_migration(whole)
    moved, leaves = run_sql(whole, CONTENT), run_sql(whole, LEAVES)
    twice = run_sql(whole, TWICE)
    command.downgrade(alembic_config(dsn=whole, lock_is_held=True), WHOLE)

    assert before == parted == moved == run_sql(whole, CONTENT)
    assert len(leaves) == 2
    assert "partitions.alerts_ztf_before" in str(leaves)
    assert twice == []
    assert run_sql(whole, "SELECT nextval(pg_get_serial_sequence('alerts', 'id')) > 4") == [(True,)]


def test_new_alerts_go_on_with_the_ids_of_before(whole):
    head(whole)

    run_sql(whole, ALERTS.replace("5)", "6)") + " ON CONFLICT DO NOTHING")

    assert run_sql(whole, "SELECT id > 4 FROM alerts WHERE candid = 6") == [(True,)]


def test_a_large_table_stays_whole_until_the_command_parts_it(whole):
    before = run_sql(whole, CONTENT)
    head(whole, large_rows=3)
    kind = "SELECT relkind FROM pg_class WHERE oid = 'alerts'::regclass"
    assert run_sql(whole, kind) == [("r",)]

    done = run_command(whole, "manage.py", "partition_alerts")

    assert (done.returncode, run_sql(whole, kind)) == (0, [("p",)]), done.stderr
    assert "4 alerts parted" in done.stdout
    assert run_sql(whole, CONTENT) == before
    assert "1 alerts lie in none of them" in done.stdout, "the negative id"


def test_one_place_holds_one_alert_of_a_partition(session):
    source, segment = factories.make_source(session), factories.make_segment(session)
    factories.make_alert(session, source, segment, candid=5)

    with pytest.raises(Exception, match="_place"):
        factories.make_alert(session, source, segment, candid=6)


def test_what_lies_in_none_moves_when_its_partition_is_made(session):
    source, segment = factories.make_source(session), factories.make_segment(session)
    high = 9_000 * 10**15
    alert = factories.make_alert(session, source, segment, candid=high)
    cur = cursor(session)
    late = Partition("ztf", high, high + 10, "alerts_ztf_late")

    moved = partitions.make(cur, late)

    assert moved == 1
    cur.execute("SELECT tableoid::regclass::text FROM alerts WHERE id = %s", (alert.id,))
    assert cur.fetchone() == ("partitions.alerts_ztf_late",)


def test_more_than_ingest_may_wait_for_moves_by_the_command_alone(session):
    source, segment = factories.make_source(session), factories.make_segment(session)
    high = 9_000 * 10**15
    factories.make_alert(session, source, segment, candid=high)

    with pytest.raises(
        psycopg.errors.RaiseException, match="more than 0 alerts of alerts_ztf_late"
    ):
        partitions.make(
            cursor(session), Partition("ztf", high, high + 10, "alerts_ztf_late"), most_moved=0
        )


@pytest.mark.parametrize(
    ("statement", "values"),
    [
        ("SELECT FROM alerts WHERE survey = %s AND candid = %s", ("ztf", 5)),
        (COPIES, ("ztf", [5, 6], 5, 6)),
        (
            MARK,
            ([1], "ztf", 5, 6),
        ),
    ],
    ids=["one", "some", "mark"],
)
def test_only_the_partition_of_an_id_is_looked_at(session, statement, values):
    cur = cursor(session)
    names = [each.name for each in partitions.existing(cur)]

    cur.execute("EXPLAIN " + statement, values)
    plan = str(cur.fetchall())

    assert len(names) >= 4
    assert [name for name in names if name in plan] == ["alerts_ztf_before"]
    assert "alerts_rest" not in plan


def test_nothing_is_missing_after_migrate_and_after_the_task(database):
    made = partition_tasks.make_missing()
    run_sql(database, "DROP TABLE partitions.alerts_lsst_before")
    names = run_sql(
        database, "SELECT relname FROM pg_class WHERE relname LIKE 'alerts_lsst%_place'"
    )

    assert made == []
    assert len(names) == 2, "one for now, one ahead"
