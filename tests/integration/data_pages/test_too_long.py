"""A statement that took too long: every page says so and when to come back; nothing breaks."""

import pytest

from broker.db import cursor
from pipeline.alerts import query_objects
from pipeline.simulate.scenario import make_ztf_packet

pytestmark = pytest.mark.integration
HOME = "/objects/ztf/ZTF26aaaaaaa"


@pytest.fixture
def slow(store, monkeypatch):
    """Let Postgres end the statement that looks an object up, as it does after the limit."""
    store("ztf", make_ztf_packet(candid=5))

    def look_up(session, *_):
        with cursor(session) as cur:
            cur.execute("SET LOCAL statement_timeout = 1")
            cur.execute("SELECT pg_sleep(60)")

    monkeypatch.setattr(query_objects, "find_for_page", look_up)


@pytest.mark.parametrize(
    "path",
    ["", "/data.json", "/light_curve.csv", "/light_curve.parquet", "/cutouts/5.json", "/packets/5"],
)
def test_what_belongs_to_an_object_is_refused_for_a_moment(slow, anybody, path):
    anybody.raise_request_exception = False

    answer = anybody.get(HOME + path)

    assert (answer.status_code, answer["Retry-After"]) == (503, "5")
