"""Pictures of cutouts."""

from io import BytesIO

import numpy as np
import pytest
from PIL import Image

from pipeline.lasair.png import ZOOM, png


def grey(pixels):
    return np.asarray(Image.open(BytesIO(png(np.asarray(pixels, np.float32)))))


@pytest.mark.parametrize(
    "pixels",
    [np.full((3, 2), np.nan), np.full((3, 2), 7.0), np.full((3, 2), np.inf), np.zeros((3, 2))],
    ids=["nothing measured", "flat", "infinite", "zero"],
)
def test_a_cutout_without_contrast_is_black(pixels):
    found = grey(pixels)

    assert found.shape == (3 * ZOOM, 2 * ZOOM)
    assert not found.any()


def test_the_first_row_is_the_lowest_and_nan_is_black():
    rows = np.linspace(0, 100, 63)[:, None].repeat(40, axis=1)
    rows[30, 20] = np.nan

    found = grey(rows)

    assert found.shape == (63 * ZOOM, 40 * ZOOM)
    assert found[0].min() > 250
    assert found[-1].max() < 5
    assert found[(62 - 30) * ZOOM, 20 * ZOOM] == 0


def test_a_hot_pixel_does_not_hide_the_rest():
    rng = np.random.default_rng(1)
    pixels = rng.normal(100, 1, (63, 63))
    pixels[0, 0] = 1e9

    assert np.median(grey(pixels)) > 60


def test_the_same_pixels_are_the_same_bytes():
    pixels = np.random.default_rng(2).normal(0, 1, (30, 31)).astype(np.float32)

    assert png(pixels) == png(pixels.copy())
