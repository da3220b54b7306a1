"""Small plots for tables: a light curve, and counts of nights; plain SVG as ``plots``."""

from collections.abc import Sequence
from datetime import date

import numpy as np
from numpy.typing import NDArray

from pipeline.plots import BAND_COLOURS, OTHER_COLOUR
from pipeline.svg import element, line, picture, tag

CURVE_WIDTH_PX, CURVE_HEIGHT_PX, EDGE_PX = 160, 56, 5
BARS_WIDTH_PX, BARS_HEIGHT_PX, FOOT_PX, HEAD_PX = 640, 140, 22, 16
MOST_DATES = 6
WIDEST_BAR_PX = 48.0


def light_curve(
    jd_utc: NDArray[np.float64], abmag: NDArray[np.float64], band: Sequence[str]
) -> str:
    """Return detections as coloured dots, bright above; empty text without any.

    Parameters
    ----------
    jd_utc, abmag : float64[n]
        Time, and magnitude [AB mag].
    band : sequence of str
        Decides the colour, as on the object page.
    """
    shown = np.flatnonzero(np.isfinite(abmag))
    if not len(shown):
        return ""
    x = _scaled(jd_utc[shown], CURVE_WIDTH_PX)
    y = _scaled(abmag[shown], CURVE_HEIGHT_PX)
    days = float(np.ptp(jd_utc[shown]))
    words = (
        f"{len(shown)} detections in {days:.1f} d,"
        f" {abmag[shown].min():.2f} to {abmag[shown].max():.2f} AB mag"
    )
    dots = [
        tag("circle", cx=float(px), cy=float(py), r=2.5, fill=_colour(band[at]))
        for px, py, at in zip(x, y, shown.tolist(), strict=True)
    ]
    return picture(CURVE_WIDTH_PX, CURVE_HEIGHT_PX, "".join([tag("title", words), *dots]))


def bars(counts: Sequence[tuple[date, int]]) -> str:
    """Return a bar for each night, the oldest on the left; empty text without any."""
    if not counts:
        return ""
    highest = max(1, *(count for _, count in counts))
    step = min(BARS_WIDTH_PX / len(counts), WIDEST_BAR_PX)
    bottom = BARS_HEIGHT_PX - FOOT_PX
    every = -(-len(counts) // MOST_DATES)
    parts = [
        tag("title", "Alerts by night"),
        line(0, bottom, BARS_WIDTH_PX, bottom),
        tag("text", f"{highest:,}", x=0, y=HEAD_PX - 4),
    ]
    for at, (night, count) in enumerate(counts):
        height = (bottom - HEAD_PX) * count / highest
        bar = tag("title", f"{night}: {count:,}")
        size = {"x": at * step + 1, "y": bottom - height, "width": max(step - 2, 1.0)}
        parts.append(element("rect", bar, **size, height=height, fill="#4a7fb5"))
        if at % every == 0:
            x = min(at * step, BARS_WIDTH_PX - 40)
            parts.append(tag("text", f"{night:%m-%d}", x=float(x), y=BARS_HEIGHT_PX - 6))
    return picture(BARS_WIDTH_PX, BARS_HEIGHT_PX, "".join(parts))


def _scaled(values: NDArray[np.float64], size_px: int) -> NDArray[np.float64]:
    """Return values as pixels between the edges; one alone, or all alike, in the middle."""
    low, high = values.min(), values.max()
    if high == low:
        return np.full(len(values), size_px / 2)
    share = (values - low) / (high - low)
    return np.asarray(EDGE_PX + share * (size_px - 2 * EDGE_PX), np.float64)


def _colour(band: str) -> str:
    return BAND_COLOURS.get(band, OTHER_COLOUR)
