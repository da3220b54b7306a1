"""Where things stand above a telescope's horizon; good to 0.05 degrees, without refraction.

Meeus, *Astronomical Algorithms*, chapters 12, 21 and 25 (low accuracy); UTC is taken for UT1.
"""

from datetime import UTC, datetime
from math import asin, atan2, cos, degrees, radians, sin

_J2000 = datetime(2000, 1, 1, 12, tzinfo=UTC)
_DAY_S = 86_400
_CENTURY_DAYS = 36_525
_ARCSEC = radians(1 / 3600)
SUNRISE_DEG = -0.833
"""Altitude of the Sun's centre when its upper edge rises, with refraction [deg]."""


def altitude_deg(
    ra_deg: float, dec_deg: float, latitude_deg: float, longitude_deg: float, at: datetime
) -> float:
    """Return how high a place on the sky stands.

    Parameters
    ----------
    ra_deg, dec_deg : float
        ICRS [deg].
    latitude_deg, longitude_deg : float
        Of the site, north and east positive [deg].
    at : datetime
        With its zone.
    """
    days = _days(at)
    return _altitude_deg(
        *_of_date(radians(ra_deg), radians(dec_deg), days), latitude_deg, longitude_deg, days
    )


def sun_altitude_deg(latitude_deg: float, longitude_deg: float, at: datetime) -> float:
    """Return how high the Sun's centre stands; see ``altitude_deg``."""
    days = _days(at)
    mean = radians(280.460 + 0.9856474 * days)
    anomaly = radians(357.528 + 0.9856003 * days)
    longitude = mean + radians(1.915) * sin(anomaly) + radians(0.020) * sin(2 * anomaly)
    obliquity = radians(23.439 - 4e-7 * days)
    ra = atan2(cos(obliquity) * sin(longitude), cos(longitude))
    dec = asin(sin(obliquity) * sin(longitude))
    return _altitude_deg(ra, dec, latitude_deg, longitude_deg, days)


def _days(at: datetime) -> float:
    return (at - _J2000).total_seconds() / _DAY_S


def _of_date(ra: float, dec: float, days: float) -> tuple[float, float]:
    """Return a place of J2000 by the equinox of the date [rad]: 0.37 degrees apart in 2026."""
    centuries = days / _CENTURY_DAYS
    zeta, theta = 2306.2181 * _ARCSEC * centuries, 2004.3109 * _ARCSEC * centuries
    across = cos(dec) * sin(ra + zeta)
    along = cos(theta) * cos(dec) * cos(ra + zeta) - sin(theta) * sin(dec)
    up = sin(theta) * cos(dec) * cos(ra + zeta) + cos(theta) * sin(dec)
    return atan2(across, along) + zeta, asin(max(-1.0, min(1.0, up)))


def _altitude_deg(
    ra: float, dec: float, latitude_deg: float, longitude_deg: float, days: float
) -> float:
    sidereal = radians((280.46061837 + 360.98564736629 * days + longitude_deg) % 360)
    latitude = radians(latitude_deg)
    up = sin(latitude) * sin(dec) + cos(latitude) * cos(dec) * cos(sidereal - ra)
    return degrees(asin(max(-1.0, min(1.0, up))))
