"""Jobs of plans at a site on the meridian of Greenwich, on a night near an equinox."""

from datetime import UTC, datetime, timedelta

from pipeline.gw.plan_job import PlanJob
from pipeline.gw.telescopes import Telescope

NOON = datetime(2024, 3, 20, 12, tzinfo=UTC)
"""Sun at RA 0 h: the meridian of Greenwich at midnight is RA 12 h."""


def telescope(**facts):
    given = {
        "name": "T1",
        "source": "a test",
        "latitude_deg": 45.0,
        "longitude_deg": 0.0,
        "elevation_m": 0.0,
        "fov_deg": 1.9,
        "limiting_exposure_s": 30.0,
        "slew_deg_per_s": 20.0,
        "readout_s": 5.0,
    }
    return Telescope(**given | facts)


def job(found=None, **values):
    given = {
        "event": "S240320a",
        "telescope": found or telescope(),
        "strategy": "tiling",
        "event_time": NOON,
        "start": NOON,
        "end": NOON + timedelta(days=1),
        "max_tiles": 10,
        "exposure_s": 30.0,
    }
    return PlanJob(**given | values)
