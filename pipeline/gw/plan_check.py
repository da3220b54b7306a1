"""Every row of a plan judged again by astropy, which shares no line with what made the plan."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import astropy.units as u
import numpy as np
from astropy.coordinates import AltAz, SkyCoord, angular_separation, get_body, get_sun
from astropy.time import Time

from pipeline.gw.plan_job import PlanJob
from pipeline.gw.plan_night import SUN_MAX_DEG, altitude_min_deg, site
from pipeline.sky import Floats

AIRMASS_TOLERANCE = 0.01
ALTITUDE_TOLERANCE_DEG = 0.2
SUN_TOLERANCE_DEG = 0.05
MOON_TOLERANCE_DEG = 0.7
"""The Moon moves by half a degree in the hour for which gwemopt takes one place of it."""
NEAR_LIMIT_DEG = 5.0
"""A tile that begins so close to the lowest altitude is called low."""
GAP_TOLERANCE_S = 0.01
"""Rounding of times."""


@dataclass(frozen=True)
class Row:
    """One scheduled exposure, as the scheduler gives it."""

    tile_id: int
    ra_deg: float
    dec_deg: float
    start: datetime
    end: datetime
    airmass: float


def refusals(job: PlanJob, rows: Sequence[Row]) -> list[str]:
    """Return for each row why it cannot be observed as planned; empty where it can.

    The sky is judged where an exposure begins and where it ends; a gap, from the last row before
    that can be observed.

    Parameters
    ----------
    job : PlanJob
        Telescope, window and limits.
    rows : sequence of Row
        In any order.
    """
    if not rows:
        return []
    begin = _Sky.of(job, rows, [row.start for row in rows])
    finish = _Sky.of(job, rows, [row.end for row in rows])
    lowest_deg = altitude_min_deg(job.telescope, job.airmass_max) - ALTITUDE_TOLERANCE_DEG
    found = []
    for i, row in enumerate(rows):
        problems = [
            *_window(job, row),
            *_declination(job, row),
            *_airmass(row, begin.altitude_deg[i]),
            *_low(min(begin.altitude_deg[i], finish.altitude_deg[i]), lowest_deg),
            *_bright(max(begin.sun_deg[i], finish.sun_deg[i])),
            *_moon(job, min(begin.moon_deg[i], finish.moon_deg[i])),
        ]
        found.append("; ".join(problems))
    return _with_gaps(job, rows, found)


def low_rows(job: PlanJob, rows: Sequence[Row]) -> str:
    """Say how many rows begin near the lowest altitude, and how many of them still rise.

    gwemopt takes a tile as soon as it may, so an hour later it might stand much higher.

    Parameters
    ----------
    job : PlanJob
        Telescope and limits.
    rows : sequence of Row
        In any order.

    Returns
    -------
    str
        For people; empty where none is low.
    """
    if not rows:
        return ""
    lowest_deg = altitude_min_deg(job.telescope, job.airmass_max)
    begin_deg = _Sky.of(job, rows, [row.start for row in rows]).altitude_deg
    finish_deg = _Sky.of(job, rows, [row.end for row in rows]).altitude_deg
    is_low = begin_deg < lowest_deg + NEAR_LIMIT_DEG
    low, rising = int(is_low.sum()), int((is_low & (finish_deg > begin_deg)).sum())
    if not low:
        return ""
    text = f"{low} of {len(rows)} tiles begin within {NEAR_LIMIT_DEG:.0f}° of the airmass limit"
    then = f"{rising} of these still rising" if rising else "all setting"
    return f"{text} (altitude {lowest_deg:.0f}°), {then}"


def near_moon(job: PlanJob, ra_deg: Floats, dec_deg: Floats, at: datetime) -> str:
    """Say how many places stand too near the Moon, seen from the site.

    Parameters
    ----------
    job : PlanJob
        Telescope and limits.
    ra_deg, dec_deg : float64[n]
        Of the tiles that the scheduler chose among [deg, ICRS].
    at : datetime
        When; the Moon moves by half a degree an hour.

    Returns
    -------
    str
        For people; empty where there is none.
    """
    moon = get_body("moon", Time(at), site(job.telescope))
    places = [moon.ra.rad, moon.dec.rad, np.radians(ra_deg), np.radians(dec_deg)]
    apart_deg = np.degrees(angular_separation(*places))
    near = int(np.count_nonzero(apart_deg < job.telescope.moon_min_deg))
    if not near:
        return ""
    limit = f"{job.telescope.moon_min_deg:.0f}°"
    return f"the Moon stands within {limit} of {near} of the {len(ra_deg)} best tiles: left out"


@dataclass(frozen=True, eq=False)
class _Sky:
    altitude_deg: Floats
    sun_deg: Floats
    moon_deg: Floats

    @classmethod
    def of(cls, job: PlanJob, rows: Sequence[Row], moments: Sequence[datetime]) -> "_Sky":
        times, location = Time(list(moments), scale="utc"), site(job.telescope)
        frame = AltAz(obstime=times, location=location)
        targets = SkyCoord(
            [row.ra_deg for row in rows] * u.deg, [row.dec_deg for row in rows] * u.deg
        ).transform_to(frame)
        moon = get_body("moon", times, location).transform_to(frame)
        sun = get_sun(times).transform_to(frame)
        return cls(targets.alt.deg, sun.alt.deg, targets.separation(moon).deg)


def _window(job: PlanJob, row: Row) -> list[str]:
    return [] if job.start <= row.start and row.end <= job.end else ["outside the window"]


def _declination(job: PlanJob, row: Row) -> list[str]:
    lowest, highest = job.telescope.dec_min_deg, job.telescope.dec_max_deg
    return [] if lowest <= row.dec_deg <= highest else [f"declination {row.dec_deg:.2f}°"]


def _airmass(row: Row, altitude_deg: float) -> list[str]:
    if altitude_deg <= 0:
        return [f"altitude {altitude_deg:.1f}°"]
    airmass = 1 / np.sin(np.radians(altitude_deg))
    if abs(airmass - row.airmass) <= AIRMASS_TOLERANCE:
        return []
    return [f"airmass {airmass:.3f}, not {row.airmass:.3f}"]


def _low(altitude_deg: float, lowest_deg: float) -> list[str]:
    return [] if altitude_deg >= lowest_deg else [f"altitude {altitude_deg:.1f}°"]


def _bright(sun_deg: float) -> list[str]:
    return [] if sun_deg <= SUN_MAX_DEG + SUN_TOLERANCE_DEG else [f"Sun at {sun_deg:.1f}°"]


def _moon(job: PlanJob, distance_deg: float) -> list[str]:
    if distance_deg >= job.telescope.moon_min_deg - MOON_TOLERANCE_DEG:
        return []
    return [f"Moon at {distance_deg:.1f}°"]


def _with_gaps(job: PlanJob, rows: Sequence[Row], found: Sequence[str]) -> list[str]:
    """Return the refusals, and those of rows that begin before the telescope is ready for them."""
    judged = list(found)
    last: Row | None = None
    for i in sorted(range(len(rows)), key=lambda i: rows[i].start):
        if judged[i]:
            continue
        if last is not None:
            judged[i] = _gap(job, last, rows[i])
        if not judged[i]:
            last = rows[i]
    return judged


def _gap(job: PlanJob, one: Row, other: Row) -> str:
    """Tell of a gap too short to read out and, meanwhile, to move; else nothing."""
    begin, end = (SkyCoord(row.ra_deg * u.deg, row.dec_deg * u.deg) for row in (one, other))
    move_s = float(begin.separation(end).deg) / job.telescope.slew_deg_per_s
    needed_s = max(job.telescope.readout_s, move_s)
    gap_s = (other.start - one.end).total_seconds()
    if gap_s >= needed_s - GAP_TOLERANCE_S:
        return ""
    return f"starts {gap_s:.1f} s after tile {one.tile_id}, needs {needed_s:.1f} s"
