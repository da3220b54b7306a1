"""Sky maps of an event as plain SVG: its credible regions and the tiles of its plans.

East is left, as on the sky. The whole sky is drawn in Mollweide's projection, a region in the
zenithal equal-area one around it (Calabretta & Greisen 2002, A&A 395, 1077).
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import hpgeom
import numpy as np
from astropy import units as u
from astropy.coordinates import CartesianRepresentation, SkyCoord, UnitSphericalRepresentation
from astropy.wcs import WCS
from numpy.typing import NDArray

from pipeline.svg import element, picture, tag

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]
Moc = Mapping[str, Sequence[int]]

SKY_PX = (760, 400)
ZOOM_PX = (760, 560)
MARGIN_PX = 20
SKY_WIDTH_DEG = 324.2
"""Width of Mollweide's ellipse in its own degrees: 4√2 · 180°/π; it is half as high."""
MAX_ZOOM_DEG = 55.0
"""A region that reaches farther from its middle is shown on the whole sky only."""
MIN_ZOOM_DEG = 0.5
MAX_CELLS = 5000
SMOOTH_ORDER = 4
"""Larger cells are split, so that their edges follow the projection."""
REACH_ORDER = 7  # a region reaches as far as its cells' edges, not their centres
GRID_STEPS_DEG = (60.0, 30.0, 15.0, 10.0, 5.0, 2.0, 1.0, 0.5, 0.2)
GRID_LINES = 4
LABEL_PX = 30
_STEPS = 91
_SPHERE_REACH_DEG = 180.0
REGION_COLOUR = "#c98a00"
TILE_COLOURS = ("#2f6fd6", "#d8433b", "#2a9d4b", "#8056c5", "#0f8b8d", "#b0478f")
LABELLED_PX = 14.0
"""Tiles narrower than this carry no number."""


@dataclass(frozen=True)
class Footprint:
    """A tile as it is drawn.

    Attributes
    ----------
    ra_deg, dec_deg : float
        Its centre [deg, ICRS].
    fov_deg : float
        Side of the square [deg].
    label : str
        Drawn inside it where there is room.
    title : str
        Shown on hover.
    colour : str
        Of its frame, in SVG.
    """

    ra_deg: float
    dec_deg: float
    fov_deg: float
    label: str
    title: str
    colour: str = TILE_COLOURS[0]


@dataclass(frozen=True)
class Regions:
    """Credible regions as MOCs: nested HEALPix cells by order."""

    moc_50: Moc
    moc_90: Moc

    @property
    def is_empty(self) -> bool:
        """Tell whether there is nothing to be drawn."""
        return not any(len(cells) for cells in self.moc_90.values())


@dataclass(frozen=True)
class _View:
    """What maps the sky to pixels, y downwards."""

    wcs: WCS
    size_px: tuple[int, int]
    centre: SkyCoord
    reach_deg: float

    @property
    def is_whole_sky(self) -> bool:
        return self.reach_deg >= _SPHERE_REACH_DEG

    def is_torn(self, x: Floats) -> Bools:
        """Tell which outlines cross the map's edge: they would be drawn over its whole width."""
        is_wide = np.asarray(np.ptp(x, axis=-1)) > self.size_px[0] / 4
        return np.asarray(is_wide & self.is_whole_sky, np.bool_)

    def project(self, ra_deg: Floats, dec_deg: Floats) -> tuple[Floats, Floats]:
        x, y = self.wcs.wcs_world2pix(ra_deg, dec_deg, 0)
        return np.asarray(x), self.size_px[1] - np.asarray(y)


def whole_sky_svg(regions: Regions, tiles: Sequence[Footprint] = ()) -> str:
    """Return regions, and tiles above them, on the whole sky as ``<svg>``; nothing for nothing."""
    if regions.is_empty:
        return ""
    middle = _middle(regions.moc_90)
    deg_per_px = SKY_WIDTH_DEG / (SKY_PX[0] - 2 * MARGIN_PX)
    view = _view("MOL", SKY_PX, SkyCoord(middle.ra, 0 * u.deg), deg_per_px, _SPHERE_REACH_DEG)
    content = _rim(view) + _content(view, regions, tiles)
    return _picture(view, "Sky map: 50 and 90 % credible regions on the whole sky", content)


