"""The independent check: each reason for which a row is refused."""

from dataclasses import replace
from datetime import timedelta

import numpy as np
import pytest

from pipeline.gw.plan_check import Row, low_rows, near_moon, refusals
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


def later(after_s, **values):
    """A row that begins so many seconds after the first one has ended."""
    start = MIDNIGHT + timedelta(seconds=30 + after_s)
    return row(start=start, end=start + timedelta(seconds=30), **values)


def test_a_place_that_sets_during_its_exposure_is_refused():
    # Three hours west of the meridian on the equator: sin(altitude) = cos 45° cos 45°, 30°; an
    # hour later cos 45° cos 60°, 20.7°.
    west = row(ra_deg=ZENITH_RA_DEG - 45.0, dec_deg=0.0, airmass=2.0)
    job = jobs.job(jobs.telescope(horizon_deg=25.0))

    found = refusals(job, [west, replace(west, end=MIDNIGHT + timedelta(hours=1))])

    assert ["altitude" in why for why in found] == [False, True]
    assert "altitude 20." in found[1]


def test_the_moon_may_not_come_near_during_an_exposure():
    # 19° of RA east of the Moon of the test above, which moves eastward by half a degree an hour.
    east = row(ra_deg=160.0, dec_deg=19.0)
    job = jobs.job(jobs.telescope(moon_min_deg=21.0))

    found = refusals(job, [east, replace(east, end=MIDNIGHT + timedelta(hours=4))])

    assert ["Moon at" in why for why in found] == [False, True]


def test_an_exposure_that_ends_after_the_window_is_refused():
    job = jobs.job(end=MIDNIGHT + timedelta(seconds=20))

    assert refusals(job, [row()]) == ["outside the window"]


@pytest.mark.parametrize(("after_s", "is_ready"), [(4.9, False), (5.0, True)])
def test_a_telescope_needs_the_time_to_read_out(after_s, is_ready):
    found = refusals(jobs.job(), [row(), later(after_s)])

    assert found == ["", "" if is_ready else "starts 4.9 s after tile 1, needs 5.0 s"]


@pytest.mark.parametrize(("after_s", "is_ready"), [(9.9, False), (10.0, True)])
def test_a_telescope_needs_the_time_to_move(after_s, is_ready):
    job = jobs.job(jobs.telescope(slew_deg_per_s=2.0))
    far = later(after_s, dec_deg=35.0, airmass=1.0154)

    assert [not why for why in refusals(job, [row(), far])] == [True, is_ready]


def test_rows_in_any_order_are_judged_in_the_order_of_time():
    assert [bool(why) for why in refusals(jobs.job(), [later(1), row()])] == [True, False]


def test_neighbours_of_a_refused_row_pass():
    rows = [row(), later(1, airmass=2.0), later(5), later(36), later(40)]

    assert [bool(why) for why in refusals(jobs.job(), rows)] == [False, True, False, True, False]


def test_no_rows_are_no_refusals():
    assert refusals(jobs.job(), []) == []


# On the equator of the sky, seen from 45° north: sin 25° = cos 45° cos H, so H = 53.3°.
RISING, SETTING = {"ra_deg": 231.3, "dec_deg": 0.0}, {"ra_deg": 124.7, "dec_deg": 0.0}


@pytest.mark.parametrize(
    ("places", "told"),
    [
        ([], ""),
        ([{}], ""),
        ([RISING, {}, SETTING], "2 of 3 tiles begin within 5° of the airmass limit (altitude 24°), 1 of these still rising"),
        ([SETTING], "1 of 1 tiles begin within 5° of the airmass limit (altitude 24°), all setting"),
    ],
    ids=["none", "high", "two sides", "setting"],
)  # fmt: skip
def test_rows_near_the_limit_are_counted_and_those_that_rise(places, told):
    found = low_rows(jobs.job(), [row(**each) for each in places])

    assert found.startswith(told)
    assert bool(found) == bool(told)


def test_the_limit_is_the_horizon_where_that_is_stricter():
    assert "(altitude 55°)" in low_rows(
        jobs.job(jobs.telescope(horizon_deg=55.0)), [row(dec_deg=12.0)]
    )


def test_tiles_near_the_moon_are_counted():
    """Full four days later (2024-03-25, 7 h UTC) opposite the Sun, it is some 52° west of there."""
    ra_deg, dec_deg = np.array([134.3, 134.3, 314.3]), np.array([23.0, 5.0, -23.0])
    job = jobs.job(jobs.telescope(moon_min_deg=30.0))

    assert near_moon(job, ra_deg, dec_deg, MIDNIGHT) == (
        "the Moon stands within 30° of 2 of the 3 best tiles: left out"
    )
    assert near_moon(job, ra_deg[2:], dec_deg[2:], MIDNIGHT) == ""
