"""Two pictures of a plan: its tiles on the map, and how high they stand through the night."""

from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import astropy.units as u
import numpy as np
from astropy.coordinates import AltAz, SkyCoord, get_body, get_sun
from astropy.time import Time
from matplotlib import dates
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Polygon
from matplotlib.patheffects import withStroke

from pipeline.gw.plan_coverage import Footprint, to_degrees
from pipeline.gw.plan_files import VISIBILITY, picture_file
from pipeline.gw.plan_job import PlanJob, PlanResult
from pipeline.gw.plan_night import SUN_MAX_DEG, altitude_min_deg, site
from pipeline.gw.sky_index import SkyIndex
from pipeline.gw.skymap import SkyMap
from pipeline.sky import Floats

LEVELS = (0.5, 0.9)
TILE_COLOUR, CONTOUR_COLOUR, SUN_COLOUR, MOON_COLOUR = "#0b5fa5", "#7a1f1f", "#d98e04", "#777777"
_MAP_COLOURS = "Reds"
_DPI = 90
_ALL_SKY_STEP_DEG = 0.5
_ZOOM_PIXELS = 400
_ZOOM_MARGIN = 1.25
_SMALLEST_ZOOM_DEG = 2.0
_LARGEST_ZOOM_DEG = 60.0
_NUMBERED = 30
"""More numbers than this cannot be read."""
_HALO = [withStroke(linewidth=2, foreground="white")]
"""Numbers are read on the dark of the map, too."""
_CURVES = 10
_CURVE_STEP = timedelta(minutes=10)


def write_pictures(job: PlanJob, result: PlanResult, sky_map: SkyMap, folder: Path) -> None:
    """Write both pictures of a plan into ``plots`` of an existing folder."""
    name = result.telescope
    (folder / picture_file(name)).parent.mkdir(exist_ok=True)
    coverage = coverage_figure(job, result, SkyIndex.of(sky_map), sky_map.peak)
    coverage.savefig(folder / picture_file(name), dpi=_DPI)
    visibility = visibility_figure(job, result, sky_map.peak)
    visibility.savefig(folder / picture_file(name, VISIBILITY), dpi=_DPI)


def coverage_figure(
    job: PlanJob, result: PlanResult, index: SkyIndex, peak: tuple[float, float]
) -> Figure:
    """Return the map of the whole sky and the part with the tiles, these numbered by rank.

    Parameters
    ----------
    job : PlanJob
        Of the plan.
    result : PlanResult
        With or without tiles.
    index : SkyIndex
        Of the map.
    peak : tuple of float
        Most probable position [deg, ICRS]; the middle when there is no tile.
    """
    figure = Figure(figsize=(11, 5.2), layout="constrained")
    whole = figure.add_subplot(1, 2, 1, projection="mollweide")
    part = figure.add_subplot(1, 2, 2)
    fields = [
        Footprint.at(tile.ra_deg, tile.dec_deg, job.telescope.fov_deg) for tile in result.tiles
    ]
    _draw_whole(whole, index, fields)
    _draw_bodies(whole, job, result)
    _draw_part(part, index, fields, peak)
    figure.suptitle(_title(job, result))
    return figure


def visibility_figure(job: PlanJob, result: PlanResult, peak: tuple[float, float]) -> Figure:
    """Return the altitude of tiles, or of the peak, and of the Moon through the window.

    Parameters
    ----------
    job : PlanJob
        Of the plan.
    result : PlanResult
        With or without tiles.
    peak : tuple of float
        Most probable position [deg, ICRS].
    """
    figure = Figure(figsize=(9, 4.5), layout="constrained")
    axes = figure.add_subplot()
    steps = int((job.end - job.start) / _CURVE_STEP) + 1
    times = Time([job.start + _CURVE_STEP * i for i in range(steps)], scale="utc")
    days = times.plot_date
    frame = AltAz(obstime=times, location=site(job.telescope))
    _shade_dark(axes, days, get_sun(times).transform_to(frame).alt.deg)
    _draw_curves(axes, days, frame, result, peak)
    moon = get_body("moon", times, frame.location).transform_to(frame)
    axes.plot(days, moon.alt.deg, color=MOON_COLOUR, linestyle=":", label="Moon")
    lowest_deg = altitude_min_deg(job.telescope, job.airmass_max)
    axes.axhline(lowest_deg, color=CONTOUR_COLOUR, linewidth=1, label=f"limit {lowest_deg:.0f}°")
    axes.set(ylim=(0, 90), xlim=(days[0], days[-1]), ylabel="altitude [deg]", xlabel="UTC")
    axes.xaxis_date()
    axes.xaxis.set_major_formatter(dates.DateFormatter("%d %b %Hh"))
    axes.legend(loc="upper right", fontsize=7, ncols=2)
    figure.suptitle(f"{_title(job, result)}\ndark: Sun below {-SUN_MAX_DEG:.0f}° under the horizon")
    return figure


