"""From the plan to records: the packet of one visit, and what its images show."""

from collections.abc import Sequence

import numpy as np

from pipeline.simulate import ids, lsst, ztf
from pipeline.simulate.curves import NJY_ZERO_POINT_ABMAG, Epoch
from pipeline.simulate.images import Trio, render
from pipeline.simulate.plan import Source, Visit
from pipeline.simulate.scenes import FWHM_PX, neighbours_of, scene
from pipeline.simulate.ztf_rows import Alert, Asteroid, Record

_FAR_ASTEROID_EVERY = 20


def ztf_record(
    seed: int, visit: Visit, epoch: Epoch, history: Sequence[Epoch], serial: int
) -> Record:
    """Return the ZTF record of a visit; ``serial`` draws noise and scores."""
    source = visit.source
    draw = np.random.default_rng([seed, 4, serial])
    fwhm_px = _seeing(draw, "ztf")
    is_low = source.category == "low_drb"
    alert = Alert(
        object_id=str(source.object_ids["ztf"]),
        epoch=epoch,
        history=history,
        neighbours=neighbours_of(source, epoch),
        rcid=ids.readout_channel(source.number),
        field=source.field_number,
        programid=source.programid,
        drb=float(draw.uniform(0.01, 0.18) if is_low else draw.uniform(0.6, 1.0)),
        rb=float(draw.uniform(0.1, 0.5) if is_low else draw.uniform(0.6, 0.95)),
        asteroid=_asteroid(source, epoch, draw),
        fwhm_px=fwhm_px,
    )
    return ztf.record(alert, _images(seed, visit, epoch, fwhm_px, serial))


def lsst_record(
    seed: int,
    visit: Visit,
    epoch: Epoch,
    history: Sequence[Epoch],
    serial: int,
    designation: str | None,
) -> Record:
    """Return the LSST record of a visit; ``designation`` names a solar-system object."""
    source = visit.source
    draw = np.random.default_rng([seed, 4, serial])
    fwhm_px = _seeing(draw, "lsst")
    object_id = source.object_ids["lsst"]
    alert = lsst.Alert(
        epoch=epoch,
        history=history,
        dia_object_id=0 if designation or object_id is None else int(object_id),
        designation=designation,
        detector=ids.detector(source.number),
        reliability=_reliability(source, draw),
        extendedness=float(draw.uniform(0.0, 0.3)),
        has_pixel_flags=source.category == "pixel_flags",
        has_flux=source.category != "no_flux",
        static_flux_njy=_static_flux_njy(source),
        fwhm_px=fwhm_px,
    )
    return lsst.record(alert, _images(seed, visit, epoch, fwhm_px, serial))


def _images(seed: int, visit: Visit, epoch: Epoch, fwhm_px: float, serial: int) -> Trio:
    view = scene(visit.source, visit.survey, epoch, fwhm_px, serial)
    return render(view, np.random.default_rng([seed, 3, serial]))


def _seeing(draw: np.random.Generator, survey: str) -> float:
    """Return the seeing [pixel] in steps, so that profiles are computed once."""
    low, high = FWHM_PX[survey]
    return round(low + (high - low) * float(draw.beta(2, 4)), 1)


def _asteroid(source: Source, epoch: Epoch, draw: np.random.Generator) -> Asteroid | None:
    if source.category == "rock":
        return Asteroid(float(draw.uniform(0.1, 9.0)), epoch.abmag, str(20_000 + source.number))
    if source.number % _FAR_ASTEROID_EVERY == 0:
        # Near enough to be named, too far to be the alert.
        return Asteroid(float(draw.uniform(14, 29)), 18.5, str(20_000 + source.number))
    return None


def _reliability(source: Source, draw: np.random.Generator) -> float | None:
    if source.category != "low_reliability":
        return float(draw.uniform(0.55, 1.0))
    return None if source.number % 3 == 0 else float(draw.uniform(0.02, 0.3))


def _static_flux_njy(source: Source) -> float:
    """Return the light that is always there within an arcsecond [nJy]."""
    return float(
        sum(
            10 ** (-0.4 * (star.r_abmag - NJY_ZERO_POINT_ABMAG))
            for star in source.neighbours
            if np.hypot(star.east_arcsec, star.north_arcsec) < 1
        )
    )