def region_svg(regions: Regions, tiles: Sequence[Footprint] = ()) -> str:
    """Return the 90 % region and tiles enlarged; empty text for one too large, or for nothing."""
    if regions.is_empty:
        return ""
    middle = _middle(regions.moc_90)
    reach_deg = max(_reach_deg(regions.moc_90, middle) * 1.15, MIN_ZOOM_DEG)
    if reach_deg > MAX_ZOOM_DEG:
        return ""
    deg_per_px = 2 * reach_deg / (ZOOM_PX[1] - 2 * MARGIN_PX)
    view = _view("ZEA", ZOOM_PX, middle, deg_per_px, reach_deg * 2)
    content = _content(view, regions, tiles)
    return _picture(view, "Sky map: the 90 % credible region, enlarged", content)


def _view(
    projection: str, size_px: tuple[int, int], centre: SkyCoord, deg_per_px: float, reach_deg: float
) -> _View:
    wcs = WCS(naxis=2)
    wcs.wcs.ctype = [f"RA---{projection}", f"DEC--{projection}"]
    wcs.wcs.crval = [centre.ra.deg, centre.dec.deg]
    wcs.wcs.crpix = [size_px[0] / 2 + 1, size_px[1] / 2 + 1]
    wcs.wcs.cdelt = [-deg_per_px, deg_per_px]
    return _View(wcs, size_px, centre, reach_deg)


def _picture(view: _View, title: str, content: str) -> str:
    return picture(*view.size_px, tag("title", title) + content)


def _content(view: _View, regions: Regions, tiles: Sequence[Footprint]) -> str:
    return "".join(
        [
            _region(view, regions.moc_90, 0.35),
            _region(view, regions.moc_50, 0.75),
            *_grid(view),
            *_tiles(view, tiles),
        ]
    )


def _region(view: _View, moc: Moc, opacity: float) -> str:
    """Return a region as one path; its thin frame closes the seams between cells."""
    corners = []
    for order, cells in _cells(moc, SMOOTH_ORDER).items():
        ra, dec = hpgeom.boundaries(1 << order, cells, step=1, nest=True)
        x, y = view.project(ra, dec)
        far = view.centre.separation(SkyCoord(ra * u.deg, dec * u.deg)).deg.max(axis=1)
        is_whole = ~view.is_torn(x) & (far < view.reach_deg)
        corners += [_outline(*each) for each in zip(x[is_whole], y[is_whole], strict=True)]
    return tag(
        "path",
        d="".join(corners),
        fill=REGION_COLOUR,
        stroke=REGION_COLOUR,
        stroke_width=0.5,
        opacity=opacity,
    )


def _cells(moc: Moc, min_order: int) -> dict[int, Ints]:
    """Return a MOC's cells by order: fine ones put together while they are too many."""
    cells = {int(order): np.asarray(ids, np.int64) for order, ids in moc.items() if len(ids)}
    while sum(map(len, cells.values())) > MAX_CELLS:
        finest = max(cells)
        coarser = np.append(cells.get(finest - 1, np.empty(0, np.int64)), cells.pop(finest) >> 2)
        cells[finest - 1] = np.unique(coarser)
    for order in sorted(order for order in cells if order < min_order):
        ids, steps = cells.pop(order), 4 ** (min_order - order)
        split = (ids[:, None] * steps + np.arange(steps)).ravel()
        cells[min_order] = np.append(cells.get(min_order, np.empty(0, np.int64)), split)
    return cells


def _middle(moc: Moc) -> SkyCoord:
    """Return the mean direction of a region."""
    ra, dec, area = _centres(moc)
    vectors = SkyCoord(ra * u.deg, dec * u.deg).cartesian.xyz.value
    mean = CartesianRepresentation(vectors @ area).represent_as(UnitSphericalRepresentation)
    return SkyCoord(mean.lon, mean.lat)


def _reach_deg(moc: Moc, middle: SkyCoord) -> float:
    ra, dec, _ = _centres(moc)
    return float(middle.separation(SkyCoord(ra * u.deg, dec * u.deg)).deg.max())


