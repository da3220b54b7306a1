"""ALL.txt of a notice's newest plans of galaxies, on OwnCloud."""

import pytest
from sqlalchemy import select

from pipeline.gw import plan_all, steps
from pipeline.gw.share import folder_of
from pipeline.gw.steps import Done, Skip
from pipeline.gw.tables import GwStep
from tests.gw_rows import held, make_group, make_notice, make_plan, make_step, make_tile

pytestmark = pytest.mark.integration


@pytest.fixture
def alert(session):
    return make_notice(session)


def galaxies(session, alert, *telescopes, run=1):
    return make_group(
        session, alert, strategy="galaxies", telescopes=telescopes, max_tiles=[10], run=run
    )


def test_tables_stand_in_order_the_newest_of_each_and_failures_are_noted(session, alert):
    first = galaxies(session, alert, "KAO", "COLIBRI")
    make_plan(session, first, telescope="KAO", state="failed", reason="ran out of memory")
    make_plan(session, first, telescope="COLIBRI", state="failed", reason="crashed")
    make_plan(session, make_group(session, alert, position=2), telescope="TCA")
    again = make_plan(
        session, galaxies(session, alert, "KAO", run=2), telescope="KAO", generation=2
    )
    make_tile(session, again, tile_id=7)

    found = plan_all.telescopes(session, alert.id_gw)

    assert [each.name for each in found] == ["KAO", "COLIBRI"]
    assert [tile.tile_id for tile in found[0].tiles] == [7]
    assert found[1].note == "failed: crashed"


def test_the_file_is_written_without_galaxy_telescopes_as_well(session, alert, cloud):
    outcome = plan_all.write(held(alert, "all_file", "1:1"))

    assert isinstance(outcome, Done)
    path = cloud.folder / folder_of(alert) / "ALL.txt"
    assert path.read_text() == "# No tiles to observe\n"


def test_mocks_have_no_file(session):
    assert isinstance(plan_all.write(held(make_notice(session, kind="mock"), "all_file")), Skip)


@pytest.mark.parametrize("kind", ["mock", "real"])
def test_without_the_file_clean_up_follows_too(session, bells, kind):
    made = make_step(session, step="all_file", id_gw=make_notice(session, kind=kind).id_gw)

    steps.run(made.id, "task")

    session.expire_all()
    assert session.get_one(GwStep, made.id).state == "skipped"
    assert session.scalars(select(GwStep.state).where(GwStep.step == "cleanup")).all() == ["wanted"]
