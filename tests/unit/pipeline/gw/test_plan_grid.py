"""Grids: whole, without holes, cut to what the map wants."""

import hpgeom
import numpy as np
import pytest

from pipeline.gw.plan_coverage import Footprint, to_degrees
from pipeline.gw.plan_grid import (
    Tiles,
    bands,
    level_for_bands,
    near_region,
    read_grid,
    without_observed,
)
from pipeline.gw.plan_job import PlanError, Pointing
from pipeline.sky import separation_arcsec
from tests.unit.pipeline.gw import maps


def tiles(*centres):
    ra, dec = np.array(centres, float).T
    return Tiles(np.arange(len(ra)), ra, dec, np.zeros(len(ra)))


def random_vectors(count):
    vectors = np.random.default_rng(6).normal(size=(count, 3))
    return vectors / np.linalg.norm(vectors, axis=1)[:, None]


@pytest.mark.parametrize("fov_deg", [4.2, 7.0, 9.7])
def test_bands_leave_no_hole_in_the_sky(fov_deg):
    grid, vectors = bands(fov_deg, maps.uniform(), 1.0), random_vectors(2000)
    is_covered = np.zeros(len(vectors), bool)

    for ra, dec in zip(grid.ra_deg, grid.dec_deg, strict=True):
        is_covered |= Footprint.at(ra, dec, fov_deg).contains(vectors)

    assert is_covered.all()


@pytest.mark.parametrize("fov_deg", [0.02, 0.028, 0.13, 1.1])
def test_bands_hold_the_whole_region_however_small_the_field(fov_deg):
    index = maps.spot(359.95, -62.0, 0.3, 10)
    ra, dec = _points_in(index, 400)

    grid = bands(fov_deg, index, 0.9)

    assert len(grid) < 40 * (0.6 / fov_deg + 2) ** 2
    nearest = [
        separation_arcsec(grid.ra_deg, grid.dec_deg, *point).argmin()
        for point in zip(ra, dec, strict=True)
    ]
    for at, point in zip(nearest, zip(ra, dec, strict=True), strict=True):
        field = Footprint.at(grid.ra_deg[at], grid.dec_deg[at], fov_deg)
        assert field.contains(np.array([hpgeom.angle_to_vector(*point)])).all()


def test_a_tile_has_the_same_number_whatever_the_map():
    whole = bands(4.2, maps.uniform(), 1.0)
    part = bands(4.2, maps.spot(100.0, 50.0, 5.0, 7), 0.9)

    places = {number: (ra, dec) for number, ra, dec in _rows(whole)}
    assert len(places) == len(whole)
    assert all(places[number] == (ra, dec) for number, ra, dec in _rows(part))


@pytest.mark.parametrize(
    ("fov_deg", "level"),
    # 30,000 fields of 0.97 · 0.028 deg have 22.13 deg², of 41,253; those of 2 deg hold the sky.
    [(0.028, 22.13 / 41_253), (2.0, 0.9)],
)
def test_a_region_of_too_many_fields_is_cut_to_its_densest_part(fov_deg, level):
    assert level_for_bands(fov_deg, maps.uniform(8), 0.9) == pytest.approx(level, rel=0.01)


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


def _rows(grid):
    return zip(grid.tile_id.tolist(), grid.ra_deg.tolist(), grid.dec_deg.tolist(), strict=True)


def _points_in(index, count):
    """Return points anywhere in the pixels of a region."""
    inside = np.flatnonzero(index.level <= 0.9)
    rng = np.random.default_rng(7)
    chosen = rng.choice(inside, count)
    cells = rng.integers(index.first[chosen], index.last[chosen])
    return hpgeom.pixel_to_angle(1 << 29, cells, nest=True)


def _meeting(grid, fov_deg, index):
    centres = zip(grid.ra_deg.tolist(), grid.dec_deg.tolist(), strict=True)
    fields = [Footprint.at(*centre, fov_deg).samples(64)[0] for centre in centres]
    return {
        number
        for number, vectors in enumerate(fields)
        if (index.density_and_level(*to_degrees(vectors))[1] <= 0.9).any()
    }
