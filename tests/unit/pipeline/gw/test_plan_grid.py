"""Grids: whole, without holes, cut to what the map wants."""

import numpy as np
import pytest

from pipeline.gw.plan_coverage import Footprint, to_degrees
from pipeline.gw.plan_grid import Tiles, bands, near_region, read_grid, without_observed
from pipeline.gw.plan_job import PlanError, Pointing
from tests.unit.pipeline.gw import maps


def tiles(*centres):
    ra, dec = np.array(centres, float).T
    return Tiles(np.arange(len(ra)), ra, dec, np.zeros(len(ra)))


def random_vectors(count):
    vectors = np.random.default_rng(6).normal(size=(count, 3))
    return vectors / np.linalg.norm(vectors, axis=1)[:, None]


@pytest.mark.parametrize("fov_deg", [4.2, 7.0, 9.7])
def test_bands_leave_no_hole_in_the_sky(fov_deg):
    grid, vectors = bands(fov_deg), random_vectors(2000)
    is_covered = np.zeros(len(vectors), bool)

    for ra, dec in zip(grid.ra_deg, grid.dec_deg, strict=True):
        is_covered |= Footprint.at(ra, dec, fov_deg).contains(vectors)

    assert is_covered.all()


def test_a_field_too_small_for_bands_is_refused():
    with pytest.raises(PlanError, match=r"0\.028 deg is too small for tiling"):
        bands(0.028)


def test_a_grid_that_is_no_table_is_refused_by_name(tmp_path):
    (tmp_path / "T1.tess").write_text("one two\n")

    with pytest.raises(PlanError, match=r"grid T1\.tess cannot be read"):
        read_grid(tmp_path / "T1.tess")


def test_a_grid_keeps_the_numbers_that_teams_know(tmp_path):
    (tmp_path / "T1.tess").write_text("7 10.5 -3.25\n9 11.5 -3.25\n")

    found = read_grid(tmp_path / "T1.tess")

    assert found.tile_id.tolist() == [7, 9]
    assert found.ra_deg.tolist() == [10.5, 11.5]


@pytest.mark.parametrize("fov_deg", [0.5, 1.9, 7.0])
def test_only_tiles_that_meet_the_region_are_kept_and_none_is_lost(fov_deg):
    index = maps.spot(359.5, 30.0, 2.0, 8)
    grid = tiles(*[(ra % 360, dec) for ra in np.arange(350, 370, 0.4) for dec in range(20, 41)])

    kept = near_region(grid, fov_deg, index, 0.9)

    kept_ids = set(kept.tile_id.tolist())
    surely, at_most = (_meeting(grid, fov_deg * scale, index) for scale in (0.97, 1.03))
    assert surely <= kept_ids <= at_most
    assert (kept.probability > 0).all()


def test_observed_tiles_are_left_out_across_ra_0():
    grid = tiles((359.999, 0.0), (2.0, 0.0))

    kept = without_observed(grid, (Pointing(ra_deg=0.001, dec_deg=0.0),), 1.9)

    assert kept.tile_id.tolist() == [1]


def test_the_best_tiles_come_first():
    grid = Tiles(np.arange(3), np.zeros(3), np.zeros(3), np.array([0.1, 0.3, 0.2]))

    assert grid.best(2).tile_id.tolist() == [1, 2]


def _meeting(grid, fov_deg, index):
    centres = zip(grid.ra_deg.tolist(), grid.dec_deg.tolist(), strict=True)
    fields = [Footprint.at(*centre, fov_deg).samples(64)[0] for centre in centres]
    return {
        number
        for number, vectors in enumerate(fields)
        if (index.density_and_level(*to_degrees(vectors))[1] <= 0.9).any()
    }
