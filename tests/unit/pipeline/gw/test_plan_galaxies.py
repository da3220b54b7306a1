"""Which galaxies share a field."""

import pytest

from pipeline.gw.plan_coverage import Footprint
from pipeline.gw.plan_galaxies import fields, vectors
from pipeline.gw.plan_job import Galaxy, Pointing


def galaxy(ra_deg, dec_deg, weight):
    return Galaxy(ra_deg=ra_deg, dec_deg=dec_deg, distance_mpc=40.0, weight=weight)


def test_the_best_galaxy_is_the_centre_and_its_neighbours_are_not_pointed_at_again():
    galaxies = (galaxy(10.0, 0.0, 0.5), galaxy(10.04, 0.0, 0.3), galaxy(11.0, 0.0, 0.2))

    tiles, members = fields(galaxies, (), 0.1)

    assert tiles.tile_id.tolist() == [1, 3]
    assert tiles.ra_deg.tolist() == [10.0, 11.0]
    assert tiles.probability.tolist() == pytest.approx([0.8, 0.2])
    assert members[1] == galaxies[:2]


def test_a_group_reaches_across_ra_0():
    tiles, _ = fields((galaxy(359.99, 5.0, 0.6), galaxy(0.02, 5.0, 0.4)), (), 0.1)

    assert tiles.probability.tolist() == pytest.approx([1.0])


def test_a_galaxy_beyond_half_a_field_is_no_member():
    tiles, _ = fields((galaxy(10.0, 60.0, 0.6), galaxy(10.0, 60.06, 0.4)), (), 0.1)

    assert len(tiles) == 2


def test_galaxies_of_a_taken_field_are_left_out():
    taken = (Pointing(ra_deg=10.0, dec_deg=0.0),)

    tiles, _ = fields((galaxy(10.02, 0.0, 0.6), galaxy(30.0, 0.0, 0.4)), taken, 0.1)

    assert tiles.tile_id.tolist() == [2]


def test_no_galaxies_make_no_fields():
    tiles, members = fields((), (), 0.1)

    assert len(tiles) == 0
    assert members == {}


def test_every_member_lies_inside_its_field():
    galaxies = tuple(galaxy(10 + i * 0.013, 70 + (i % 7) * 0.011, 0.01) for i in range(100))

    tiles, members = fields(galaxies, (), 0.1)

    for number, ra, dec in zip(tiles.tile_id, tiles.ra_deg, tiles.dec_deg, strict=True):
        assert Footprint.at(ra, dec, 0.1).contains(vectors(members[int(number)])).all()
    assert sum(len(found) for found in members.values()) == 100
