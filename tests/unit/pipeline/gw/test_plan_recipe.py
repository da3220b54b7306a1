"""A plan from its map to its numbers, around a scheduler that observes whatever it is offered."""

from datetime import UTC, datetime, timedelta

import hpgeom
import numpy as np
import pytest

from pipeline.gw import plan_gwemopt, plan_recipe
from pipeline.gw.plan_check import Row
from pipeline.gw.plan_gwemopt import NothingObservableError
from pipeline.gw.plan_job import SCHEDULE, SKY_MAP, TILES, Galaxy, Pointing
from tests.gw_notices import make_map
from tests.unit.pipeline.gw import jobs

MIDNIGHT = datetime(2024, 3, 21, tzinfo=UTC)
ZENITH = (180.0, 45.0)
"""Of the site of ``jobs`` at midnight, within two degrees [deg, ICRS]."""


def disc(ra_deg, dec_deg, radius_deg, order=7):
    """A map of equally probable pixels around a place, and nothing outside."""
    cells = hpgeom.query_circle(1 << order, ra_deg, dec_deg, radius_deg, nest=True)
    area_sr = 4 * np.pi / (12 * 4**order)
    density = np.full(len(cells), 1 / (len(cells) * area_sr))
    return make_map(4 * 4**order + np.sort(cells), density)


@pytest.fixture
def offered(monkeypatch):
    """Candidates, as the scheduler was given them; it observes the first two at midnight."""
    found = []

    def schedule(job, candidates):
        found.append(candidates)
        rows = zip(candidates.tile_id, candidates.ra_deg, candidates.dec_deg, strict=True)
        return [
            Row(int(tile_id), float(ra), float(dec), start, start + timedelta(seconds=30), 1.0)
            for (tile_id, ra, dec), start in zip(
                rows, (MIDNIGHT, MIDNIGHT + timedelta(minutes=1)), strict=False
            )
        ]

    monkeypatch.setattr(plan_gwemopt, "schedule", schedule)
    return found


def test_a_polar_summer_is_an_answer_without_tiles(offered):
    june = datetime(2024, 6, 20, 12, tzinfo=UTC)
    job = jobs.job(
        jobs.telescope(latitude_deg=80.0), start=june, end=june + timedelta(days=1), event_time=june
    )

    found, _ = plan_recipe.make(job, disc(*ZENITH, 3))

    assert (found.tiles, found.reason) == ((), "no dark time in the window")
    assert (found.dark_from, found.dark_until) == (None, None)
    assert offered == []


def test_a_region_that_never_rises_is_an_answer_that_tells_the_night(offered):
    found, _ = plan_recipe.make(jobs.job(), disc(180.0, -60.0, 3))

    assert (found.tiles, found.reason) == (
        (),
        "no tile of the region is high enough in the dark",
    )
    assert found.dark_from < MIDNIGHT < found.dark_until
    assert offered == []


def test_a_region_beyond_what_the_mount_reaches_is_not_offered(offered):
    found, _ = plan_recipe.make(jobs.job(jobs.telescope(dec_max_deg=20.0)), disc(*ZENITH, 3))

    assert found.reason == "no tile of the region is high enough in the dark"
    assert offered == []


def test_what_the_scheduler_cannot_place_is_an_answer(monkeypatch):
    def nothing(*_):
        raise NothingObservableError("no dark time for two exposures in the window")

    monkeypatch.setattr(plan_gwemopt, "schedule", nothing)

    found, _ = plan_recipe.make(jobs.job(), disc(*ZENITH, 3))

    assert (found.tiles, found.reason) == ((), "no dark time for two exposures in the window")


def test_a_row_that_astropy_refuses_is_left_out_with_its_reason(monkeypatch):
    low = Row(7, 30.0, 10.0, MIDNIGHT, MIDNIGHT + timedelta(seconds=30), 1.0)
    monkeypatch.setattr(plan_gwemopt, "schedule", lambda *_: [low])

    found, _ = plan_recipe.make(jobs.job(), disc(*ZENITH, 3))

    assert (found.tiles, found.reason) == ((), "no tile passed the independent check")
    assert [removed.tile_id for removed in found.removed] == [7]
    assert "altitude" in found.removed[0].why
    assert (found.probability, found.area_deg2) == (0.0, 0.0)


