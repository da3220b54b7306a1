"""Private alerts are nobody's to catch: not by a trial, not by its lists, not by a live filter."""

import numpy as np
import pytest
from sqlalchemy import text

from pipeline.simulate.scenario import make_ztf_packet
from pipeline.user_filters import query
from tests.integration.filter_pages.conftest import JD, program
from tests.integration.filter_pages.test_rest import BASE, data, post

pytestmark = pytest.mark.integration


@pytest.fixture
def mixed(store):
    """A public alert and a private one of the same night."""
    store(
        "ztf",
        make_ztf_packet(candid=1, object_id="ZTF26aaaaaaa", jd=JD, magpsf=18.0),
        make_ztf_packet(candid=2, object_id="ZTF26aaaaaab", jd=JD, magpsf=18.0, programid=2),
    )


def test_a_trial_sees_public_alerts_alone(vera, mixed, work):
    mine = program(vera)
    begun = data(post(mine, "/trials", survey="ztf", expression="magpsf < 19"), 202)
    work()

    done = data(mine.get(f"{BASE}/trials/{begun['key']}"))
    matches = data(mine.get(f"{BASE}/trials/{begun['key']}/matches"))

    assert (done["matched"], done["night_total"]) == (1, 1)
    assert [each["candid"] for each in matches] == [1]


def test_no_list_shows_a_private_alert_even_if_a_row_names_it(session, vera, mixed):
    mine = program(vera)
    post(mine, "", name="bright", survey="ztf", expression="magpsf < 19")
    session.execute(text(
        "INSERT INTO filter_deliveries (filter_id, version, alert_id, survey, candid, night)"
        " SELECT f.id, 1, a.id, a.survey, a.candid, a.night FROM alerts AS a, user_filters AS f"
    ))  # fmt: skip

    latest = data(mine.get(f"{BASE}/bright"))["latest"]

    assert [each["candid"] for each in latest] == [1]
    assert [one.candid for one in query.alerts(session, "ztf", np.array([1, 2]))] == [1]
