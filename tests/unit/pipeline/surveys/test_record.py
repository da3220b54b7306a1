"""Nights run from local noon to local noon and are named by their starting date."""

from datetime import UTC, date, datetime

import pytest

from pipeline.surveys.record import Survey

ZERO = date(2017, 1, 1)


def survey(offset_h):
    return Survey("x", "", None, (-90.0, 90.0), 1.0, offset_h, False, False, None, None, ZERO, 1)


@pytest.mark.parametrize(
    ("offset_h", "at", "night"),
    [
        (-7, datetime(2026, 6, 29, 18, 59, tzinfo=UTC), date(2026, 6, 28)),
        (-7, datetime(2026, 6, 29, 19, 0, tzinfo=UTC), date(2026, 6, 29)),
        (-3, datetime(2026, 6, 29, 14, 59, tzinfo=UTC), date(2026, 6, 28)),
        (-3, datetime(2026, 6, 29, 15, 0, tzinfo=UTC), date(2026, 6, 29)),
        (-3, datetime(2026, 7, 1, 2, 0, tzinfo=UTC), date(2026, 6, 30)),
    ],
    ids=["ztf before noon", "ztf noon", "rubin before noon", "rubin noon", "month's end"],
)
def test_a_night_starts_at_local_noon(offset_h, at, night):
    assert survey(offset_h).night(at) == night


def test_a_julian_date_names_the_same_night_as_its_instant():
    # JD 2461220.738 is 2026-06-29 05:42:43 UTC, the small hours of the night that began on the 28th.
    assert survey(-3).night_of_jd(2461220.738) == date(2026, 6, 28)
    assert survey(-7).night_of_jd(2461220.738) == date(2026, 6, 28)
