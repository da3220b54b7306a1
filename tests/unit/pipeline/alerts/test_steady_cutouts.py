"""Test alerts have images, though no packet does."""

import gzip
import io
import time

import pytest
from astropy.io import fits

from pipeline.alerts import steady_cutouts

KEPT_DAYS = 1


def sent(ago_s):
    """Return the id of a test alert."""
    return -int((time.time() - ago_s) * 1000)


@pytest.mark.parametrize(("survey", "side_px"), [("ztf", 63), ("lsst", 30)])
def test_each_image_is_fits_as_the_survey_s_are(survey, side_px):
    found = steady_cutouts.cutouts(survey, sent(10), KEPT_DAYS)

    for file in found:
        plain = gzip.decompress(file) if survey == "ztf" else file
        (image,) = fits.open(io.BytesIO(plain))
        assert image.data.shape == (side_px, side_px)


@pytest.mark.parametrize("ago_s", [-3600, 90_000], ids=["not sent yet", "not kept"])
def test_what_cannot_be_read_has_no_images(ago_s):
    assert steady_cutouts.cutouts("ztf", sent(ago_s), KEPT_DAYS) is None


def test_the_time_stands_in_the_id():
    # 2026-11-21 12:00 UTC is 1 795 262 400 s after 1970, and begins the Julian day 2 461 366.
    assert steady_cutouts.jd_utc(-1_795_262_400_000) == pytest.approx(2_461_366.0)
    assert steady_cutouts.is_test(-1)
    assert not steady_cutouts.is_test(1)
