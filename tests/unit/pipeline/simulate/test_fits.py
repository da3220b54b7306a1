import gzip
import io

import numpy as np
from astropy.io import fits as astropy_fits

from pipeline.simulate import fits


def opened(content):
    with astropy_fits.open(io.BytesIO(content)) as file:
        file.verify("exception")
        return [(unit.header.copy(), np.array(unit.data)) for unit in file]


def test_an_image_and_its_cards_are_read_back():
    image = np.arange(12, dtype=np.float32).reshape(3, 4)

    ((header, data),) = opened(fits.primary(image, (("BUNIT", "DN"), ("CRVAL1", 150.123456789012))))

    assert (header["BUNIT"], header["CRVAL1"]) == ("DN", 150.123456789012)
    np.testing.assert_array_equal(data, image)


def test_extensions_follow_the_primary():
    first = fits.primary(np.zeros((2, 2), np.float32), extend=True)
    second = fits.extension(np.ones((3, 5), np.float64), "PSFIMAGE")

    units = opened(first + second)

    assert [header.get("EXTNAME") for header, _ in units] == [None, "PSFIMAGE"]
    assert units[1][1].dtype == np.dtype(">f8")


def test_missing_pixels_stay_missing():
    ((_, data),) = opened(fits.primary(np.full((2, 2), np.nan, np.float32)))

    assert np.isnan(data).all()


def test_files_are_whole_blocks():
    assert len(fits.primary(np.zeros((63, 63), np.float32))) == 2880 + 6 * 2880


def test_a_tiny_value_keeps_its_digits():
    ((header, _),) = opened(fits.primary(np.zeros((1, 1), np.float32), (("PC1_1", -3.8e-05),)))

    assert header["PC1_1"] == -3.8e-05


def test_compressing_twice_gives_equal_bytes():
    packed = fits.gzipped(b"stars")

    assert packed == fits.gzipped(b"stars")
    assert gzip.decompress(packed) == b"stars"
