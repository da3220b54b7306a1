"""Why galaxies are not planned: said in the plan, which is skipped and has not failed."""

from datetime import UTC, datetime

import pytest
from sqlalchemy import text

from pipeline.gw import plan_groups
from tests.gw_rows import make_map, make_notice
from tests.integration.gw.test_hosts import TABLE

pytestmark = pytest.mark.integration


@pytest.fixture
def plan(session):
    """Return a function that plans for a map by the settings, and returns the plans by name."""

    def of(**sky_map):
        numbers = {"distance_mpc": 364.0, "distance_std_mpc": 54.0} | sky_map
        alert = make_notice(session, skymap_id=make_map(session, **numbers).id, event_class="BBH")
        run = plan_groups.default_run(datetime.now(UTC), "auto")
        _, plans = plan_groups.insert(session, alert, run)
        return {each.telescope: each for each in plans}

    return of


@pytest.fixture
def _catalog(session):
    session.execute(text(TABLE))


def test_without_a_catalog_the_command_is_named(plan):
    plans = plan()

    assert plans["KAO"].state == "skipped"
    assert "manage.py load_catalog galaxies" in plans["KAO"].reason
    assert plans["TCA"].state == "wanted"


@pytest.mark.usefixtures("_catalog")
@pytest.mark.parametrize(
    ("sky_map", "reason"),
    [
        ({"is_3d": False}, "the map has no distance"),
        ({"distance_mpc": 900.0}, "900 Mpc is beyond 500 Mpc"),
    ],
)
def test_a_map_without_distance_or_too_far_has_no_galaxies(plan, sky_map, reason):
    plans = plan(**sky_map)

    assert (plans["KAO"].state, plans["KAO"].reason) == ("skipped", reason)
    assert plans["TCA"].state == "wanted"


@pytest.mark.usefixtures("_catalog")
def test_near_enough_galaxies_of_a_catalog_are_planned(plan):
    assert plan()["KAO"].state == "wanted"
