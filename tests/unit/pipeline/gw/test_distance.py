import numpy as np
import pytest

from pipeline.gw.distance import Distance, header_distance, marginal_distance
from pipeline.gw.skymap import SkyMap
from tests.gw_notices import make_map

R_MPC = np.linspace(0, 3000, 60_001)


def by_quadrature(mu, sigma):
    """Mean and standard deviation of r² times a normal distribution cut at 0."""
    density = R_MPC**2 * np.exp(-(((R_MPC - mu) / sigma) ** 2) / 2)
    mean = np.average(R_MPC, weights=density)
    return mean, np.sqrt(np.average((R_MPC - mean) ** 2, weights=density))


@pytest.mark.parametrize(
    ("mu", "sigma"), [(300, 60), (50, 100), (0, 80), (-150, 100), (-800, 100), (200, 2)]
)
def test_one_pixel_has_the_moments_of_its_integral(mu, sigma):
    found = marginal_distance(np.ones(1), np.array([float(mu)]), np.array([float(sigma)]))

    assert (found.mean_mpc, found.std_mpc) == pytest.approx(by_quadrature(mu, sigma), rel=1e-4)


def test_pixels_are_weighed_by_their_probability():
    near, far = by_quadrature(100, 10), by_quadrature(300, 20)

    found = marginal_distance(np.array([0.75, 0.25]), np.array([100.0, 300]), np.array([10.0, 20]))

    mean = 0.75 * near[0] + 0.25 * far[0]
    square = 0.75 * (near[0] ** 2 + near[1] ** 2) + 0.25 * (far[0] ** 2 + far[1] ** 2)
    assert found.mean_mpc == pytest.approx(mean, rel=1e-4)
    assert found.std_mpc == pytest.approx(np.sqrt(square - mean**2), rel=1e-4)


def test_pixels_without_distance_are_left_out():
    found = marginal_distance(
        np.array([0.5, 0.3, 0.2]), np.array([200, np.inf, 9]), np.array([20, 1, 0.0])
    )

    assert found.mean_mpc == pytest.approx(by_quadrature(200, 20)[0], rel=1e-4)


def test_no_pixel_with_distance_is_no_distance():
    assert marginal_distance(np.ones(2) / 2, np.array([np.inf, np.nan]), np.ones(2)) is None
    assert marginal_distance(np.ones(2) / 2, None, np.ones(2)) is None


@pytest.mark.parametrize(
    ("mean", "std"), [(None, 1), (100, None), (float("nan"), 1), (-1, 1), (100, -1), ("far", 1)]
)
def test_a_header_without_a_usable_distance_has_none(mean, std):
    assert header_distance({"DISTMEAN": mean, "DISTSTD": std}) is None


def test_the_header_wins_over_the_pixels():
    columns = {"DISTMU": [200.0] * 12, "DISTSIGMA": [20.0] * 12}

    with_header = SkyMap.from_fits(make_map(header={"DISTMEAN": 210, "DISTSTD": 33.5}, **columns))
    without = SkyMap.from_fits(make_map(**columns))

    assert with_header.distance == Distance(210, 33.5)
    assert without.distance_mpc == pytest.approx(by_quadrature(200, 20)[0], rel=1e-4)
    assert with_header.distance_region_mpc == without.distance_region_mpc
