"""Plots as plain SVG: no script, no style sheet, so that any content policy admits them."""

import math
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import NamedTuple

import numpy as np

from pipeline.light_curves import DETECTION, FORCED, LIMIT, Photometry
from pipeline.svg import element, line, picture, tag

WIDTH_PX, HEIGHT_PX = 760, 360
LEFT_PX, RIGHT_PX, TOP_PX, BOTTOM_PX = 58, 16, 30, 34
FORCED_MIN_SNR = 3.0
"""Forced points below this are noise around zero and have no meaningful magnitude."""
UNIX_EPOCH_JD_UTC = 2440587.5
DAY_S = 86_400
BAND_COLOURS = {
    "u": "#8056c5",
    "g": "#2a9d4b",
    "r": "#d8433b",
    "i": "#c98a00",
    "z": "#8c6d5a",
    "y": "#7a7a7a",
}
OTHER_COLOUR = "#4a7fb5"
MAX_DATE_LABELS = 6


class _Point(NamedTuple):
    jd_utc: float
    abmag: float
    error: float
    band: str
    series: int


class _Frame(NamedTuple):
    """What maps times and magnitudes to pixels; bright is up."""

    first_jd_utc: float
    last_jd_utc: float
    bright_abmag: float
    faint_abmag: float

    def x(self, jd_utc: float) -> float:
        share = (jd_utc - self.first_jd_utc) / (self.last_jd_utc - self.first_jd_utc)
        return LEFT_PX + share * (WIDTH_PX - LEFT_PX - RIGHT_PX)

    def y(self, abmag: float) -> float:
        share = (abmag - self.bright_abmag) / (self.faint_abmag - self.bright_abmag)
        return TOP_PX + share * (HEIGHT_PX - TOP_PX - BOTTOM_PX)


def light_curve_svg(curves: Sequence[Photometry]) -> str:
    """Return AB magnitude against date as an ``<svg>`` element; empty text without any point.

    Detections are filled discs with 1σ bars, forced points of at least ``FORCED_MIN_SNR`` open
    ones, limits triangles that point down.
    """
    points = [point for curve in curves for point in _points(curve)]
    if not points:
        return ""
    frame = _frame(points)
    forced_below = sorted(points, key=lambda point: point.series, reverse=True)
    content = [
        tag("title", "Light curve: AB magnitude against date (UTC)"),
        *_magnitude_axis(frame),
        *_date_axis(frame),
        *(_mark(frame, point) for point in forced_below),
        *_legend(points),
    ]
    return picture(WIDTH_PX, HEIGHT_PX, "".join(content))


def utc(jd_utc: float) -> datetime:
    """Return the time of a Julian date, to the second."""
    return datetime.fromtimestamp(round((jd_utc - UNIX_EPOCH_JD_UTC) * DAY_S), UTC)


def _points(curve: Photometry) -> list[_Point]:
    shown = np.isfinite(curve.abmag)
    if curve.series == FORCED:
        shown &= np.abs(curve.flux_njy) >= FORCED_MIN_SNR * curve.flux_err_njy
    return [
        _Point(
            float(curve.jd_utc[i]),
            float(curve.abmag[i]),
            float(curve.abmag_err[i]),
            curve.band[i],
            curve.series,
        )
        for i in np.flatnonzero(shown)
    ]


def _frame(points: list[_Point]) -> _Frame:
    times = [point.jd_utc for point in points]
    magnitudes = [point.abmag for point in points]
    spare_d = max((max(times) - min(times)) * 0.03, 0.02)
    spare_mag = max((max(magnitudes) - min(magnitudes)) * 0.08, 0.1)
    return _Frame(
        min(times) - spare_d,
        max(times) + spare_d,
        min(magnitudes) - spare_mag,
        max(magnitudes) + spare_mag,
    )


