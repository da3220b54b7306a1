"""Positions as people write them; astropy is the judge."""

import numpy as np
import pytest
from astropy.coordinates import SkyCoord

from pipeline.positions import galactic_deg, off_sky, parse_cone, sexagesimal


@pytest.mark.parametrize(
    ("text", "cone"),
    [
        ("150.1 2.2", (150.1, 2.2, 5.0)),
        ("150.1,-2.2", (150.1, -2.2, 5.0)),
        (" 150.1 , +2.2  10 ", (150.1, 2.2, 10.0)),
        ("0 -90 0.5'", (0.0, -90.0, 30.0)),
        ("359.9999 90 1 arcmin", (359.9999, 90.0, 60.0)),
        ('10:00:24.0 -02:12:00 7"', (150.1, -2.2, 7.0)),
        ("10h00m24.0s -02d12m00s", (150.1, -2.2, 5.0)),
        ("10 00 24 -02 12 00", (150.1, -2.2, 5.0)),
        ("10 00 24 -00 12 00 3", (150.1, -0.2, 3.0)),
    ],
)
def test_a_place_is_read_in_every_form(text, cone):
    assert parse_cone(text) == pytest.approx(cone, abs=1e-9)


@pytest.mark.parametrize(
    "text",
    ["", "150", "x y", "10:60:00 +10:00:00", "150 2 3 4", "150 2 5 parsec", "1e999 2"],
)  # fmt: skip
def test_what_is_no_place_is_none(text):
    assert parse_cone(text) is None


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("360 0", "right ascension must be in [0, 360) degrees"),
        ("-0.1 0", "right ascension must be in [0, 360) degrees"),
        ("24:00:00 +10:00:00", "right ascension must be in [0, 360) degrees"),
        ("9" * 400 + " 2", "right ascension must be in [0, 360) degrees"),
        ("150.1 95", "declination must be in [-90, 90] degrees"),
        ("10:00:24 -90:00:01", "declination must be in [-90, 90] degrees"),
        ("0 -90", None),
        ("359.9999 90", None),
    ],
)
def test_a_place_off_the_sky_is_told_with_the_range(text, problem):
    assert off_sky(parse_cone(text)) == problem


@pytest.mark.parametrize(
    ("ra", "dec", "text"),
    [
        (150.1, 2.2, "10:00:24.00 +02:12:00.0"),
        (0.0, -0.00001, "00:00:00.00 -00:00:00.0"),
        (359.9999999, 89.9999999, "00:00:00.00 +90:00:00.0"),
        (15.0 * (1 + 59.999 / 3600), -10.9999999, "01:01:00.00 -11:00:00.0"),
    ],
)
def test_seconds_never_round_up_to_sixty(ra, dec, text):
    assert sexagesimal(ra, dec) == text


def test_galactic_coordinates_are_astropys():
    rng = np.random.default_rng(7)
    ra = rng.uniform(0, 360, 200)
    dec = np.degrees(np.arcsin(rng.uniform(-1, 1, 200)))
    expected = SkyCoord(ra, dec, unit="deg").galactic

    found = np.array([galactic_deg(*place) for place in zip(ra, dec, strict=True)])
    apart = SkyCoord(*found.T, unit="deg", frame="galactic").separation(expected)
    assert apart.arcsec.max() < 0.1
