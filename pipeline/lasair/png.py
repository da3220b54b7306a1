"""Pictures of cutouts that everybody can open: grey, with what is faint made visible."""

from io import BytesIO

import numpy as np
from numpy.typing import NDArray
from PIL import Image

ZOOM = 4
"""A cutout of 63 pixels is small on a screen."""
DARKEST_PERCENT, BRIGHTEST_PERCENT = 2.0, 99.7
"""Of the pixels' values; a hot pixel shall not make the rest black."""
SOFTENING = 0.1
"""Share of the range below which the scale is linear, above logarithmic."""
_WHITE = 255


def png(pixels: NDArray[np.float32]) -> bytes:
    """Return a picture of a cutout; the same pixels are the same bytes.

    Parameters
    ----------
    pixels : float[rows, columns]
        The first row is the lowest one. NaN is black: no value was measured there.

    Returns
    -------
    bytes
        PNG, 8 bits of grey, each pixel four times as wide and high.
    """
    measured = pixels[np.isfinite(pixels)]
    grey = np.zeros(pixels.shape, np.uint8)
    if measured.size:
        low, high = np.percentile(measured, (DARKEST_PERCENT, BRIGHTEST_PERCENT))
        share = np.clip((pixels - low) / max(high - low, np.finfo(np.float32).tiny), 0, 1)
        bright = np.arcsinh(share / SOFTENING) / np.arcsinh(1 / SOFTENING)
        grey = np.nan_to_num(_WHITE * bright, nan=0.0).astype(np.uint8)
    large = np.flipud(grey).repeat(ZOOM, axis=0).repeat(ZOOM, axis=1)
    file = BytesIO()
    Image.fromarray(large).save(file, format="PNG", optimize=False)
    return file.getvalue()
