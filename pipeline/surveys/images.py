"""Pixels of a cutout: FITS, gzipped or not, of a size that nobody needs to fear."""

import io
import warnings
import zlib
from typing import Any

import numpy as np
from astropy.io import fits
from numpy.typing import NDArray

MAX_FITS_BYTES = 8 << 20
MAX_SIDE_PIXELS = 1024
_GZIP = b"\x1f\x8b"


def read_pixels(image: bytes) -> NDArray[np.float32] | None:
    """Return a cutout's pixels, [row, column] with the first row below; None if it is no image.

    NaN stays NaN: no value was measured there.
    """
    try:
        plain = _inflated(image)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # headers of surveys break the standard in small things
            with fits.open(io.BytesIO(plain), ignore_missing_simple=True) as file:
                pixels = _first_image(file)
    except (OSError, ValueError, TypeError, KeyError, IndexError, AttributeError, zlib.error):
        return None
    if pixels is None or max(pixels.shape) > MAX_SIDE_PIXELS:
        return None
    return np.ascontiguousarray(pixels, np.float32)


def _inflated(image: bytes) -> bytes:
    if not image.startswith(_GZIP):
        return image[:MAX_FITS_BYTES]
    return zlib.decompressobj(wbits=31).decompress(image, MAX_FITS_BYTES)


def _first_image(file: Any) -> NDArray[Any] | None:
    for part in file:
        if part.data is not None and getattr(part.data, "ndim", 0) == 2:  # noqa: PLR2004 a picture
            return np.asarray(part.data)
    return None
