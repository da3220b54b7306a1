"""Mock events of gravitational waves: notices as on ``igwn.gwalert``, with a sky map of their own.

The map is a Gaussian on the sphere, as fine as a real one around its middle and coarse elsewhere;
the distance is the same everywhere. Identifiers begin with ``MS``: nobody takes them for real.
"""

import base64
import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from io import BytesIO
from typing import Any, NamedTuple

import astropy.units as u
import hpgeom
import numpy as np
from astropy.coordinates import SkyCoord, get_body, get_sun
from astropy.table import Table
from astropy.time import Time
from numpy.typing import NDArray

from pipeline.sky import Floats

COARSEST, FINEST = 3, 8
"""HEALPix orders of a map's pixels: 7° to 14′."""
FINE_SIGMAS = 4.0
FLOOR = 1e-9
"""Of the density's peak: no place is excluded, as in real maps."""
AREA_90_SIGMA2 = 2 * np.pi * np.log(10.0)
"""A Gaussian's 90 % region covers that many σ²: 1 − exp(−r²/2σ²) = 0.9."""
DECLINATION_DEG = 30.0
"""Seen from most of GRANDMA's sites."""
ANTISUN_DEG = 180.0
OFFSETS_DEG = np.array([0, 20, -20, 40, -40, 60, -60, 80, -80])
"""From midnight's meridian; the first that is far from the Moon is taken."""
MOON_MIN_DEG = 60.0
"""Wider than what telescopes demand and the region's own radius."""
FIRST_AFTER = timedelta(minutes=1)
"""The first notice is made so long after T0."""
_FAR_HZ = 1e-10
_LETTERS = "abcdefghijklmnopqrstuvwxyz"


class Notice(NamedTuple):
    """One notice: when it is sent after the first, and its bytes."""

    after: timedelta
    raw: bytes


@dataclass(frozen=True)
class MockEvent:
    """What the notices of one event agree on.

    Attributes
    ----------
    superevent_id : str
        Begins with ``MS``.
    event_time : datetime
        T0, UTC.
    ra_deg, dec_deg : float
        Where it is [deg, ICRS].
    distance_mpc, distance_std_mpc : float
        Of the map's header.
    """

    superevent_id: str
    event_time: datetime
    ra_deg: float
    dec_deg: float
    distance_mpc: float = 80.0
    distance_std_mpc: float = 15.0

    @classmethod
    def opposite_the_sun(cls, event_time: datetime, name: str | None = None) -> "MockEvent":
        """Return an event that is high around midnight, wherever one observes, without the Moon."""
        at = Time(event_time)
        ra_deg = (get_sun(at).ra.deg + ANTISUN_DEG + OFFSETS_DEG) % 360
        moon = get_body("moon", at)
        direction = SkyCoord(moon.ra, moon.dec)  # as seen; its distance would move it
        apart_deg = direction.separation(SkyCoord(ra_deg, DECLINATION_DEG, unit="deg")).deg
        nearest = int(np.argmax(apart_deg >= MOON_MIN_DEG))
        name = name or mock_id(event_time)
        return cls(name, event_time, float(ra_deg[nearest]), DECLINATION_DEG)


def merger(event: MockEvent, gap: timedelta) -> list[Notice]:
    """Return a neutron-star merger: PRELIMINARY, and an UPDATE with a smaller map."""
    return [
        Notice(timedelta(), notice(event, "PRELIMINARY", FIRST_AFTER, area_90_deg2=60.0)),
        Notice(gap, notice(event, "UPDATE", FIRST_AFTER + gap, area_90_deg2=30.0)),
    ]


def retracted(event: MockEvent, gap: timedelta) -> list[Notice]:
    """Return an event that is taken back: PRELIMINARY, RETRACTION."""
    return [
        Notice(timedelta(), notice(event, "PRELIMINARY", FIRST_AFTER, area_90_deg2=120.0)),
        Notice(gap, notice(event, "RETRACTION", FIRST_AFTER + gap)),
    ]


def notice(
    event: MockEvent, alert_type: str, age: timedelta, area_90_deg2: float | None = None
) -> bytes:
    """Return a notice as it stands on ``igwn.gwalert``.

    Parameters
    ----------
    event : MockEvent
        Whose.
    alert_type : str
        EARLYWARNING, PRELIMINARY, INITIAL, UPDATE or RETRACTION.
    age : timedelta
        From T0 to ``time_created``.
    area_90_deg2 : float or None
        Of the map's 90 % region [deg²]; a RETRACTION needs none.
    """
    is_retraction = alert_type == "RETRACTION"
    body = {
        "alert_type": alert_type,
        "time_created": _iso(event.event_time + age),
        "superevent_id": event.superevent_id,
        "urls": {"gracedb": f"https://example.org/superevents/{event.superevent_id}/view/"},
        "event": None if is_retraction else _event(event, area_90_deg2 or 100.0),
        "external_coinc": None,
    }
    return json.dumps(body).encode()