def _title(job: PlanJob, result: PlanResult) -> str:
    name = f"{job.event} · {job.telescope.name} · {job.strategy}"
    if not result.tiles:
        return f"{name}\n{result.reason}"
    shown = f"{len(result.tiles)} tiles, {100 * result.probability:.1f} % of the probability"
    return f"{name}\n{shown}, {result.area_deg2:.3g} deg²"


def _draw_whole(axes: Axes, index: SkyIndex, fields: Sequence[Footprint]) -> None:
    x = np.arange(-180, 180 + _ALL_SKY_STEP_DEG, _ALL_SKY_STEP_DEG)
    y = np.arange(-90, 90 + _ALL_SKY_STEP_DEG, _ALL_SKY_STEP_DEG)
    grid_x, grid_y = np.meshgrid(x, y)
    density, level = index.density_and_level((180 - grid_x).ravel(), grid_y.ravel())
    across, up = np.radians(grid_x), np.radians(grid_y)
    shape = grid_x.shape
    axes.pcolormesh(
        across, up, density.reshape(shape), cmap=_MAP_COLOURS, shading="nearest", rasterized=True
    )
    axes.contour(
        across, up, level.reshape(shape), levels=LEVELS, colors=CONTOUR_COLOUR, linewidths=0.7
    )
    for field in fields:
        corners_x, corners_y = _on_whole(*to_degrees(_corners(field)))
        if np.ptp(corners_x) < np.pi:  # not torn by the map's edge
            axes.add_patch(_outline(np.column_stack([corners_x, corners_y])))
    axes.set_xticks(np.radians([-120, -60, 0, 60, 120]), ["20h", "16h", "12h", "8h", "4h"])
    axes.tick_params(labelsize=7)
    axes.grid(alpha=0.3)


def _on_whole(ra_deg: Any, dec_deg: Any) -> tuple[Any, Any]:
    """Return places on the map of the whole sky, RA 180° in the middle and growing to the left."""
    return np.radians(180 - np.asarray(ra_deg) % 360), np.radians(dec_deg)


def _draw_bodies(axes: Axes, job: PlanJob, result: PlanResult) -> None:
    moment = Time(result.tiles[0].start if result.tiles else job.start, scale="utc")
    for name, colour, up in (("sun", SUN_COLOUR, 5), ("moon", MOON_COLOUR, -13)):
        body = get_body(name, moment, site(job.telescope))
        place = _on_whole(body.ra.deg, body.dec.deg)
        axes.scatter(*place, color=colour, s=40, edgecolors="black", zorder=5)
        axes.annotate(name.title(), place, xytext=(5, up), textcoords="offset points", fontsize=8)


