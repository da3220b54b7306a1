"""Simulated galaxies: where they are, how far, how bright, and that the loader takes them."""

import numpy as np

from pipeline.angles import ARCSEC_PER_DEG
from pipeline.catalogs.known import GALAXIES
from pipeline.simulate.galaxies import galaxy_rows
from pipeline.sky import separation_arcsec

CENTRE = (359.9, 40.0)


def test_galaxies_lie_in_the_disc_across_ra_0():
    rows = galaxy_rows(1, CENTRE, 3.0, 40.0, 500)

    apart = separation_arcsec(rows["ra"], rows["dec"], *CENTRE) / ARCSEC_PER_DEG
    assert apart.max() < 3.1
    assert np.median(apart) > 1.8
    assert ((rows["ra"] >= 0) & (rows["ra"] < 360)).all()


def test_magnitudes_follow_from_distances():
    rows = galaxy_rows(1, CENTRE, 3.0, 40.0, 500)

    absolute = rows["mag_b"] - 5 * np.log10(rows["distance_mpc"]) - 25
    assert -22 <= absolute.min() <= absolute.max() <= -17
    assert 36 < rows["distance_mpc"].mean() < 44


def test_the_same_seed_gives_the_same_galaxies():
    one, other = (galaxy_rows(3, CENTRE, 3.0, 40.0, 5) for _ in range(2))

    assert one["ra"].tolist() == other["ra"].tolist()


def test_the_catalog_knows_every_column():
    known = {name for column in GALAXIES.columns for name in column.names}

    assert set(galaxy_rows(1, CENTRE, 3.0, 40.0, 1)) <= known
