"""When a site is dark, and what stands high enough then; from astropy alone, without network."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import astropy.units as u
import numpy as np
from astropy.coordinates import AltAz, EarthLocation, SkyCoord, get_body, get_sun
from astropy.time import Time
from astropy.utils import iers

from pipeline.gw.telescopes import Telescope
from pipeline.sky import Bools, Floats

SUN_MAX_DEG = -12.0
"""Nautical twilight, as gwemopt has it."""
STEP = timedelta(minutes=5)
_MARGIN_DEG = 0.5
"""What is cut here is surely out of reach: refraction and the steps are smaller than this."""
_MANY = 4000
_DAY_STEPS = int(timedelta(days=1) / STEP)


def stay_offline() -> None:
    """Keep astropy from fetching Earth's rotation, and from refusing its own table once it is old.

    Without the second line every conversion to altitudes fails a month after that table ends.
    """
    iers.conf.auto_download = False
    iers.conf.auto_max_age = None


@dataclass(frozen=True, eq=False)
class Night:
    """The dark times of a site inside a window.

    Attributes
    ----------
    location : EarthLocation
        Of the site.
    times : Time[n]
        Steps of five minutes with the Sun below −12°.
    """

    location: EarthLocation
    times: Time

    @classmethod
    def of(cls, telescope: Telescope, start: datetime, end: datetime) -> "Night":
        """Return the dark times of a telescope's site."""
        steps = int((end - start) / STEP) + 1
        times = Time([start + STEP * i for i in range(steps)], scale="utc")
        location = site(telescope)
        return cls(location, times[_sun_altitude_deg(times, location) <= SUN_MAX_DEG])

    @property
    def is_empty(self) -> bool:
        """Tell whether it never gets dark in the window."""
        return len(self.times) == 0

    def altitudes_deg(self, ra_deg: Floats, dec_deg: Floats) -> Floats:
        """Return the altitude of each position [deg, ICRS] at each dark time.

        Returns
        -------
        float64[n_positions, n_times]
            Without refraction [deg].
        """
        places = SkyCoord(ra_deg * u.deg, dec_deg * u.deg)[:, None]
        frame = AltAz(obstime=self.times[None, :], location=self.location)
        return np.asarray(places.transform_to(frame).alt.deg, np.float64)

    def reaches(self, ra_deg: Floats, dec_deg: Floats, altitude_min_deg: float) -> Bools:
        """Tell which positions [deg, ICRS] rise above an altitude at a dark time."""
        sidereal = self.times.sidereal_time("apparent", longitude=self.location.lon).rad
        latitude = self.location.lat.rad
        found = np.zeros(len(ra_deg), bool)
        for first in range(0, len(ra_deg), _MANY):
            part = slice(first, first + _MANY)
            ra, dec = (np.radians(each[part])[:, None] for each in (ra_deg, dec_deg))
            across = np.cos(dec) * np.cos(latitude) * np.cos(sidereal[None, :] - ra)
            sine = np.sin(dec) * np.sin(latitude) + across
            limit = np.sin(np.radians(altitude_min_deg - _MARGIN_DEG))
            found[part] = (sine >= limit).any(axis=1)
        return found

    def moon(self) -> SkyCoord:
        """Return where the Moon stands at each dark time, seen from the site."""
        return get_body("moon", self.times, self.location)


@dataclass(frozen=True)
class DarkTime:
    """One night of a site, UTC; None where no edge lies within a day."""

    begin: datetime | None
    end: datetime | None


def dark_time(telescope: Telescope, at: datetime) -> DarkTime:
    """Return the night that a time lies in, or else the first one that begins within a day.

    Parameters
    ----------
    telescope : Telescope
        Its site counts.
    at : datetime
        Aware.

    Returns
    -------
    DarkTime
        Interpolated between steps of five minutes, to the second.
    """
    steps = range(-_DAY_STEPS, 2 * _DAY_STEPS + 1)
    times = Time([at + STEP * i for i in steps], scale="utc")
    above_deg = _sun_altitude_deg(times, site(telescope)) - SUN_MAX_DEG
    is_dark = above_deg <= 0
    edges = np.flatnonzero(is_dark[1:] != is_dark[:-1])
    fraction = above_deg[edges] / (above_deg[edges] - above_deg[edges + 1])
    moments = [at + STEP * (float(where) - _DAY_STEPS) for where in (edges + fraction).tolist()]
    dusks = [moment for moment, edge in zip(moments, edges, strict=True) if not is_dark[edge]]
    dawns = [moment for moment, edge in zip(moments, edges, strict=True) if is_dark[edge]]
    if is_dark[_DAY_STEPS]:
        begin = max((dusk for dusk in dusks if dusk <= at), default=None)
    else:
        begin = min((dusk for dusk in dusks if at < dusk <= at + STEP * _DAY_STEPS), default=None)
        if begin is None:
            return DarkTime(None, None)
    end = min((dawn for dawn in dawns if dawn > (begin or at)), default=None)
    return DarkTime(_whole_second(begin), _whole_second(end))


def _whole_second(moment: datetime | None) -> datetime | None:
    return moment and moment.astimezone(UTC).replace(microsecond=0)


def _sun_altitude_deg(times: Time, location: EarthLocation) -> Floats:
    """Return the Sun's altitude [deg], without refraction."""
    frame = AltAz(obstime=times, location=location)
    return np.asarray(get_sun(times).transform_to(frame).alt.deg, np.float64)


def site(telescope: Telescope) -> EarthLocation:
    """Return where a telescope stands."""
    return EarthLocation.from_geodetic(
        telescope.longitude_deg * u.deg, telescope.latitude_deg * u.deg, telescope.elevation_m * u.m
    )


def altitude_min_deg(telescope: Telescope, airmass_max: float) -> float:
    """Return the lowest altitude that both the telescope and an airmass allow [deg].

    Parameters
    ----------
    telescope : Telescope
        Its horizon counts.
    airmass_max : float
        Secant of the zenith distance.
    """
    return max(telescope.horizon_deg, float(np.degrees(np.arcsin(1 / airmass_max))))
