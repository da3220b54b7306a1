"""Which of the detections that ALeRCE knows is the one that a filter told of."""

import pytest

from pipeline.clients.alerce import Detection
from pipeline.lasair.fetch import Wanted, nearest

JD = 2460824.73312
MINUTE_D = 1 / 1440


def found(jd_utc, *known):
    wanted = Wanted("lsst", "17", jd_utc, jd_utc or JD)
    chosen = nearest([Detection(n, each) for n, each in enumerate(known)], wanted)
    return None if chosen is None else chosen.id


@pytest.mark.parametrize("away_d", [-5 * MINUTE_D, MINUTE_D, 3.0])
def test_a_neighbour_in_time_is_not_the_detection(away_d):
    assert found(JD, JD + away_d) is None


def test_the_detection_is_found_among_its_neighbours():
    assert found(JD, JD - MINUTE_D, JD + 1e-6, JD + MINUTE_D) == 1


def test_a_date_in_tai_that_passes_for_utc_is_the_detection_still():
    assert found(JD, JD - 37 / 86_400) == 0


def test_a_date_that_was_rounded_is_the_nearest_detection_of_that_hour():
    assert found(round(JD, 2), JD - 0.3, JD) == 1
    assert found(round(JD, 2), JD - 0.3) is None


def test_without_a_date_the_nearest_one_counts():
    assert found(None, JD - 9, JD - 3) == 1
    assert found(None) is None
