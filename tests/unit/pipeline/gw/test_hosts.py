"""Weights of host galaxies, against what the map's own columns mean."""

import numpy as np
import pytest

from pipeline.gw import hosts
from pipeline.gw.sky_index import SkyIndex
from pipeline.gw.skymap import SkyMap

MU_MPC, SIGMA_MPC = 100.0, 10.0


def index():
    """The whole sky, equally probable, at 100 ± 10 Mpc."""
    cells, order = np.arange(12 * 4**3), np.full(12 * 4**3, 3)
    probability = np.full(len(cells), 1 / len(cells))
    mu, sigma = np.full(len(cells), MU_MPC), np.full(len(cells), SIGMA_MPC)
    return SkyIndex.of(SkyMap(order, cells, probability, mu, sigma, None))


def rows(*galaxies):
    """Galaxies as (distance, B, mass), side by side on the sky."""
    distance, b_mag, mass = np.array(galaxies, float).T
    ra = np.arange(len(distance)) * 5.0
    return hosts.Rows(ra, np.zeros(len(ra)), distance, b_mag, mass)


def weights(*galaxies):
    return [galaxy.weight for galaxy in hosts.best(rows(*galaxies), index(), 10)]


def test_a_galaxy_one_sigma_off_has_less_by_the_normal_distribution():
    # Equal luminosity: the farther one is fainter by 5 log10(1.1) magnitudes.
    fainter = 15 + 5 * np.log10(1.1)

    near, far = weights((100, 15.0, np.nan), (110, fainter, np.nan))

    assert far / near == pytest.approx(np.exp(-0.5))


def test_a_galaxy_five_magnitudes_brighter_has_a_hundred_times_more():
    bright, faint = weights((100, 10.0, np.nan), (100, 15.0, np.nan))

    assert bright / faint == pytest.approx(100)
    assert bright + faint == pytest.approx(1)


def test_mass_counts_where_no_light_is_known():
    assert weights((100, np.nan, 3e10), (100, np.nan, 1e10)) == pytest.approx([0.75, 0.25])


def test_a_galaxy_without_light_among_others_with_is_left_out():
    assert len(weights((100, 15.0, np.nan), (100, np.nan, 1e12))) == 1


def test_only_the_best_are_kept_and_share_the_whole():
    found = hosts.best(rows((100, 15, 0), (100, 16, 0), (100, 17, 0)), index(), 2)

    assert len(found) == 2
    assert sum(galaxy.weight for galaxy in found) == pytest.approx(1)
    assert found[0].ra_deg == 0.0


def test_no_galaxies_make_no_hosts():
    empty = hosts.Rows(*(np.zeros(0) for _ in hosts.Rows._fields))

    assert hosts.best(empty, index(), 10) == ()


def test_the_distance_column_sums_to_one_over_all_distances():
    # DISTNORM is defined by ∫ r² · norm · N(r; mu, sigma) dr = 1 (arXiv:1603.07333).
    distance = np.arange(1.0, 300.0)
    ra = np.zeros(len(distance))
    table = hosts.Rows(ra, ra, distance, np.full(len(ra), np.nan), np.full(len(ra), np.nan))
    density = 1 / (4 * np.pi)

    total = np.sum(distance**2 * hosts._per_volume(table, index()) / density)

    assert total == pytest.approx(1, rel=1e-6)