def sky_map(event: MockEvent, area_90_deg2: float) -> bytes:
    """Return a multi-order 3D sky map as a FITS file.

    Parameters
    ----------
    event : MockEvent
        Where its middle is, and how far.
    area_90_deg2 : float
        Of its 90 % region [deg²].
    """
    sigma_deg = float(np.sqrt(area_90_deg2 / AREA_90_SIGMA2))
    order, cell = _pixels(event, sigma_deg)
    away_deg = _separation_deg(event, order, cell)
    density = np.exp(-0.5 * (away_deg / sigma_deg) ** 2) + FLOOR
    pixel_sr = np.pi / (3 * 4.0**order)
    density /= float(np.sum(density * pixel_sr))
    count = len(cell)
    mean, std = event.distance_mpc, event.distance_std_mpc
    table = Table(
        {
            "UNIQ": 4 * 4**order + cell,
            "PROBDENSITY": density,
            "DISTMU": np.full(count, mean),
            "DISTSIGMA": np.full(count, std),
            # Norm of r² N(r; μ, σ), far from r = 0 (Singer et al. 2016, ApJL 829, L15).
            "DISTNORM": np.full(count, 1 / (mean**2 + std**2)),
        }
    )
    table.meta |= {
        "PIXTYPE": "HEALPIX", "ORDERING": "NUNIQ", "COORDSYS": "C", "MOCORDER": FINEST,
        "INDXSCHM": "EXPLICIT", "OBJECT": event.superevent_id, "DISTMEAN": mean, "DISTSTD": std,
        "DATE-OBS": _iso(event.event_time), "ORIGIN": "simulated", "CREATOR": "nightjar",
    }  # fmt: skip
    out = BytesIO()
    table.write(out, format="fits")
    return out.getvalue()


def mock_id(event_time: datetime) -> str:
    """Return an identifier of a mock: another one each second of a day."""
    midnight = event_time.replace(hour=0, minute=0, second=0, microsecond=0)
    second, letters = int((event_time - midnight).total_seconds()), ""
    while second or not letters:
        second, at = divmod(second, len(_LETTERS))
        letters = _LETTERS[at] + letters
    return f"MS{event_time:%y%m%d}{letters}"


def _event(event: MockEvent, area_90_deg2: float) -> dict[str, Any]:
    return {
        "significant": True,
        "time": _iso(event.event_time),
        "far": _FAR_HZ,
        "instruments": ["H1", "L1", "V1"],
        "group": "CBC",
        "pipeline": "gstlal",
        "search": "AllSky",
        "properties": {"HasNS": 1.0, "HasRemnant": 0.98, "HasMassGap": 0.0},
        "classification": {"BNS": 0.97, "NSBH": 0.02, "BBH": 0.0, "Terrestrial": 0.01},
        "duration": None,
        "central_frequency": None,
        "skymap": base64.b64encode(sky_map(event, area_90_deg2)).decode(),
    }


def _pixels(event: MockEvent, sigma_deg: float) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return order and nested cell of each pixel: split while near the middle."""
    kept: list[tuple[int, NDArray[np.int64]]] = []
    cells = np.arange(12 * 4**COARSEST)
    for order in range(COARSEST, FINEST):
        near_deg = FINE_SIGMAS * sigma_deg + hpgeom.nside_to_resolution(1 << order, units="degrees")
        is_near = _separation_deg(event, np.full(len(cells), order), cells) < near_deg
        kept.append((order, cells[~is_near]))
        cells = (cells[is_near][:, None] * 4 + np.arange(4)).ravel()
    kept.append((FINEST, cells))
    orders = np.concatenate([np.full(len(each), order) for order, each in kept])
    return orders, np.concatenate([each for _, each in kept])


def _separation_deg(event: MockEvent, order: NDArray[np.int64], cell: NDArray[np.int64]) -> Floats:
    ra_deg, dec_deg = hpgeom.pixel_to_angle(1 << order, cell, nest=True)
    middle = SkyCoord(event.ra_deg * u.deg, event.dec_deg * u.deg)
    away = middle.separation(SkyCoord(ra_deg * u.deg, dec_deg * u.deg))
    return np.asarray(away.deg, np.float64)


def _iso(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%dT%H:%M:%S.%f}"[:-3] + "Z"
