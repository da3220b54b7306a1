"""The independent check: each reason for which a row is refused."""

from datetime import timedelta

import pytest

from pipeline.gw.plan_check import Row, refusals
from pipeline.gw.plan_night import stay_offline
from tests.unit.pipeline.gw import jobs

MIDNIGHT = jobs.NOON + timedelta(hours=12)
ZENITH_RA_DEG = 178.0
"""Sidereal time at Greenwich on 2024-03-21, 0 h UTC: 11 h 54 min (Astronomical Almanac: GMST at
0 h UT is 6 h 41 min on January 1, and gains 3 min 56.56 s a day)."""


@pytest.fixture(autouse=True)
def _offline():
    stay_offline()


def row(**values):
    given = {
        "tile_id": 1,
        "ra_deg": ZENITH_RA_DEG,
        "dec_deg": 15.0,
        "start": MIDNIGHT,
        "end": MIDNIGHT + timedelta(seconds=30),
        "airmass": 1.1547,
    }
    return Row(**given | values)


def test_a_star_thirty_degrees_from_the_zenith_passes_with_its_airmass():
    assert refusals(jobs.job(), [row()]) == [""]


@pytest.mark.parametrize(
    ("values", "why"),
    [
        ({"airmass": 1.20}, "airmass 1.15"),
        ({"dec_deg": -40.0, "airmass": 11.0}, "altitude"),
        ({"dec_deg": -60.0, "airmass": 2.0}, "altitude -"),
        ({"start": MIDNIGHT - timedelta(hours=9), "end": MIDNIGHT}, "Sun at"),
        ({"end": MIDNIGHT + timedelta(hours=7)}, "Sun at"),
        ({"start": MIDNIGHT - timedelta(days=1)}, "outside the window"),
    ],
)
def test_a_row_that_cannot_be_observed_so_is_refused(values, why):
    assert why in refusals(jobs.job(), [row(**values)])[0]


def test_a_declination_that_the_mount_does_not_reach_is_refused():
    assert "declination 15.00°" in refusals(jobs.job(jobs.telescope(dec_max_deg=14.0)), [row()])[0]


def test_the_horizon_of_the_site_counts():
    found = refusals(
        jobs.job(jobs.telescope(horizon_deg=60.0)), [row(dec_deg=12.0, airmass=1.1924)]
    )

    assert found[0].startswith("altitude 5")


def test_a_place_near_the_moon_is_refused():
    # 2024-03-21, 0 h UTC: the Moon stands near RA 9 h 23 min, Dec +19° (in Cancer, 85 % lit).
    near = row(ra_deg=141.0, dec_deg=19.0, airmass=1.5)

    assert "Moon at" in refusals(jobs.job(jobs.telescope(moon_min_deg=30.0)), [near])[0]


def test_neighbours_of_a_refused_row_pass():
    assert [bool(why) for why in refusals(jobs.job(), [row(), row(airmass=2.0), row()])] == [
        False,
        True,
        False,
    ]


def test_no_rows_are_no_refusals():
    assert refusals(jobs.job(), []) == []
