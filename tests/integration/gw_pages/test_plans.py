"""The page of a plan, and its files."""

import re
import shutil
import uuid
from datetime import UTC, datetime

import pytest

from broker.config import config, project_path
from pipeline.gw.plan_files import VISIBILITY, picture_file
from pipeline.gw.plan_job import RemovedTile
from pipeline.gw.plan_tables import GwClaim
from pipeline.gw.query import tiles_of
from tests.integration.gw_pages.conftest import EVENT

pytestmark = pytest.mark.integration

OURS = ("log.txt", "job.json", "result.json", "skymap.fits")
"""What a plan's process leaves beside its tables: no visitor's business."""


@pytest.fixture
def folder():
    """A plan's folder below nightjar's home, removed again."""
    made = project_path(config().home) / f"plan-{uuid.uuid4().hex}"
    made.mkdir(parents=True)
    yield made
    shutil.rmtree(made)


def test_tiles_are_listed_in_their_order(visitor, notice, sky_map, plan):
    shown = plan(notice(skymap_id=sky_map.id))

    page = visitor.get(f"/gw/{EVENT}/plans/{shown.id}").text

    assert page.index("120.0000") < page.index("121.0000")
    assert "0.5000" in page
    assert page.count("<svg xmlns") == 2


def test_tiles_that_are_not_on_the_map_are_counted(visitor, notice, sky_map, plan):
    shown = plan(notice(skymap_id=sky_map.id), tile_count=500)

    for address in (f"/gw/{EVENT}", f"/gw/{EVENT}/plans/{shown.id}"):
        assert "the first 200 of 500 are drawn" in visitor.get(address).text


def test_a_plan_belongs_to_its_event(visitor, notice, plan):
    shown = plan(notice())
    notice(trigger_id="S261121x", reception_count=1)

    assert visitor.get(f"/gw/S261121x/plans/{shown.id}").status_code == 404


def test_a_failed_plan_names_its_cause(visitor, notice, plan):
    shown = plan(notice(), state="failed", reason="took longer than 300 s", tile_count=None)

    assert "took longer than 300 s" in visitor.get(f"/gw/{EVENT}/plans/{shown.id}").text


def test_what_the_independent_check_removed_is_listed_with_its_reason(visitor, notice, plan):
    removed = RemovedTile(tile_id=7, start=datetime(2026, 11, 21, 20, tzinfo=UTC), why="Sun at -3°")
    shown = plan(notice(), removed_rows=[removed.model_dump(mode="json")])

    page = visitor.get(f"/gw/{EVENT}/plans/{shown.id}").text

    assert "<li>tile 7, 2026-11-21T20:00:00Z: Sun at -3°</li>" in page
    assert "1 removed by the check" in page


def test_tiles_are_not_promised_at_their_best_airmass(visitor, notice, plan):
    shown = plan(notice())

    assert "at the airmass limit" in visitor.get(f"/gw/{EVENT}/plans/{shown.id}").text


def test_claims_are_for_shifters_only(visitor, shifter, notice, plan, session):
    shown = plan(notice())
    tile = tiles_of(session, [shown.id])[shown.id][0]
    session.add(GwClaim(plan_id=shown.id, telescope="TCA", tile_id=tile.id, claimed_by="Tom T."))
    session.commit()
    address = f"/gw/{EVENT}/plans/{shown.id}"

    assert "Tom T." not in visitor.get(address).text
    assert "Tom T." in shifter.get(address).text


def test_the_log_of_an_event_names_tiles_by_rank_in_one_line_for_each_turn(
    shifter, notice, plan, session
):
    shown = plan(notice())
    for tile, state in zip(tiles_of(session, [shown.id])[shown.id], ("done", "done"), strict=True):
        claim = GwClaim(plan_id=shown.id, telescope="TCA", tile_id=tile.id, state=state)
        claim.claimed_by = "Tom T."
        session.add(claim)
    session.commit()

    assert "Tom T. observed tiles 1-2 of TCA</li>" in shifter.get(f"/gw/{EVENT}").text


def test_a_plan_whose_files_were_cleaned_away_says_where_they_lie(
    visitor, notice, plan, monkeypatch
):
    settings = config()
    mine = settings.owncloud.model_copy(update={"link_base": "https://cloud.example.org/?dir="})
    monkeypatch.setattr(
        "pipeline.web.gw_pages.config", lambda: settings.model_copy(update={"owncloud": mine})
    )
    shown = plan(notice(owncloud_url="Candidates/GW/S1/GWEMOPT/X"), folder=None)

    page = visitor.get(f"/gw/{EVENT}/plans/{shown.id}").text

    assert 'href="https://cloud.example.org/?dir=Candidates/GW/S1/GWEMOPT/X">on OwnCloud' in page
    assert "visibility.png" not in page
    assert "120.0000" in page
    assert visitor.get(f"/gw/{EVENT}/plans/{shown.id}/visibility.png").status_code == 404


def test_visibility_curves_are_shown_where_the_process_puts_them(visitor, notice, plan, folder):
    written = folder / picture_file("TCA", VISIBILITY)
    written.parent.mkdir()
    written.write_bytes(b"\x89PNG")
    shown = plan(notice(), folder=folder.name)
    page = visitor.get(f"/gw/{EVENT}/plans/{shown.id}").text

    [address] = re.findall(r'<img class="wide" src="([^"]+)"', page)
    assert b"".join(visitor.get(address).streaming_content) == b"\x89PNG"


def test_only_what_teams_read_comes_from_the_plans_own_folder(visitor, notice, plan, folder):
    (folder / "tiles_TCA.txt").write_text("# TCA")
    for name in OURS:
        (folder / name).write_text("ours")
    shown = plan(notice(), folder=folder.name)
    address = f"/gw/{EVENT}/plans/{shown.id}"

    assert "tiles_TCA.txt" in visitor.get(address).text
    assert b"".join(visitor.get(f"{address}/tiles_TCA.txt").streaming_content) == b"# TCA"
    for name in OURS:
        assert name not in visitor.get(address).text
        assert visitor.get(f"{address}/{name}").status_code == 404
    assert visitor.get(f"{address}/native.env").status_code == 404
    assert visitor.get(f"{address}/..%2Fnative.env").status_code == 404
