"""Areas and probabilities of square fields, against the closed form of a pyramid's solid angle."""

import math

import numpy as np
import pytest

from pipeline.gw.plan_coverage import DEG2_PER_SR, Footprint, coverage, touch
from tests.unit.pipeline.gw import maps

SPHERE_DEG2 = 4 * math.pi * DEG2_PER_SR


def pyramid_deg2(fov_deg):
    tangent2 = math.tan(math.radians(fov_deg) / 2) ** 2
    return 4 * math.asin(tangent2 / (1 + tangent2)) * DEG2_PER_SR


@pytest.mark.parametrize("fov_deg", [0.02, 0.45, 1.9, 4.2, 10.0])
@pytest.mark.parametrize("centre", [(0.0, 0.0), (359.99, 41.7), (120.0, 89.9)])
def test_a_field_has_its_own_area_and_not_four_times_that(fov_deg, centre):
    found = coverage([Footprint.at(*centre, fov_deg)], maps.uniform())

    assert found.area_deg2 == pytest.approx(pyramid_deg2(fov_deg), rel=1e-5)
    assert found.tile_area_deg2 == pytest.approx(fov_deg**2, rel=0.02)
    assert found.probability[0] == pytest.approx(pyramid_deg2(fov_deg) / SPHERE_DEG2, rel=1e-5)


def test_the_same_field_twice_holds_no_more():
    field = Footprint.at(10.0, 60.0, 2.0)

    found = coverage([field, field], maps.uniform())

    assert found.cumulative_probability[1] == found.cumulative_probability[0]
    assert found.tile_area_deg2 == pytest.approx(2 * found.area_deg2)


def test_half_of_a_field_beside_its_like_counts_half():
    fields = [Footprint.at(0.0, 0.0, 2.0), Footprint.at(1.0, 0.0, 2.0)]

    found = coverage(fields, maps.uniform())

    assert found.area_deg2 == pytest.approx(1.5 * pyramid_deg2(2.0), rel=0.005)


def test_fields_over_the_whole_sky_hold_at_most_all_of_it():
    fields = [Footprint.at(ra, dec, 10.0) for ra in range(0, 360, 9) for dec in (-4, 4)]

    found = coverage(fields, maps.spot(180.0, 0.0, 3.0, 7))

    assert found.cumulative_probability[-1] == pytest.approx(1.0, abs=2e-3)
    assert found.cumulative_probability[-1] <= 1 + 1e-6


def test_the_part_inside_the_region_is_counted_apart():
    found = coverage([Footprint.at(50.0, 20.0, 4.0)], maps.spot(50.0, 20.0, 1.0, 9))

    assert found.region_area_deg2 == pytest.approx(0.9 * math.pi, rel=0.02)
    assert found.area_deg2 == pytest.approx(16.0, rel=0.01)


def test_no_field_holds_nothing():
    found = coverage([], maps.uniform())

    assert found.area_deg2 == 0
    assert len(found.cumulative_probability) == 0


def test_few_samples_find_the_field_that_meets_the_region():
    ra, dec = np.array([50.0, 58.0]), np.array([20.0, 20.0])

    probability, meets = touch(ra, dec, 2.0, maps.spot(50.0, 20.0, 0.5, 9), 0.9)

    assert meets.tolist() == [True, False]
    assert probability == pytest.approx([1.0, 0.0], abs=0.02)