def _draw_part(
    axes: Axes, index: SkyIndex, fields: Sequence[Footprint], peak: tuple[float, float]
) -> None:
    middle = np.mean([field.axes[0] for field in fields], axis=0) if fields else None
    ra, dec = peak if middle is None else (a[0] for a in to_degrees(_unit(middle)[None, :]))
    plane = Footprint.at(ra, dec, 1.0)
    corners = [_project(plane, _corners(field)) for field in fields]
    reach = max((float(np.abs(each).max()) for each in corners), default=10.0) * _ZOOM_MARGIN
    half_deg = float(np.clip(reach, _SMALLEST_ZOOM_DEG, _LARGEST_ZOOM_DEG))
    _draw_zoomed_map(axes, index, plane, half_deg)
    for rank, corner in enumerate(corners, start=1):
        axes.add_patch(_outline(corner))
        if rank <= _NUMBERED:
            x, y = corner.mean(axis=0)
            axes.text(x, y, str(rank), ha="center", va="center", fontsize=8, path_effects=_HALO)
    axes.set(xlim=(half_deg, -half_deg), ylim=(-half_deg, half_deg), aspect="equal")
    axes.set_xlabel(f"east ← [deg] from RA {ra:.2f}°")
    axes.set_ylabel(f"[deg] from Dec {dec:+.2f}°")


def _draw_zoomed_map(axes: Axes, index: SkyIndex, plane: Footprint, half_deg: float) -> None:
    side = np.linspace(-half_deg, half_deg, _ZOOM_PIXELS)
    x, y = np.meshgrid(side, side)
    tangent = np.column_stack([np.ones(x.size), np.radians(x.ravel()), np.radians(y.ravel())])
    vectors = tangent @ plane.axes
    vectors /= np.linalg.norm(vectors, axis=1)[:, None]
    density, level = index.density_and_level(*to_degrees(vectors))
    axes.pcolormesh(x, y, density.reshape(x.shape), cmap=_MAP_COLOURS, rasterized=True)
    levels = level.reshape(x.shape)
    found = axes.contour(x, y, levels, levels=LEVELS, colors=CONTOUR_COLOUR, linewidths=0.9)
    axes.clabel(found, fmt=lambda value: f"{100 * value:.0f} %", fontsize=7)


def _shade_dark(axes: Axes, days: Floats, sun_deg: Floats) -> None:
    axes.fill_between(days, 0, 90, where=sun_deg <= SUN_MAX_DEG, color="#20304a", alpha=0.18)


def _draw_curves(
    axes: Axes,
    days: Floats,
    frame: AltAz,
    result: PlanResult,
    peak: tuple[float, float],
) -> None:
    if not result.tiles:
        place = SkyCoord(peak[0] * u.deg, peak[1] * u.deg).transform_to(frame)
        axes.plot(days, place.alt.deg, color=TILE_COLOUR, label="most probable place")
    for tile in result.tiles[:_CURVES]:
        place = SkyCoord(tile.ra_deg * u.deg, tile.dec_deg * u.deg).transform_to(frame)
        axes.plot(days, place.alt.deg, linewidth=1, label=f"{tile.rank_id}: {tile.tile_id}")
    starts = dates.date2num([tile.start for tile in result.tiles])
    altitudes = np.degrees(np.arcsin([1 / tile.airmass for tile in result.tiles]))
    axes.scatter(starts, altitudes, color="black", s=10, zorder=5)


def _corners(field: Footprint) -> Floats:
    """Return points along the edge of a field, as unit vectors ``float64[n, 3]``."""
    side = np.linspace(-field.half, field.half, 9)[:-1]
    low = np.full_like(side, field.half)
    edge = np.concatenate(
        [
            np.column_stack([side, -low]),
            np.column_stack([low, side]),
            np.column_stack([-side, low]),
            np.column_stack([-low, -side]),
        ]
    )
    vectors = np.column_stack([np.ones(len(edge)), edge]) @ field.axes
    return np.asarray(vectors / np.linalg.norm(vectors, axis=1)[:, None], np.float64)


def _project(plane: Footprint, vectors: Floats) -> Floats:
    """Return places in the tangent plane ``float64[n, 2]`` [deg], east and north."""
    along, east, north = plane.axes @ vectors.T
    along = np.maximum(along, 1e-3)  # behind the plane: far outside of the picture
    return np.asarray(np.degrees(np.column_stack([east / along, north / along])), np.float64)


def _unit(vector: Floats) -> Floats:
    return np.asarray(vector / np.linalg.norm(vector), np.float64)


def _outline(corners: Floats) -> Polygon:
    return Polygon(corners, closed=True, fill=False, edgecolor=TILE_COLOUR, linewidth=1.1)
