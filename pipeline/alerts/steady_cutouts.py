"""The cutouts of test alerts: the same three drawn images for each, as no packet holds them."""

import time
from functools import cache

import numpy as np

from pipeline.alerts.steady import DAY_S, JD_OF_1970
from pipeline.simulate import fits
from pipeline.simulate.images import Host, Scene, render
from pipeline.surveys.cutouts import Cutouts

MS_PER_DAY = 1000 * DAY_S
SIDE_PX = {"ztf": 63, "lsst": 30}
SEED = 20261121
_HOST = Host(
    x_px=6, y_px=-4, flux=9000, radius_px=4, axis_ratio=0.6, angle_deg=30, sersic_index=1.0
)


def is_test(candid: int) -> bool:
    """Return whether an id is one of a test alert."""
    return candid < 0


def jd_utc(candid: int) -> float:
    """Return the time of a test alert, which its id states [d]."""
    return JD_OF_1970 - candid / MS_PER_DAY


def cutouts(survey: str, candid: int, retention_days: int) -> Cutouts | None:
    """Return the images of a test alert; None if its message is not kept, or not sent yet."""
    age_days = (time.time() * 1000 + candid) / MS_PER_DAY
    return _drawn(survey) if 0 <= age_days <= retention_days else None


@cache
def _drawn(survey: str) -> Cutouts:
    """Return what a survey's packets would hold: FITS, of ZTF gzipped."""
    side = SIDE_PX[survey]
    scene = Scene(
        shape=(side, side),
        fwhm_px=3.0,
        transient_flux=2500.0,
        noise_science=8.0,
        noise_template=5.0,
        sky_science=150.0,
        sky_template=150.0,
        gain=0.2,
        host=_HOST,
    )
    files = (fits.primary(image) for image in render(scene, np.random.default_rng(SEED)))
    return Cutouts(*(fits.gzipped(file) if survey == "ztf" else file for file in files))
