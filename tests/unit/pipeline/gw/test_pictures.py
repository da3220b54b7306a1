import io
import re
from datetime import UTC, datetime

import numpy as np
import pytest
from PIL import Image

from pipeline.gw.pictures import sky_map_picture
from pipeline.gw.scored import score_notice
from pipeline.gw.sky_index import SkyIndex
from pipeline.gw.sky_views import levels_on, near_view, raster
from pipeline.gw.skymap import SkyMap
from tests.gw_notices import NAMES, as_bytes, make_map, make_notice, raw

ECLIPSE = datetime(2024, 4, 8, 18, 20, tzinfo=UTC)
"""Of the Sun: it and the Moon stand at one place."""
SOLSTICE = datetime(2025, 6, 21, 2, 42, tzinfo=UTC)

pytestmark = pytest.mark.slow


def picture(content, at=SOLSTICE):
    alert = score_notice(content)
    return sky_map_picture(alert, alert.sky_map, at)


def pixels(found):
    return np.asarray(Image.open(io.BytesIO(found.png)).convert("RGB"), int)


@pytest.mark.parametrize("name", NAMES[:-1])
def test_the_picture_of_a_sample_is_small_and_has_content(name):
    found = picture(raw(name))

    assert found.png.startswith(b"\x89PNG")
    assert len(found.png) < 100_000
    shown = pixels(found)
    is_red = (shown[..., 0] > 150) & (shown[..., 1] < 90) & (shown[..., 2] < 90)
    assert shown.shape == (992, 800, 3)
    assert is_red.sum() > 1000


def test_the_words_say_what_the_picture_shows():
    text = picture(raw("S241102br-update")).alt_text

    assert "Sky map of S241102br UPDATE" in text
    assert "the 90 % region covers 28.4 deg², the 50 % region 7.12 deg²" in text
    assert "the most probable place is RA 344.8° Dec +41.0°" in text


def test_the_sun_stands_highest_at_the_solstice():
    text = picture(raw("S241102br-update"), SOLSTICE).alt_text

    assert "the Sun is at RA 90° Dec +23°" in text


def test_sun_and_moon_meet_in_an_eclipse():
    text = picture(raw("S241102br-update"), ECLIPSE).alt_text

    sun, moon = re.findall(r"at RA (\d+)° Dec \+(\d+)°", text)
    assert np.allclose(np.array(sun, int), np.array(moon, int), atol=1)


def test_the_sun_keeps_its_colour():
    """Few pixels have it: a palette of the commonest colours would lose it."""
    shown = pixels(picture(raw("S241102br-update")))

    assert (np.abs(shown - (224, 160, 0)).max(axis=2) < 8).sum() > 100


def test_a_map_of_one_pixel_can_be_drawn():
    assert picture(as_bytes(make_notice())).png.startswith(b"\x89PNG")


def test_a_mock_says_so():
    assert "MOCK MS260102ab" in picture(as_bytes(make_notice(superevent_id="MS260102ab"))).alt_text


def test_the_near_view_holds_the_region():
    (ra_deg, dec_deg), height_deg = near_view(score_notice(raw("S241102br-update")).sky_map)

    assert (ra_deg, dec_deg) == pytest.approx((345, 40.5), abs=1)
    assert 8 < height_deg < 16


def test_the_whole_sky_has_its_share_of_a_raster():
    """An ellipse fills π/4 of its box; 1/12 of the sky is 1/12 of an equal-area map."""
    width, height = 400, 200
    wcs = raster("MOL", (0.0, 0.0), (width, height), 360 * 2 * np.sqrt(2) / np.pi / width)

    levels = levels_on(wcs, (width, height), SkyIndex.of(SkyMap.from_fits(make_map())))

    is_sky = np.isfinite(levels)
    assert is_sky.mean() == pytest.approx(np.pi / 4, rel=0.01)
    # The pixel that holds everything, against those of density 0 behind it.
    assert (levels[is_sky] <= levels[is_sky].min()).mean() >= 1 / 12 * 0.97
