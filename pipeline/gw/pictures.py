"""The sky map as a picture: the whole sky, and its densest part. Only what draws imports this.

It is made for a phone: thick contours, large letters, few words.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from io import BytesIO
from typing import Literal

import astropy.units as u
import numpy as np
from astropy.coordinates import get_body
from astropy.time import Time
from astropy.visualization.wcsaxes import WCSAxes
from astropy.visualization.wcsaxes.frame import EllipticalFrame
from astropy.wcs import WCS
from matplotlib import colormaps
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patheffects import withStroke
from PIL import Image

from pipeline.angles import ARCSEC_PER_DEG
from pipeline.gw import cards_words as words
from pipeline.gw.notices import REAL
from pipeline.gw.scored import ScoredAlert
from pipeline.gw.sky_index import SkyIndex
from pipeline.gw.sky_views import levels_on, near_view, raster
from pipeline.gw.skymap import REGION_LEVEL, SkyMap
from pipeline.sky import separation_arcsec

SIZE_INCH, DPI = (10.0, 12.4), 80
SKY_PIXELS = (900, 450)
"""Of the whole sky, at which the map is read; the ellipse touches its edges."""
ZOOM_PIXELS = (690, 470)
CONTOURS: tuple[tuple[float, str, Literal["solid", "dashed"]], ...] = (
    (0.5, "#7a0000", "solid"),
    (REGION_LEVEL, "#c04000", "dashed"),
)
"""Credible level, colour and style of each line."""
COLOUR_COUNT = 128
SUN, MOON = "#e0a000", "#5b6b8c"
COLOURS = colormaps["YlOrRd"].resampled(20)
"""A step for each 5 % of credible level."""
CENTRES_DEG = 90.0
"""The whole sky is turned in such steps, so that the peak is never at its edge [deg]."""

_FAINTEST = 0.99
"""Levels beyond it stay white."""
_DECIMALS_BELOW_DEG = 10
_TITLE_LETTERS = 40
_RIGHT_SHARE = 0.8
_LEGEND = [
    Line2D([], [], color=colour, linestyle=style, linewidth=2.5, label=f"{level:.0%}")
    for level, colour, style in CONTOURS
]
_HALO = [withStroke(linewidth=4, foreground="white")]


@dataclass(frozen=True)
class Picture:
    """A PNG file, and what it shows in words for those who cannot see it."""

    png: bytes
    alt_text: str


@dataclass(frozen=True)
class _Body:
    """The Sun or the Moon."""

    name: str
    ra_deg: float
    dec_deg: float


def sky_map_picture(alert: ScoredAlert, sky_map: SkyMap, at: datetime) -> Picture:
    """Return the picture of a notice's map.

    Parameters
    ----------
    alert : ScoredAlert
        For the words of its title.
    sky_map : SkyMap
        What is drawn.
    at : datetime
        Sun and Moon are shown as they stand at this time, UTC.
    """
    index = SkyIndex.of(sky_map)
    bodies = [_body(name, at) for name in ("sun", "moon")]
    figure = Figure(figsize=SIZE_INCH, dpi=DPI, facecolor="white")
    figure.text(0.5, 0.975, _title(alert), ha="center", va="top", size=30, weight="bold")
    figure.text(0.5, 0.935, _subtitle(alert), ha="center", va="top", size=22)
    _draw_sky(figure, sky_map, index, bodies)
    _draw_zoom(figure, sky_map, index, bodies)
    return Picture(_png(figure), _alt_text(alert, sky_map, bodies, at))


def _png(figure: Figure) -> bytes:
    """Return a drawing in few colours, which takes a third of the bytes."""
    stream = BytesIO()
    figure.savefig(stream, format="png", dpi=DPI)
    drawn = Image.open(stream).convert("RGB")
    # Of the methods this one keeps the colour of thin lines.
    few = drawn.quantize(COLOUR_COUNT, Image.Quantize.MAXCOVERAGE, dither=Image.Dither.NONE)
    stream = BytesIO()
    few.save(stream, "PNG", optimize=True)
    return stream.getvalue()


def _body(name: str, at: datetime) -> _Body:
    place = get_body(name, Time(at), ephemeris="builtin")
    return _Body(name.capitalize(), float(place.ra.deg), float(place.dec.deg))


def _draw_sky(figure: Figure, sky_map: SkyMap, index: SkyIndex, bodies: Sequence[_Body]) -> None:
    width, height = SKY_PIXELS
    centre_deg = round(sky_map.peak[0] / CENTRES_DEG) * CENTRES_DEG
    # Half of a Mollweide map is 2√2/π times as wide as 180 degrees of its equator.
    scale_deg = 360 * 2 * np.sqrt(2) / np.pi / width
    wcs = raster("MOL", (centre_deg, 0.0), (width, height), scale_deg)
    axes = WCSAxes(figure, (0.03, 0.545, 0.94, 0.35), wcs=wcs, frame_class=EllipticalFrame)
    figure.add_axes(axes)
    _draw_levels(axes, wcs, (width, height), index, line_width=1.5)
    ra, dec = axes.coords
    ra.set_ticks(spacing=60 * u.deg)
    dec.set_ticks(spacing=30 * u.deg)
    for each in (ra, dec):
        each.set_major_formatter("d")
        each.set_ticklabel(size=15, color="#444444", exclude_overlapping=True)
        each.set_axislabel("")
    axes.coords.grid(color="#999999", alpha=0.5, linewidth=0.8)
    for body in bodies:
        _draw_body(axes, body)


def _draw_zoom(figure: Figure, sky_map: SkyMap, index: SkyIndex, bodies: Sequence[_Body]) -> None:
    centre_deg, height_deg = near_view(sky_map)
    wcs = raster("TAN", centre_deg, ZOOM_PIXELS, height_deg / ZOOM_PIXELS[1])
    axes = WCSAxes(figure, (0.15, 0.075, 0.81, 0.44), wcs=wcs)
    figure.add_axes(axes)
    _draw_levels(axes, wcs, ZOOM_PIXELS, index, line_width=2.5)
    ra, dec = axes.coords
    for each, name, side in ((ra, "RA [deg]", "b"), (dec, "Dec [deg]", "l")):
        each.set_ticklabel_position(side)
        each.set_axislabel_position(side)
        each.set_ticks(number=5)
        each.set_major_formatter("d.d" if height_deg < _DECIMALS_BELOW_DEG else "d")
        each.set_ticklabel(size=17, exclude_overlapping=True)
        each.set_axislabel(name, size=18, minpad=0.6)
    axes.coords.grid(color="#999999", alpha=0.5, linewidth=0.8)
    for body in bodies:
        if _separation_deg(centre_deg, body) < height_deg / 2:
            _draw_body(axes, body)
    axes.legend(handles=_LEGEND, loc="upper right", fontsize=17)


def _draw_levels(
    axes: WCSAxes, wcs: WCS, size: tuple[int, int], index: SkyIndex, line_width: float
) -> None:
    """Draw the credible level of each point, and the contours of the two regions."""
    levels = levels_on(wcs, size, index)
    shown = np.where(levels < _FAINTEST, 1 - levels, np.nan)
    axes.imshow(shown, origin="lower", cmap=COLOURS, vmin=0, vmax=1.1, interpolation="nearest")
    axes.contour(
        np.nan_to_num(levels, nan=1.0),
        levels=[level for level, _, _ in CONTOURS],
        colors=[colour for _, colour, _ in CONTOURS],
        linestyles=[style for _, _, style in CONTOURS],
        linewidths=line_width,
    )


def _draw_body(axes: WCSAxes, body: _Body) -> None:
    """Draw the Sun or the Moon; its name on the side where there is room."""
    on_sky = axes.get_transform("world")
    colour = SUN if body.name == "Sun" else MOON
    place = (body.ra_deg, body.dec_deg)
    axes.plot(*place, "o", markersize=15, color=colour, markeredgecolor="black", transform=on_sky)
    x, _ = axes.wcs.wcs_world2pix(*place, 0)
    is_right = x > _RIGHT_SHARE * axes.get_xlim()[1]
    axes.annotate(
        body.name,
        place,
        xycoords=on_sky,
        xytext=(-12 if is_right else 12, 8 if body.name == "Sun" else -24),
        textcoords="offset points",
        ha="right" if is_right else "left",
        size=18,
        weight="bold",
        color=colour,
        path_effects=_HALO,
    )


def _separation_deg(place: tuple[float, float], body: _Body) -> float:
    return float(separation_arcsec(*place, body.ra_deg, body.dec_deg)) / ARCSEC_PER_DEG


def _title(alert: ScoredAlert) -> str:
    notice = alert.notice
    badge = "" if notice.kind == REAL else f"{notice.kind.upper()} "
    return f"{badge}{notice.trigger_id} {notice.alert_type}"[:_TITLE_LETTERS]


def _subtitle(alert: ScoredAlert) -> str:
    parts = [f"90 %: {words.area(alert.area_90_deg2)}", f"50 %: {words.area(alert.area_50_deg2)}"]
    if alert.distance_mpc is not None:
        parts.append(words.distance(alert.distance_mpc, alert.distance_std_mpc))
    return "  ·  ".join(parts)


def _alt_text(alert: ScoredAlert, sky_map: SkyMap, bodies: Sequence[_Body], at: datetime) -> str:
    ra, dec = sky_map.peak
    places = "; ".join(
        f"the {each.name} is at RA {each.ra_deg:.0f}° Dec {each.dec_deg:+.0f}°, "
        f"{_separation_deg(sky_map.peak, each):.0f}° from it"
        for each in bodies
    )
    return (
        f"Sky map of {_title(alert)}: the 90 % region covers {words.area(alert.area_90_deg2)}, "
        f"the 50 % region {words.area(alert.area_50_deg2)}; the most probable place is "
        f"RA {ra:.1f}° Dec {dec:+.1f}°; at {words.moment(at)} {places}."
    )
