"""From the plan to pictures: what an alert's cutouts show, in its survey's pixels and units."""

import numpy as np

from pipeline.angles import ARCSEC_PER_DEG
from pipeline.simulate import lsst_cutouts, ztf_rows
from pipeline.simulate.curves import DETECTION_SNR, NJY_ZERO_POINT_ABMAG, Epoch
from pipeline.simulate.images import FWHM_PER_SIGMA, Host, Scene, Star
from pipeline.simulate.plan import Source
from pipeline.simulate.surroundings import Neighbour

ZTF_SIDE_PX = 63
LSST_SIDES_PX = (30, 30, 30, 30, 30, 30, 30, 31, 42, 54)
FWHM_PX = {"ztf": (1.7, 3.0), "lsst": (3.2, 5.5)}
_PIXEL_ARCSEC = {"ztf": ztf_rows.PIXEL_ARCSEC, "lsst": lsst_cutouts.PIXEL_ARCSEC}
_CROPPED_SHARE = 0.012
_NAN_SHARE = {"ztf": 0.12, "lsst": 0.01}
_STAR_SCORE = 0.5
_BEYOND_CATALOG_ARCSEC = 31.0


def scene(source: Source, survey: str, epoch: Epoch, fwhm_px: float, stamp: int) -> Scene:
    """Return what the cutouts of ``epoch`` show; ``stamp`` draws shape, edge and far stars."""
    rng = np.random.default_rng([source.number, stamp])
    shape = _shape(survey, rng)
    zero_point = zero_point_abmag(survey, epoch.band)
    transient = np.sign(epoch.flux_njy) * _flux(epoch.abmag, zero_point)
    # The limit of a point source is five times the noise under its profile.
    area = np.sqrt(4 * np.pi) * fwhm_px / FWHM_PER_SIGMA
    noise = _flux(epoch.limit_abmag, zero_point) / DETECTION_SNR / area
    stars, host = _fixed(source, survey, epoch, zero_point)
    if survey == "ztf":
        stars += _far_stars(source, zero_point)
    is_moving = source.category == "rock"
    return Scene(
        shape=shape,
        fwhm_px=fwhm_px,
        transient_flux=float(transient),
        noise_science=0.85 * noise,
        noise_template=0.5 * noise,
        sky_science=150.0 if survey == "ztf" else 0.0,
        sky_template=162.0 if survey == "ztf" else 0.0,
        gain=0.2 if survey == "ztf" else 0.05 * noise,
        stars=stars,
        host=host,
        trail_px=0.9 * fwhm_px if is_moving else 0.0,
        trail_deg=float(source.number * 37 % 180),
        is_artefact=source.category in {"low_drb", "low_reliability"},
        edge_px=int(rng.integers(1, shape[0] // 3)) if rng.random() < _NAN_SHARE[survey] else 0,
    )


def zero_point_abmag(survey: str, band: str) -> float:
    """Return the magnitude of one unit of the image."""
    return ztf_rows.ZERO_POINT_ABMAG[band] if survey == "ztf" else NJY_ZERO_POINT_ABMAG


def neighbours_of(source: Source, epoch: Epoch) -> tuple[tuple[float, Neighbour], ...]:
    """Return the catalog sources around a measured position, nearest first [arcsec]."""
    east, north = _from_source(source, epoch)
    found = [
        (float(np.hypot(star.east_arcsec - east, star.north_arcsec - north)), star)
        for star in source.neighbours
    ]
    return tuple(sorted(found))


def _shape(survey: str, rng: np.random.Generator) -> tuple[int, int]:
    if survey == "lsst":
        side = LSST_SIDES_PX[int(rng.integers(len(LSST_SIDES_PX)))]
        return side, side
    if rng.random() < _CROPPED_SHARE:
        return ZTF_SIDE_PX, int(rng.integers(41, ZTF_SIDE_PX))
    return ZTF_SIDE_PX, ZTF_SIDE_PX


def _fixed(
    source: Source, survey: str, epoch: Epoch, zero_point: float
) -> tuple[tuple[Star, ...], Host | None]:
    """Return the catalog's stars, and its nearest galaxy, in pixels of the image."""
    east, north = _from_source(source, epoch)
    pixel = _PIXEL_ARCSEC[survey]
    stars, host = [], None
    for star in source.neighbours:
        # Quantised, so that the profile's cache serves again: a tenth of a pixel is not seen.
        x = round(-(star.east_arcsec - east) / pixel, 1)
        y = round((star.north_arcsec - north) / pixel, 1)
        flux = _flux(star.r_abmag, zero_point)
        if star.score >= _STAR_SCORE:
            stars.append(Star(x, y, flux))
        elif host is None:
            host = _host(source.number, star.r_abmag, x, y, flux, pixel)
    return tuple(stars), host


def _host(number: int, abmag: float, x_px: float, y_px: float, flux: float, pixel: float) -> Host:
    rng = np.random.default_rng([number, 3])
    radius_arcsec = 1.5 * 10 ** (-0.14 * (abmag - 19))
    return Host(
        x_px,
        y_px,
        flux,
        radius_px=float(radius_arcsec * rng.uniform(0.8, 1.4) / pixel),
        axis_ratio=float(rng.uniform(0.35, 0.95)),
        angle_deg=float(rng.uniform(0, 180)),
        sersic_index=float(rng.choice([1.0, 1.0, 1.5, 2.5])),
    )


def _far_stars(source: Source, zero_point: float) -> tuple[Star, ...]:
    """Return stars in the corners, too far to be listed with the alert."""
    rng = np.random.default_rng([source.number, 4])
    stars = []
    for _ in range(int(rng.integers(1, 4))):
        angle = rng.integers(4) * np.pi / 2 + np.pi / 4 + rng.uniform(-0.25, 0.25)
        distance = rng.uniform(_BEYOND_CATALOG_ARCSEC, 42.0) / ztf_rows.PIXEL_ARCSEC
        flux = _flux(float(rng.uniform(15.5, 20)), zero_point)
        x, y = distance * np.cos(angle), distance * np.sin(angle)
        stars.append(Star(round(float(x), 1), round(float(y), 1), flux))
    return tuple(stars)


def _from_source(source: Source, epoch: Epoch) -> tuple[float, float]:
    """Return how far east and north of the source the epoch was measured [arcsec]."""
    ra_step = (epoch.ra_deg - source.ra_deg + 180) % 360 - 180
    east = ra_step * np.cos(np.radians(source.dec_deg)) * ARCSEC_PER_DEG
    return float(east), (epoch.dec_deg - source.dec_deg) * ARCSEC_PER_DEG


def _flux(abmag: float, zero_point: float) -> float:
    return float(10 ** (0.4 * (zero_point - abmag)))
