"""Galaxies read from a loaded catalog, inside a region only."""

import pytest
from sqlalchemy import text

from pipeline.catalogs.record import CatalogMissing
from pipeline.gw import hosts
from pipeline.sky import hpx29
from tests.unit.pipeline.gw import maps

pytestmark = pytest.mark.integration

TABLE = """
    CREATE SCHEMA IF NOT EXISTS catalogs;
    CREATE TABLE catalogs.galaxies (
        ra double precision, dec double precision, hpx29 bigint, distance_mpc real, mag_b real,
        stellar_mass double precision, z real
    );
"""
INSERT = text("INSERT INTO catalogs.galaxies VALUES (:ra, :dec, :cell, :distance, 15, NULL, NULL)")


@pytest.fixture
def catalog(session):
    """Return a function that adds a galaxy."""
    session.execute(text(TABLE))

    def add(ra, dec, distance):
        place = {"ra": ra, "dec": dec, "cell": int(hpx29(ra, dec)), "distance": distance}
        session.execute(INSERT, place)

    return add


def test_without_a_catalog_the_command_is_named(session):
    with pytest.raises(CatalogMissing, match="load_catalog galaxies"):
        hosts.read(session, maps.spot(10.0, 20.0, 2.0, 8), 0.9, 500.0)


def test_only_galaxies_inside_the_region_and_near_enough_are_read(session, catalog):
    catalog(359.9, 20.0, 100.0)
    catalog(0.5, 20.5, 100.0)
    catalog(5.0, 20.0, 100.0)
    catalog(0.1, 20.0, 600.0)

    found = hosts.read(session, maps.spot(0.0, 20.0, 2.0, 8), 0.9, 500.0)

    assert sorted(found.ra_deg.tolist()) == [0.5, 359.9]
    assert found.b_mag.tolist() == [15.0, 15.0]


def test_an_empty_region_of_a_catalog_gives_no_rows(session, catalog):
    found = hosts.read(session, maps.spot(0.0, 20.0, 2.0, 8), 0.9, 500.0)

    assert len(found.ra_deg) == 0
