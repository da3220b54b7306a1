from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from pipeline.gw import cards_words as words

YEAR_S = 31_557_600


@pytest.mark.parametrize(
    ("share", "text"),
    [
        (None, "n/a"), (0, "0 %"), (1, "100 %"), (1e-9, "< 0.1 %"), (0.9996, "> 99.9 %"),
        (0.0079, "0.8 %"), (0.2154, "22 %"), (0.7846, "78 %"), (0.9921, "99.2 %"), (0.5, "50 %"),
    ],
)  # fmt: skip
def test_a_probability_is_never_rounded_to_certainty(share, text):
    assert words.percent(share) == text


@pytest.mark.parametrize(
    ("share", "text"),
    [
        (0, "0 %"), (0.249, "25 %"), (0.0412, "4.1 %"), (0.0999, "10 %"), (0.05, "5.0 %"),
        (0.000012, "0.0012 %"), (3e-9, "3.0e-07 %"), (0.9921, "99.2 %"),
    ],
)  # fmt: skip
def test_a_tiles_probability_has_two_digits_however_small(share, text):
    assert words.fine_percent(share) == text


@pytest.mark.parametrize(
    ("zone", "text"),
    [("America/Tijuana", "01 Jan 19:10 local"), ("Europe/Paris", "04:10 local")],
)
def test_a_local_time_has_its_date_where_that_is_another(zone, text):
    assert words.local(datetime(2026, 1, 2, 3, 10, tzinfo=UTC), ZoneInfo(zone)) == text


@pytest.mark.parametrize(
    ("area_deg2", "text"),
    [(None, "n/a"), (7.118, "7.12 deg²"), (44.86, "44.9 deg²"), (165.29, "165 deg²"), (9571.3, "9,571 deg²")],
)  # fmt: skip
def test_an_area_has_three_digits(area_deg2, text):
    assert words.area(area_deg2) == text


@pytest.mark.parametrize(
    ("mean", "std", "text"),
    [(None, None, "n/a"), (364.01, 53.77, "364 ± 54 Mpc"), (1234.5, None, "1,234 Mpc")],
)
def test_a_distance_has_its_error(mean, std, text):
    assert words.distance(mean, std) == text


@pytest.mark.parametrize(
    ("far_hz", "text"),
    [
        (None, "n/a"), (0.0, "never by chance"), (1e-320, "never by chance"), (-1.0, "n/a"),
        (1 / YEAR_S, "1 per 1 years"), (1 / (3.2 * YEAR_S), "1 per 3.2 years"),
        (1 / (2500 * YEAR_S), "1 per 2,500 years"), (1.14e-41, "1 per 2.8×10³³ years"),
        (1 / 86_400 / 2, "1 per 2 days"), (1 / 7200, "1 per 2 hours"),
        (1 / 90, "1 per 1.5 minutes"), (2.0, "2 per second"),
    ],
)  # fmt: skip
def test_a_rate_is_how_long_one_waits(far_hz, text):
    assert words.rate(far_hz) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (12, "12 s"),
        (185, "3 min 5 s"),
        (3600 * 5 + 61, "5 h 1 min"),
        (86_400 * 2 + 3600, "2 d 1 h"),
    ],
)
def test_a_length_of_time_has_two_units(seconds, text):
    assert words.duration(timedelta(seconds=seconds)) == text


def test_a_time_may_lie_ahead():
    now = datetime(2026, 1, 1, tzinfo=UTC)

    assert words.since(now + timedelta(seconds=7), now) == "7 s after this was written"
    assert words.since(now - timedelta(seconds=7), now) == "7 s before this was written"


def test_no_time_is_not_available():
    assert words.moment(None) == "n/a"