def test_each_stage_is_told_as_it_begins(offered):
    told = []

    plan_recipe.make(jobs.job(), disc(*ZENITH, 3), told.append)

    assert told == [SKY_MAP, TILES, SCHEDULE]


def test_a_plan_counts_each_place_once_and_names_its_night(offered):
    found, _ = plan_recipe.make(jobs.job(), disc(*ZENITH, 3))

    one, other = found.tiles
    assert (one.rank_id, other.rank_id) == (1, 2)
    assert one.probability <= found.probability <= one.probability + other.probability
    assert other.cumulative_probability == found.probability
    assert found.area_deg2 <= 2 * 1.9**2 * 1.001
    assert found.dark_from < one.start < found.dark_until


def test_the_best_tiles_of_a_large_region_are_offered_and_no_more(offered):
    found, _ = plan_recipe.make(jobs.job(max_tiles=5), disc(*ZENITH, 40, order=5))

    [candidates] = offered
    assert len(candidates) == found.candidate_tiles == 200


def test_tiles_that_were_taken_are_not_offered(offered):
    plan_recipe.make(jobs.job(), disc(*ZENITH, 3))
    [all_of_them] = offered
    taken = Pointing(ra_deg=all_of_them.ra_deg[0], dec_deg=all_of_them.dec_deg[0])

    plan_recipe.make(jobs.job(observed=(taken,)), disc(*ZENITH, 3))

    assert set(all_of_them.tile_id) - set(offered[1].tile_id) == {all_of_them.tile_id[0]}


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"strategy": "galaxies", "galaxies": ()}, "no galaxy of the catalog lies in the region"),
        ({"observed": "all"}, "teams have taken all of the region already"),
    ],
)
def test_an_empty_choice_is_not_laid_to_the_night(offered, changed, reason):
    if "observed" in changed:
        plan_recipe.make(jobs.job(), disc(*ZENITH, 3))
        [tiles] = offered
        places = zip(tiles.ra_deg.tolist(), tiles.dec_deg.tolist(), strict=True)
        changed = {"observed": tuple(Pointing(ra_deg=ra, dec_deg=dec) for ra, dec in places)}

    found, _ = plan_recipe.make(jobs.job(**changed), disc(*ZENITH, 3))

    assert (found.tiles, found.reason) == ((), reason)


def test_a_telescope_with_an_open_question_is_planned_with_a_warning(offered):
    asked = jobs.telescope(question="0.38 or 1.9 deg?")

    found, _ = plan_recipe.make(jobs.job(asked), disc(*ZENITH, 3))

    assert found.tiles
    assert found.warnings == ("T1 is not reviewed: 0.38 or 1.9 deg?",)


def test_a_field_too_small_for_the_map_says_how_much_it_looks_at(offered):
    found, _ = plan_recipe.make(jobs.job(jobs.telescope(fov_deg=0.02)), disc(*ZENITH, 15, order=5))

    [warning] = found.warnings
    assert "galaxy targeting may serve better" in warning
    assert len(offered[0]) == 200


def test_galaxies_are_counted_by_their_weight(offered):
    galaxies = tuple(
        Galaxy(ra_deg=ra, dec_deg=45.0, distance_mpc=100.0, weight=weight)
        for ra, weight in ((180.0, 0.6), (184.0, 0.4))
    )

    found, _ = plan_recipe.make(
        jobs.job(strategy="galaxies", galaxies=galaxies), disc(*ZENITH, 3, order=8)
    )

    assert [tile.probability for tile in found.tiles] == [0.6, 0.4]
    assert found.tiles[-1].cumulative_probability == pytest.approx(1.0)
    assert [tile.galaxies for tile in found.tiles] == [(galaxies[0],), (galaxies[1],)]
