"""TAI to UTC against instants known from elsewhere."""

import numpy as np
import pytest

from pipeline.times import mjd_tai_to_jd_utc

MILLISECOND_D = 1e-3 / 86_400


@pytest.mark.parametrize(
    ("mjd_tai", "jd_utc"),
    [
        # 37 s behind TAI: 2026-06-29 05:42:57.249 UTC, from the survey's own documentation.
        (61220.238590839246, 2461220.5 + (5 * 3600 + 42 * 60 + 57.249) / 86_400),
        (60961.23309222, 2460961.73266398),
        # 2015-03-14, before two leap seconds: 35 s.
        (57095.0, 2457095.5 - 35 / 86_400),
        # The first instant of 2017, when the offset became 37 s.
        (57754.0 + 37 / 86_400, 2457754.5),
        (41317.0 + 10 / 86_400, 2441317.5),
    ],
    ids=["2026", "published check", "2015", "new leap second", "1972"],
)
def test_utc_lags_tai_by_the_leap_seconds(mjd_tai, jd_utc):
    assert mjd_tai_to_jd_utc(mjd_tai) == pytest.approx(jd_utc, rel=0, abs=MILLISECOND_D)


def test_what_is_no_time_gives_nan_and_leaves_its_neighbours_alone():
    mjd_tai = [np.nan, 0.0, -1.0, 1e300, np.inf, 88_069.5, 60_000.0]

    found = mjd_tai_to_jd_utc(mjd_tai)

    assert np.isnan(found).tolist() == [True] * 6 + [False]


def test_years_without_announced_leap_seconds_keep_the_last_offset():
    assert mjd_tai_to_jd_utc(80_000.0) == pytest.approx(2480000.5 - 37 / 86_400, rel=0, abs=1e-9)


def test_no_times_give_no_times():
    assert mjd_tai_to_jd_utc([]).shape == (0,)
