"""Positions as people write and read them: degrees, sexagesimal, galactic."""

import math
import re
from typing import NamedTuple

import numpy as np

from pipeline.angles import FULL_CIRCLE_DEG, POLE_DEG
from pipeline.sky import GALACTIC_POLE_DEC_DEG, GALACTIC_POLE_RA_DEG

GALACTIC_LONGITUDE_OF_POLE_DEG = 122.93192
"""Of the north celestial pole (ESA 1997, Hipparcos catalogue, volume 1, section 1.5.3)."""
DEG_PER_HOUR = 15.0
DEFAULT_RADIUS_ARCSEC = 5.0
_MINUTES = 60
_ARCSEC_PER_UNIT = {"": 1.0, '"': 1.0, "″": 1.0, "arcsec": 1.0, "'": 60.0, "′": 60.0,
                    "arcmin": 60.0}  # fmt: skip

_NUMBER = r"[+-]?(?:\d+\.?\d*|\.\d+)"
_DEGREES = re.compile(rf"({_NUMBER})°?[\s,]+({_NUMBER})°?")
_SEXAGESIMAL = re.compile(
    r"(\d{1,2})(?:h\s*|:|\s+)(\d{1,2})(?:m\s*|:|\s+)(\d{1,2}(?:\.\d*)?)s?[\s,]+"
    r"([+-]?)(\d{1,2})(?:[d°]\s*|:|\s+)(\d{1,2})(?:['′m]\s*|:|\s+)(\d{1,2}(?:\.\d*)?)[\"″s]?"
)
_RADIUS = re.compile(rf"[\s,]+({_NUMBER})\s*(arcsec|arcmin|[\"″'′]|)")


class Cone(NamedTuple):
    """A place [deg, ICRS] and how far around it [arcsec]."""

    ra_deg: float
    dec_deg: float
    radius_arcsec: float


def parse_cone(text: str) -> Cone | None:
    """Return the place that a text names, with its radius or the default one; None if it is none.

    ``150.1 2.2``, ``150.1, +2.2 10``, ``10:00:24.1 -02:12:00``, ``10h00m24.1s +02d12m00s 1'``; a
    radius without unit is in seconds of arc. Whether the place is on the sky says ``off_sky``.
    """
    text = text.strip()
    for pattern, read in ((_SEXAGESIMAL, _from_sexagesimal), (_DEGREES, _from_degrees)):
        if (match := pattern.match(text)) and (radius := _radius(text[match.end() :])) is not None:
            place = read(match)
            if place is not None:
                return Cone(*place, radius)
    return None


def off_sky(cone: Cone) -> str | None:
    """Return which coordinate of a place is out of its range, and the range; None if neither is."""
    if not 0 <= cone.ra_deg < FULL_CIRCLE_DEG:
        return f"right ascension must be in [0, {FULL_CIRCLE_DEG:g}) degrees"
    if abs(cone.dec_deg) > POLE_DEG:
        return f"declination must be in [-{POLE_DEG:g}, {POLE_DEG:g}] degrees"
    return None


def sexagesimal(ra_deg: float, dec_deg: float) -> str:
    """Return a position as ``10:00:24.12 +02:12:00.1``."""
    hours = _parts(ra_deg / DEG_PER_HOUR % 24, 2)
    if hours[0] == 24:  # noqa: PLR2004 rounded up to a whole day
        hours = (0, 0, 0.0)
    degrees = _parts(abs(dec_deg), 1)
    sign = "-" if dec_deg < 0 else "+"
    return (
        f"{hours[0]:02d}:{hours[1]:02d}:{hours[2]:05.2f} "
        f"{sign}{degrees[0]:02d}:{degrees[1]:02d}:{degrees[2]:04.1f}"
    )


def galactic_deg(ra_deg: float, dec_deg: float) -> tuple[float, float]:
    """Return galactic longitude (0 to 360) and latitude of a position [deg, ICRS]."""
    ra, dec = math.radians(ra_deg - GALACTIC_POLE_RA_DEG), math.radians(dec_deg)
    pole = math.radians(GALACTIC_POLE_DEC_DEG)
    sine_b = math.sin(dec) * math.sin(pole) + math.cos(dec) * math.cos(pole) * math.cos(ra)
    y = math.cos(dec) * math.sin(ra)
    x = math.sin(dec) * math.cos(pole) - math.cos(dec) * math.sin(pole) * math.cos(ra)
    longitude = GALACTIC_LONGITUDE_OF_POLE_DEG - math.degrees(math.atan2(y, x))
    return longitude % 360, math.degrees(math.asin(float(np.clip(sine_b, -1, 1))))


def _parts(value: float, decimals: int) -> tuple[int, int, float]:
    """Return whole units, minutes and seconds; seconds never round up to 60."""
    ticks = round(value * _MINUTES * _MINUTES * 10**decimals)
    minutes, seconds = divmod(ticks, _MINUTES * 10**decimals)
    return minutes // _MINUTES, minutes % _MINUTES, seconds / 10**decimals


def _radius(rest: str) -> float | None:
    if not rest.strip():
        return DEFAULT_RADIUS_ARCSEC
    match = _RADIUS.fullmatch(rest.rstrip())
    return float(match[1]) * _ARCSEC_PER_UNIT[match[2]] if match else None


def _from_degrees(match: re.Match[str]) -> tuple[float, float]:
    return float(match[1]), float(match[2])


def _from_sexagesimal(match: re.Match[str]) -> tuple[float, float] | None:
    hours, minutes, seconds, sign, degrees, arcmin, arcsec = match.groups()
    values = [float(part) for part in (hours, minutes, seconds, degrees, arcmin, arcsec)]
    if any(value >= _MINUTES for value in (values[1], values[2], values[4], values[5])):
        return None
    ra_deg = (values[0] + (values[1] + values[2] / _MINUTES) / _MINUTES) * DEG_PER_HOUR
    dec_deg = values[3] + (values[4] + values[5] / _MINUTES) / _MINUTES
    return ra_deg, -dec_deg if sign == "-" else dec_deg