def _centres(moc: Moc) -> tuple[Floats, Floats, Floats]:
    found = []
    for order, cells in _cells(moc, REACH_ORDER).items():
        ra, dec = hpgeom.pixel_to_angle(1 << order, cells, nest=True)
        found.append((ra, dec, np.full(len(cells), 4.0**-order)))
    ra, dec, area = (np.concatenate(each) for each in zip(*found, strict=True))
    return ra, dec, area


def _tiles(view: _View, tiles: Sequence[Footprint]) -> Iterator[str]:
    if not tiles:
        return
    centres = SkyCoord([t.ra_deg for t in tiles] * u.deg, [t.dec_deg for t in tiles] * u.deg)
    half = np.array([t.fov_deg / 2 for t in tiles])[:, None] * u.deg
    corners = centres[:, None].spherical_offsets_by(
        half * np.array([-1, 1, 1, -1]), half * np.array([-1, -1, 1, 1])
    )
    x, y = view.project(corners.ra.deg, corners.dec.deg)
    for tile, xs, ys in zip(tiles, x, y, strict=True):
        if not np.isfinite(xs).all() or view.is_torn(xs):
            continue
        parts = [
            tag("title", tile.title),
            tag(
                "path",
                d=_outline(xs, ys),
                fill=tile.colour,
                fill_opacity=0.12,
                stroke=tile.colour,
                stroke_width=1.5,
            ),
        ]
        if np.ptp(xs) >= LABELLED_PX:
            at = {"x": float(xs.mean()), "y": float(ys.mean()) + 4, "text_anchor": "middle"}
            parts.append(tag("text", tile.label, font_size=10, **at))
        yield element("g", "".join(parts))


def _rim(view: _View) -> str:
    width, height = view.size_px
    radius = width / 2 - MARGIN_PX
    return tag(
        "ellipse",
        cx=width / 2,
        cy=height / 2,
        rx=radius,
        ry=radius / 2,
        fill="none",
        stroke="currentColor",
        stroke_opacity=0.4,
    )


def _grid(view: _View) -> Iterator[str]:
    """Return lines of right ascension and declination, each with its degrees."""
    ra_0, dec_0 = float(view.centre.ra.deg), float(view.centre.dec.deg)
    south, north = max(-90.0, dec_0 - view.reach_deg), min(90.0, dec_0 + view.reach_deg)
    widest = np.cos(np.radians(min(max(abs(south), abs(north)), 89.0)))
    wide = min(view.reach_deg / widest, 179.99)
    for ra in _ticks(ra_0 - wide, ra_0 + wide):
        x, y = view.project(np.full(_STEPS, ra), np.linspace(south, north, _STEPS))
        yield from _grid_line(view, x, y, f"{ra % 360:g}°", at_equator=view.is_whole_sky)
    for dec in _ticks(south, north):
        x, y = view.project(ra_0 + np.linspace(wide, -wide, _STEPS), np.full(_STEPS, dec))
        yield from _grid_line(view, x, y, f"{dec:+g}°" if dec else "")


def _ticks(first: float, last: float) -> list[float]:
    step = next((s for s in GRID_STEPS_DEG if s * GRID_LINES <= last - first), GRID_STEPS_DEG[-1])
    return [n * step for n in range(int(first // step) + 1, int(-(-last // step)))]


def _grid_line(
    view: _View, x: Floats, y: Floats, text: str, *, at_equator: bool = False
) -> Iterator[str]:
    """Return a line and its degrees, which stand where the line comes into sight."""
    width, height = view.size_px
    seen = np.flatnonzero((x > 0) & (x < width - LABEL_PX) & (y > LABEL_PX) & (y < height))
    if not len(seen):
        return
    d = _line_through(x[np.isfinite(x)], y[np.isfinite(y)])
    yield tag("path", d=d, fill="none", stroke="currentColor", stroke_opacity=0.18)
    at = len(x) // 2 if at_equator else int(seen[0])
    place = {"x": float(x[at]) + 3, "y": float(y[at]) - 3}
    yield tag("text", text, font_size=10, fill_opacity=0.65, **place)


def _outline(x: Floats, y: Floats) -> str:
    return _line_through(x, y) + "z"


def _line_through(x: Floats, y: Floats) -> str:
    return "M" + "L".join(f"{a:.1f} {b:.1f}" for a, b in zip(x, y, strict=True))
