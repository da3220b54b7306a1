"""ALL.txt of a notice's newest plans of galaxies, on OwnCloud."""

from xml.etree import ElementTree as ET

import hpgeom
import pytest
from sqlalchemy import select

from pipeline.gw import plan_all, steps
from pipeline.gw.share import folder_of
from pipeline.gw.steps import Done, Skip
from pipeline.gw.tables import GwStep
from tests.gw_rows import held, make_group, make_map, make_notice, make_plan, make_step, make_tile

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


def test_a_map_with_the_tiles_of_all_telescopes_lies_beside_it(session, cloud):
    cells = hpgeom.query_circle(64, 345.1, 41.75, 5.0, nest=True).tolist()
    sky_map = make_map(session, moc_50={"6": cells[:20]}, moc_90={"6": cells})
    alert = make_notice(session, skymap_id=sky_map.id)
    for position, (telescope, tiles) in enumerate([("TCA", 1), ("FZU-CTA-N", 1), ("TRE", 0)], 1):
        group = make_group(session, alert, telescopes=[telescope], max_tiles=[9], position=position)
        plan = make_plan(session, group, telescope=telescope, tile_count=tiles, probability=0.25)
        if tiles:
            make_tile(session, plan)
    old = make_plan(
        session, group, telescope="TCH", state="superseded", tile_count=1, probability=0.25
    )
    make_tile(session, old)
    plan_all.write(held(alert, "all_file", "1:1"))

    text = (cloud.folder / folder_of(alert) / "ALL.svg").read_text()
    drawn = ET.fromstring(text)
    said = [each.text for each in drawn.findall("{http://www.w3.org/2000/svg}text")]
    assert said == [
        "TCA, tiling: 1 tiles, 25 % of the probability",
        "FZU-CTA-N, tiling: 1 tiles, 25 % of the probability",
    ]
    hovered = [each.text for each in drawn.iter("{http://www.w3.org/2000/svg}title")]
    assert [text.split()[0] for text in hovered if "probability 0." in text] == ["TCA", "FZU-CTA-N"]


def test_without_tiles_there_is_no_map(session, alert, cloud):
    make_plan(session, make_group(session, alert), tile_count=0)
    plan_all.write(held(alert, "all_file", "1:1"))

    assert not (cloud.folder / folder_of(alert) / "ALL.svg").exists()


def test_mocks_have_no_file(session):
    assert isinstance(plan_all.write(held(make_notice(session, kind="mock"), "all_file")), Skip)


@pytest.mark.parametrize("kind", ["mock", "real"])
def test_without_the_file_clean_up_follows_too(session, bells, kind):
    made = make_step(session, step="all_file", id_gw=make_notice(session, kind=kind).id_gw)

    steps.run(made.id, "task")

    session.expire_all()
    assert session.get_one(GwStep, made.id).state == "skipped"
    assert session.scalars(select(GwStep.state).where(GwStep.step == "cleanup")).all() == ["wanted"]