def _magnitude_axis(frame: _Frame) -> Iterator[str]:
    right, bottom = WIDTH_PX - RIGHT_PX, HEIGHT_PX - BOTTOM_PX
    yield tag(
        "rect",
        x=LEFT_PX,
        y=TOP_PX,
        width=right - LEFT_PX,
        height=bottom - TOP_PX,
        fill="none",
        stroke="currentColor",
        stroke_opacity=0.4,
    )
    middle = (TOP_PX + bottom) / 2
    turned = f"rotate(-90 14 {middle})"
    yield tag("text", "AB magnitude", x=14, y=middle, text_anchor="middle", transform=turned)
    for abmag in _ticks(frame.bright_abmag, frame.faint_abmag, 6):
        y = frame.y(abmag)
        yield line(LEFT_PX, y, right, y, stroke_opacity=0.12)
        yield tag("text", f"{abmag:.4g}", x=LEFT_PX - 6, y=y + 4, text_anchor="end")


def _date_axis(frame: _Frame) -> Iterator[str]:
    bottom = HEIGHT_PX - BOTTOM_PX
    is_long = frame.last_jd_utc - frame.first_jd_utc > MAX_DATE_LABELS
    form = "%Y-%m-%d" if is_long else "%m-%d %H:%M"
    for jd_utc in _date_ticks(frame):
        x = frame.x(jd_utc)
        yield line(x, bottom, x, bottom + 5)
        yield tag("text", f"{utc(jd_utc):{form}}", x=x, y=bottom + 20, text_anchor="middle")


def _date_ticks(frame: _Frame) -> list[float]:
    """Return times whose labels fit; whole days begin at half a Julian date."""
    first, last = frame.first_jd_utc - 0.5, frame.last_jd_utc - 0.5
    ticks = _ticks(first, last, MAX_DATE_LABELS)
    margin = (last - first) * 0.05
    return [tick + 0.5 for tick in ticks if first + margin < tick < last - margin]


def _ticks(low: float, high: float, count: int) -> list[float]:
    """Return at most about ``count`` round numbers between two bounds."""
    rough = (high - low) / count
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(power * factor for factor in (1, 2, 5, 10) if power * factor >= rough)
    first = math.ceil(low / step)
    return [at * step for at in range(first, math.floor(high / step) + 1)]


def _mark(frame: _Frame, point: _Point) -> str:
    x, y = frame.x(point.jd_utc), frame.y(point.abmag)
    colour = BAND_COLOURS.get(point.band, OTHER_COLOUR)
    sign = "> " if point.series == LIMIT else ""
    time = f"{utc(point.jd_utc):%Y-%m-%d %H:%M:%S} UTC"
    parts = [tag("title", f"{time}, {point.band}, {sign}{point.abmag:.2f}")]
    if math.isfinite(point.error):
        top = max(frame.y(point.abmag - point.error), TOP_PX)
        bottom = min(frame.y(point.abmag + point.error), HEIGHT_PX - BOTTOM_PX)
        parts.append(line(x, top, x, bottom, stroke=colour, stroke_opacity=0.6))
    if point.series == LIMIT:
        shape = f"M{x - 4:.1f} {y:.1f}h8l-4 6z"
        parts.append(tag("path", d=shape, fill=colour, fill_opacity=0.45))
    elif point.series == DETECTION:
        parts.append(tag("circle", cx=x, cy=y, r=3.5, fill=colour))
    else:
        parts.append(tag("circle", cx=x, cy=y, r=3, fill="none", stroke=colour))
    return element("g", "".join(parts))


def _legend(points: list[_Point]) -> Iterator[str]:
    bands = {point.band for point in points}
    for at, band in enumerate(each for each in ("ugrizyjhk?") if each in bands):
        x = LEFT_PX + 34 * at
        yield tag("circle", cx=x + 5, cy=15, r=4, fill=BAND_COLOURS.get(band, OTHER_COLOUR))
        yield tag("text", band, x=x + 13, y=19)
    text = f"● detection   ○ forced, ≥ {FORCED_MIN_SNR:.0f}σ   ▼ 5σ limit"
    yield tag("text", text, x=WIDTH_PX - RIGHT_PX, y=19, text_anchor="end")
