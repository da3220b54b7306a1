"""The cutouts of an alert side by side as one small picture, for tables."""

import io
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image

SIDE_PX = 63
GAP_PX = 2
BLACK_PERCENT, WHITE_PERCENT = 1.0, 99.5
"""A cosmic ray must not darken the rest."""
SOFTENING = 10.0
"""Of the inverse hyperbolic sine, as on the object page."""


def png(images: Sequence[NDArray[np.float32] | None]) -> bytes:
    """Return images in a row, each as wide as high; one that is missing stays empty.

    Parameters
    ----------
    images : sequence of float32[height, width] or None
        From below, as FITS stores them; NaN where nothing was measured.
    """
    width = len(images) * (SIDE_PX + GAP_PX) - GAP_PX
    whole = np.zeros((SIDE_PX, width, 2), np.uint8)  # grey and opacity
    for at, image in enumerate(images):
        if image is not None and image.size:
            left = at * (SIDE_PX + GAP_PX)
            whole[:, left : left + SIDE_PX] = _painted(image)
    stream = io.BytesIO()
    Image.fromarray(whole, "LA").save(stream, "PNG")
    return stream.getvalue()


def _painted(image: NDArray[np.float32]) -> NDArray[np.uint8]:
    seen = np.isfinite(image)
    grey = np.zeros(image.shape, np.uint8)
    if seen.any():
        low, high = np.percentile(image[seen], (BLACK_PERCENT, WHITE_PERCENT))
        share = np.clip((image[seen] - low) / max(high - low, np.finfo(np.float32).tiny), 0, 1)
        grey[seen] = np.round(255 * np.arcsinh(share * SOFTENING) / np.arcsinh(SOFTENING))
    both = np.dstack([grey, np.where(seen, 255, 0).astype(np.uint8)])[::-1]
    rows = np.arange(SIDE_PX) * image.shape[0] // SIDE_PX
    columns = np.arange(SIDE_PX) * image.shape[1] // SIDE_PX
    return np.asarray(both[rows][:, columns], np.uint8)
