"""Pixels of cutouts, and files that claim more of them than anybody needs."""

import gzip
import io

import numpy as np
import pytest
from astropy.io import fits

from pipeline.surveys import images
from pipeline.surveys.images import MAX_SIDE_PIXELS, read_pixels

PIXELS = np.arange(12.0, dtype=">f4").reshape(3, 4)
PIXELS[1, 2] = np.nan


def file_of(*parts):
    stream = io.BytesIO()
    fits.HDUList(list(parts)).writeto(stream)
    return stream.getvalue()


def claiming(content, name, value):
    """Return a file whose header says something else."""
    card, other = f"{name:8}= ".encode(), fits.Card(name, value).image.encode()
    at = content.index(card)
    return content[:at] + other + content[at + len(other) :]


@pytest.mark.parametrize("pack", [bytes, gzip.compress], ids=["plain", "gzipped"])
@pytest.mark.parametrize(
    "parts",
    [[fits.PrimaryHDU(PIXELS)], [fits.PrimaryHDU(), fits.ImageHDU(PIXELS)]],
    ids=["first", "extension"],
)
def test_pixels_are_read_with_their_gaps(parts, pack):
    found = read_pixels(pack(file_of(*parts)))

    assert found.dtype == np.float32
    np.testing.assert_array_equal(found, PIXELS.astype("f4"))


def test_scaled_pixels_are_read_as_their_values():
    part = fits.PrimaryHDU(np.array([[1, 2], [3, 4]], ">i2"))
    part.header["BSCALE"], part.header["BZERO"] = 0.5, 10.0
    stream = file_of(part)

    np.testing.assert_array_equal(read_pixels(stream), [[10.5, 11.0], [11.5, 12.0]])


@pytest.mark.parametrize("side", [MAX_SIDE_PIXELS + 1, 60_000, 2**31])
@pytest.mark.parametrize("axis", ["NAXIS1", "NAXIS2"])
def test_a_header_that_claims_too_much_is_refused_before_a_pixel_is_read(side, axis, monkeypatch):
    content = claiming(file_of(fits.PrimaryHDU(PIXELS)), axis, side)
    monkeypatch.setattr(fits.PrimaryHDU, "data", property(lambda _: pytest.fail("it was read")))

    assert read_pixels(content) is None


def test_more_pixels_than_the_file_has_are_refused():
    assert read_pixels(claiming(file_of(fits.PrimaryHDU(PIXELS)), "NAXIS2", 1024)) is None


@pytest.mark.parametrize("claimed", [100, 60_000])
def test_an_image_compressed_in_tiles_is_none(claimed, monkeypatch):
    packed = file_of(fits.PrimaryHDU(), fits.CompImageHDU(np.zeros((100, 100), "i2")))
    monkeypatch.setattr(fits.CompImageHDU, "data", property(lambda _: pytest.fail("unpacked")))

    assert read_pixels(claiming(packed, "ZNAXIS1", claimed)) is None


def test_a_bomb_is_cut(monkeypatch):
    monkeypatch.setattr(images, "MAX_FITS_BYTES", 5760)

    assert read_pixels(gzip.compress(file_of(fits.PrimaryHDU(np.zeros((90, 90)))))) is None


@pytest.mark.parametrize(
    "content", [b"", b"no image", b"\x1f\x8b", gzip.compress(b"no image", mtime=0)]
)
def test_what_is_no_image_has_no_pixels(content):
    assert read_pixels(content) is None


def test_a_cube_and_a_table_have_no_picture():
    table = fits.BinTableHDU.from_columns([fits.Column("a", "D", array=[1.0])])

    assert read_pixels(file_of(fits.PrimaryHDU(np.zeros((2, 3, 4))), table)) is None
