"""Pixels of a cutout: FITS, gzipped or not, of a size that nobody needs to fear."""

import io
import math
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
            with fits.open(
                io.BytesIO(plain), ignore_missing_simple=True, disable_image_compression=True
            ) as file:
                pixels = _first_image(file, len(plain))
    except (OSError, ValueError, TypeError, KeyError, IndexError, AttributeError, zlib.error):
        return None
    return None if pixels is None else np.ascontiguousarray(pixels, np.float32)


def _inflated(image: bytes) -> bytes:
    if not image.startswith(_GZIP):
        return image[:MAX_FITS_BYTES]
    return zlib.decompressobj(wbits=31).decompress(image, MAX_FITS_BYTES)


def _first_image(file: Any, size_bytes: int) -> NDArray[Any] | None:
    """Return the first picture of a file, if its header claims no more than we take and there is.

    One that is compressed in tiles is a table here: a few kB of it may claim any size.
    """
    for part in file:
        if not isinstance(part, fits.PrimaryHDU | fits.ImageHDU) or len(part.shape) != 2:  # noqa: PLR2004 a picture
            continue
        claimed_bytes = math.prod(part.shape) * abs(part.header["BITPIX"]) // 8
        if max(part.shape) > MAX_SIDE_PIXELS or claimed_bytes > size_bytes:
            return None
        return np.asarray(part.data)
    return None
