from datetime import UTC, datetime
from xml.etree import ElementTree as ET

import numpy as np
import pytest

from pipeline.light_curves import DETECTION, FORCED, LIMIT, Photometry
from pipeline.plots import _ticks, light_curve_svg, utc

SVG = "{http://www.w3.org/2000/svg}"


def curve(series, jd_utc, abmag, band="r", snr=20.0):
    count = len(jd_utc)
    return Photometry(
        series=series,
        jd_utc=np.array(jd_utc),
        band=[band] * count,
        flux_njy=np.full(count, snr),
        flux_err_njy=np.ones(count),
        abmag=np.array(abmag),
        abmag_err=np.full(count, 0.1 if series != LIMIT else np.nan),
    )


def marks(svg, shape):
    root = ET.fromstring(svg)
    return [each for group in root.iter(f"{SVG}g") for each in group.iter(f"{SVG}{shape}")]


def titles(svg):
    root = ET.fromstring(svg)
    return [group.find(f"{SVG}title").text for group in root.iter(f"{SVG}g")]


def test_no_point_gives_no_picture():
    assert light_curve_svg([]) == ""
    assert light_curve_svg([curve(DETECTION, [], [])]) == ""


def test_bright_is_up_and_late_is_right():
    first, second = marks(
        light_curve_svg([curve(DETECTION, [2460000.5, 2460010.5], [20.0, 18.0])]), "circle"
    )

    assert float(second.get("cx")) > float(first.get("cx"))
    assert float(second.get("cy")) < float(first.get("cy"))


def test_each_point_says_when_in_which_band_and_how_bright():
    svg = light_curve_svg([curve(DETECTION, [2451545.0], [19.234], "g")])

    assert titles(svg) == ["2000-01-01 12:00:00 UTC, g, 19.23"]


def test_a_limit_is_said_to_be_fainter_than():
    svg = light_curve_svg([curve(LIMIT, [2451545.0], [20.5])])

    assert titles(svg) == ["2000-01-01 12:00:00 UTC, r, > 20.50"]
    assert not marks(svg, "line")


def test_forced_points_in_the_noise_are_left_out():
    loud, quiet = (curve(FORCED, [2460000.5], [20.0], snr=snr) for snr in (3.0, 2.9))

    assert len(marks(light_curve_svg([loud]), "circle")) == 1
    assert light_curve_svg([quiet]) == ""


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_a_point_without_a_magnitude_is_left_out(bad):
    svg = light_curve_svg([curve(DETECTION, [2460000.5, 2460001.5], [bad, 20.0])])

    assert len(marks(svg, "circle")) == 1


def test_the_picture_needs_no_style_and_no_script():
    svg = light_curve_svg([curve(DETECTION, [2460000.5], [20.0])])

    assert "style=" not in svg
    assert "<script" not in svg


def test_a_band_with_a_foreign_name_is_escaped():
    svg = light_curve_svg([curve(DETECTION, [2460000.5], [20.0], "?")])

    assert ET.fromstring(svg) is not None


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [(17.93, 20.31, [18.0, 18.5, 19.0, 19.5, 20.0]), (0.0, 10.0, [0, 2, 4, 6, 8, 10])],
)
def test_ticks_are_round_numbers(low, high, expected):
    assert _ticks(low, high, 6) == pytest.approx(expected)


def test_julian_date_2451545_is_noon_of_the_first_day_of_2000():
    assert utc(2451545.0) == datetime(2000, 1, 1, 12, tzinfo=UTC)
