"""A site that ran the field's own SQL before: the migration keeps its table, and the sink fills it."""

import pytest

from broker import db
from tests import database as databases
from tests.database import run_command, run_sql
from tests.integration.telescope_data.test_data_table import BY_HAND
from tests.integration.telescope_data.test_sink import named
from tests.integration.telescope_data.world import letters, piece, rows

pytestmark = [pytest.mark.integration, pytest.mark.slow, pytest.mark.xdist_group("kafka")]


@pytest.fixture
def database(empty_database, monkeypatch):
    """A database whose table was made by hand, and all others by the migrations."""
    run_sql(empty_database, BY_HAND)
    done = run_command(empty_database, "manage.py", "migrate")
    assert done.returncode == 0, done.stderr
    with monkeypatch.context() as patch:
        patch.setenv("NIGHTJAR_POSTGRES__URL", empty_database)
        databases._forget()
        yield empty_database
        db.engine().dispose()
    databases._forget()


def test_the_sink_fills_a_table_that_was_made_by_hand(database, topic):
    sent = [piece(named(topic, f"{n}"), n, b"%d" % n) for n in range(3)]
    place = topic.send(*sent)

    row = topic.work(*place)
    again = topic.work(*place)

    assert (row["state"], row["stored_count"], row["dead_count"]) == ("done", 3, 0)
    assert (again["stored_count"], again["duplicate_count"]) == (0, 3)
    found = rows()
    assert found.pop("old").processed is True
    assert {data_id: one.data for data_id, one in found.items()} == {
        one.data_id: one.data_payload for one in sent
    }
    assert {one.processed for one in found.values()} == {False}
    assert letters() == []
