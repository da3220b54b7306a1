"""Why galaxies are not planned: said in the plan, which is skipped and has not failed."""

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import func, text

from broker.sections.gw_plans import PlanGroupSettings
from pipeline.gw import outages, plan_groups
from pipeline.gw.plan_tables import GwTelescopeOutage
from tests.gw_rows import make_map, make_notice
from tests.integration.gw.test_hosts import TABLE

pytestmark = pytest.mark.integration
NIGHT_END = func.now() + func.make_interval(0, 0, 0, 1)


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


def groups_of(*named):
    return tuple(
        PlanGroupSettings(
            telescopes=telescopes, max_tiles=(10,) * len(telescopes), strategy="tiling"
        )
        for telescopes in named
    )


@pytest.fixture
def insert(session):
    """Return a function that plans for groups of names; it returns groups, and plans in order."""

    def of(*named):
        alert = make_notice(session, skymap_id=make_map(session).id, event_class="BNS")
        now = datetime.now(UTC)
        run = plan_groups.Run("auto", groups_of(*named), 30.0, now, now + timedelta(hours=24))
        return plan_groups.insert(session, alert, run)

    return of


def test_a_telescope_that_the_table_does_not_have_stops_no_other(insert):
    _, plans = insert(("TCA",), ("NOSUCH",), ("TRE",))

    assert [(each.telescope, each.state, each.reason) for each in plans] == [
        ("TCA", "wanted", None),
        ("NOSUCH", "skipped", "the table of telescopes does not have it"),
        ("TRE", "wanted", None),
    ]


def test_a_telescope_that_is_out_is_out_by_each_of_its_names(insert, session):
    until = datetime.now(UTC) + timedelta(days=1)
    outages.mark(session, "COLIBRI", "snow", until, "A")

    [group], [plan] = insert(("Colibri",))

    assert (plan.telescope, plan.state) == ("COLIBRI", "skipped")
    assert plan.reason.endswith(": snow")
    assert group.telescopes == ["COLIBRI"]


@pytest.mark.parametrize("named", [[("TCA",), ("TCA", "TRE")], [("TCA", "TCA", "TRE")]])
def test_a_telescope_that_is_named_twice_is_planned_once(insert, named):
    _, plans = insert(*named)

    assert [(each.telescope, each.state) for each in plans] == [
        ("TCA", "wanted"),
        ("TRE", "wanted"),
    ]


def test_one_that_is_out_and_named_twice_stops_no_other(insert, session):
    outages.mark(session, "TCA", "snow", datetime.now(UTC) + timedelta(days=1), "A")

    _, plans = insert(("TCA", "TCA"), ("TCA", "TRE"))

    assert [each.state for each in plans] == ["skipped", "skipped", "wanted"]


@pytest.mark.usefixtures("_catalog")
@pytest.mark.parametrize(
    ("until_at", "ended_at", "state"),
    [
        (NIGHT_END, None, "skipped"),
        (NIGHT_END, func.now(), "wanted"),
        (func.now(), None, "wanted"),
    ],
    ids=["out", "taken back", "over"],
)
def test_who_is_out_is_skipped_until_that_is_over_or_taken_back(
    session, plan, until_at, ended_at, state
):
    session.add(
        GwTelescopeOutage(
            telescope="TCA", reason="snow", reported_by="A", until_at=until_at, ended_at=ended_at
        )
    )
    session.flush()

    assert plan()["TCA"].state == state
