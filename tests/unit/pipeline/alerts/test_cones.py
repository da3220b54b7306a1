import hpgeom
import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from pipeline.alerts.cones import depth_for, find_ranges, parameters

RADII = st.floats(1e-3, 3600)
DECLINATIONS = st.floats(-90, 90) | st.floats(89.9, 90) | st.floats(-90, -89.9)
RIGHT_ASCENSIONS = st.floats(0, 360) | st.floats(0, 1e-3) | st.floats(359.999, 360)


def _around(ra_deg, dec_deg, distance_deg, bearing):
    """Return where one arrives, by the spherical direct problem in Cartesian vectors."""
    ra, dec, r = np.radians([ra_deg, dec_deg, distance_deg])
    here = np.array([np.cos(dec) * np.cos(ra), np.cos(dec) * np.sin(ra), np.sin(dec)])
    east = np.array([-np.sin(ra), np.cos(ra), 0.0])
    north = np.cross(here, east)
    way = np.outer(np.sin(bearing), east) + np.outer(np.cos(bearing), north)
    there = here * np.cos(r) + way * np.sin(r)
    dec2 = np.degrees(np.arctan2(there[:, 2], np.hypot(there[:, 0], there[:, 1])))
    return np.degrees(np.arctan2(there[:, 1], there[:, 0])) % 360, dec2


# 58.6323 deg / (1.6 × r) is 65 962 for 2 arcsec (2^16 = 65 536) and 4 397 for 30 (2^12 = 4 096).
@pytest.mark.parametrize(
    ("radius_arcsec", "depth"), [(2.0, 16), (30.0, 12), (300.0, 8), (1e-6, 29), (5e-324, 29)]
)
def test_the_depth_follows_from_the_radius(radius_arcsec, depth):
    assert depth_for(radius_arcsec) == depth


@pytest.mark.parametrize("radius_arcsec", [0.0, -1.0, 3600.1, float("nan")])
def test_a_radius_out_of_bounds_is_refused(radius_arcsec):
    with pytest.raises(ValueError, match="arcsec"):
        depth_for(radius_arcsec)


@given(RIGHT_ASCENSIONS, DECLINATIONS, RADII)
@example(0.0, 90.0, 30.0)
@example(0.0, -90.0, 300.0)
@example(45.0, 41.8103149, 2.0)  # where an equatorial and two polar base cells meet
@example(0.0, 0.0, 300.0)
@example(90.0, 41.8103149, 300.0)  # where only seven cells are neighbours
@example(360.0, 12.0, 2.0)
def test_the_ranges_hold_the_whole_circle(ra_deg, dec_deg, radius_arcsec):
    found = find_ranges(np.array([ra_deg]), np.array([dec_deg]), radius_arcsec)

    bearing = np.linspace(0, 2 * np.pi, 64, endpoint=False)
    ra, dec = _around(ra_deg, dec_deg, radius_arcsec / 3600, bearing)
    cells = hpgeom.angle_to_pixel(2**29, ra, np.clip(dec, -90, 90))

    inside = (cells[:, None] >= found.first) & (cells[:, None] < found.last)
    assert inside.sum(axis=1).tolist() == [1] * 64


@given(st.lists(st.tuples(RIGHT_ASCENSIONS, DECLINATIONS), min_size=1, max_size=5), RADII)
def test_a_positions_ranges_are_ascending_apart_and_at_most_nine(positions, radius_arcsec):
    ra, dec = np.array(positions).T
    found = find_ranges(ra, dec, radius_arcsec)

    same = found.position[1:] == found.position[:-1]
    assert (found.last > found.first).all()
    assert (found.first[1:][same] > found.last[:-1][same]).all()
    assert np.bincount(found.position, minlength=len(ra)).min() >= 1
    assert np.bincount(found.position).max() <= 9


def test_neighbouring_cells_become_one_range():
    rng = np.random.default_rng(11)
    ra, dec = rng.uniform(0, 360, 2000), np.degrees(np.arcsin(rng.uniform(-1, 1, 2000)))

    found = find_ranges(ra, dec, 30.0)

    assert 4 < len(found.position) / 2000 < 5
    cells = (found.last - found.first) >> 2 * (29 - 12)
    assert set(np.bincount(found.position, cells).tolist()) <= {8.0, 9.0}


@pytest.mark.parametrize(
    ("dec_deg", "half_width_deg"),
    [(0.0, 30 / 3600), (60.0, 60 / 3600), (89.999, 180.0), (-90.0, 180.0)],
)
def test_the_box_is_as_wide_as_the_cone_in_right_ascension(dec_deg, half_width_deg):
    bound = parameters(np.array([10.0]), np.array([dec_deg]), 30.0)

    assert bound["width"].values[0] == pytest.approx(half_width_deg, rel=1e-6)
    assert bound["height"] == pytest.approx(30 / 3600, rel=1e-6)
