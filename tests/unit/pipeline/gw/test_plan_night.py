"""Dark times and what is up then, against what follows from a site's latitude."""

from datetime import timedelta

import numpy as np
import pytest
from astropy.coordinates import AltAz, get_sun
from astropy.time import Time

from pipeline.gw.plan_night import Night, altitude_min_deg, dark_time, site, stay_offline
from tests.unit.pipeline.gw import jobs


@pytest.fixture(autouse=True)
def _offline():
    stay_offline()


def night(**facts):
    return Night.of(jobs.telescope(**facts), jobs.NOON, jobs.NOON + timedelta(days=1))


def test_a_night_at_an_equinox_is_as_long_as_its_twilights_let_it():
    # cos(H) = sin(-12°) / cos(45°) at declination 0: H = 107.1°, so dark for 24 h · (1 - H/180°).
    assert len(night().times) * 5 / 60 == pytest.approx(24 * (1 - 107.1 / 180), abs=0.2)


def test_the_middle_of_the_night_is_midnight_there():
    middle = night().times[len(night().times) // 2]

    assert abs((middle.datetime - jobs.NOON.replace(tzinfo=None)).total_seconds() / 3600 - 12) < 0.3


def test_a_polar_summer_has_no_night():
    summer = jobs.NOON + timedelta(days=92)

    assert Night.of(jobs.telescope(latitude_deg=80.0), summer, summer + timedelta(days=1)).is_empty


def test_a_star_culminates_at_its_colatitude_plus_declination():
    assert night().altitudes_deg(np.array([180.0]), np.array([10.0])).max() == pytest.approx(
        55.0, abs=0.2
    )


@pytest.mark.parametrize(
    ("ra_deg", "dec_deg", "is_reached"),
    [(180.0, 10.0, True), (180.0, -60.0, False), (0.0, 0.0, False), (0.0, 85.0, True)],
)
def test_only_what_rises_in_the_dark_is_reached(ra_deg, dec_deg, is_reached):
    found = night().reaches(np.array([ra_deg]), np.array([dec_deg]), 30.0)

    assert found.tolist() == [is_reached]


@pytest.mark.parametrize(
    ("horizon_deg", "airmass", "lowest_deg"), [(15.0, 2.5, 23.578), (40.0, 2.5, 40.0)]
)
def test_the_stricter_of_horizon_and_airmass_counts(horizon_deg, airmass, lowest_deg):
    found = altitude_min_deg(jobs.telescope(horizon_deg=horizon_deg), airmass)

    assert found == pytest.approx(lowest_deg, abs=1e-3)


NIGHT = timedelta(hours=24 * (1 - 107.1 / 180))
"""Of the site at the equinox, as above; its middle is midnight, 7.5 minutes late (mean Sun)."""
MIDNIGHT = jobs.NOON + timedelta(hours=12)


@pytest.mark.parametrize("hours", [-8, -3, 0, 3, 9, 13])
def test_the_dark_time_is_that_of_now_or_the_next_one(hours):
    found = dark_time(jobs.telescope(), MIDNIGHT + timedelta(hours=hours))

    is_over = timedelta(hours=hours) > NIGHT / 2
    middle = MIDNIGHT + timedelta(days=is_over, minutes=7.5)
    assert abs(found.begin - (middle - NIGHT / 2)) < timedelta(minutes=10)
    assert abs(found.end - (middle + NIGHT / 2)) < timedelta(minutes=10)


def test_a_polar_night_has_no_edges_and_a_polar_day_no_dark_time():
    polar = jobs.telescope(latitude_deg=89.0)

    for months in (-3, 3):
        found = dark_time(polar, jobs.NOON + timedelta(days=91 * months / 3))

        assert (found.begin, found.end) == (None, None)


def test_the_edges_of_a_night_are_where_the_sun_is_12_deg_down():
    telescope = jobs.telescope()
    found = dark_time(telescope, MIDNIGHT)

    edges = Time([found.begin, found.end])
    frame = AltAz(obstime=edges, location=site(telescope))
    assert get_sun(edges).transform_to(frame).alt.deg == pytest.approx([-12.0, -12.0], abs=0.01)
