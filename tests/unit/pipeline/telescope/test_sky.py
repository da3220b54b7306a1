"""Altitudes against astropy's, and what is refused or doubted for them."""

from datetime import UTC, datetime, timedelta

import pytest
from astropy import units as u
from astropy.coordinates import AltAz, EarthLocation, SkyCoord, get_sun
from astropy.time import Time
from astropy.utils import iers

from pipeline.telescope.sky import altitude_deg, sun_altitude_deg

SITES = [(40.63, 22.96), (-29.26, -70.73), (43.75, 6.92), (-75.1, 123.3)]
TIMES = [datetime(2024, 11, 21, 6, tzinfo=UTC) + timedelta(days=97, hours=7) * n for n in range(8)]


@pytest.fixture(autouse=True)
def _offline(monkeypatch):
    monkeypatch.setattr(iers.conf, "auto_download", False)
    monkeypatch.setattr(iers.conf, "auto_max_age", None)


@pytest.mark.parametrize(("latitude_deg", "longitude_deg"), SITES)
def test_altitudes_are_those_of_astropy(latitude_deg, longitude_deg):
    site = EarthLocation(lat=latitude_deg * u.deg, lon=longitude_deg * u.deg)
    places = [(10.68, 41.27), (0.0, 90.0), (359.9, -89.0), (266.4, -29.0), (83.6, 22.0)]
    for at in TIMES:
        frame = AltAz(obstime=Time(at), location=site)
        sky = SkyCoord([ra for ra, _ in places], [dec for _, dec in places], unit="deg")
        expected = sky.transform_to(frame).alt.deg
        found = [altitude_deg(*place, latitude_deg, longitude_deg, at) for place in places]
        assert found == pytest.approx(expected, abs=0.05)
        sun = get_sun(Time(at)).transform_to(frame).alt.deg
        assert sun_altitude_deg(latitude_deg, longitude_deg, at) == pytest.approx(sun, abs=0.05)
