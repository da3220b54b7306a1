"""LSST packets: the record of Rubin's own schemas, in Confluent wire format."""

import io
import struct
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any

import fastavro
import numpy as np

from pipeline.simulate import fits
from pipeline.simulate.curves import Epoch
from pipeline.simulate.ids import packed_number, visit_number
from pipeline.simulate.images import FWHM_PER_SIGMA, Image, Trio, point_source
from pipeline.simulate.times import mjd_tai

Record = dict[str, Any]

SCHEMA_ID = 1101
OLDER_SCHEMA_ID = 1000
PIXEL_ARCSEC = 0.2
PSF_SIDE_PX = 41

_PSF_PIXELS = PSF_SIDE_PX**2
_PROCESSING_D = 0.0017
_ROTATION_DEG = 46.5


@dataclass(frozen=True)
class Alert:
    """What an LSST packet is made from.

    Attributes
    ----------
    epoch : Epoch
        The detection that raised the alert.
    history : sequence of Epoch
        Earlier visits, in order of time.
    dia_object_id : int
        0 for none.
    designation : str or None
        Packed designation of a solar-system object; its number is the ssObjectId.
    detector : int
        0 to 188.
    reliability : float or None
        Score.
    extendedness : float or None
        1 extended.
    has_pixel_flags, has_flux : bool
        Whether pixels are flagged; whether a PSF flux was measured.
    static_flux_njy : float
        Of what stands there always.
    fwhm_px : float
        Seeing.
    """

    epoch: Epoch
    history: Sequence[Epoch] = ()
    dia_object_id: int = 0
    designation: str | None = None
    detector: int = 111
    reliability: float | None = 0.93
    extendedness: float | None = 0.05
    has_pixel_flags: bool = False
    has_flux: bool = True
    static_flux_njy: float = 0.0
    fwhm_px: float = 4.0


def packet(record: Record, schema_id: int = SCHEMA_ID) -> bytes:
    """Return ``record`` in Confluent wire format: zero, big-endian schema id, schemaless Avro."""
    body = io.BytesIO()
    body.write(struct.pack(">bI", 0, schema_id))
    fastavro.schemaless_writer(body, schema(schema_id), record)
    return body.getvalue()


@cache
def schema(schema_id: int) -> Any:
    """Return Rubin's schema: its id is 100 × major + minor."""
    major, minor = divmod(schema_id, 100)
    name = f"lsst.v{major}_{minor}.alert.avsc"
    path = resources.files("lsst.alert.packet") / "schema" / str(major) / str(minor) / name
    return fastavro.schema.load_schema(str(path))


def record(alert: Alert, trio: Trio | None) -> Record:
    """Return the packet's record; without images the three cutouts are null."""
    found = [one for one in alert.history if one.is_detection]
    cutouts = _cutouts(alert, trio) if trio else {}
    return {
        "diaSourceId": alert.epoch.alert_id,
        "observation_reason": "simulated",
        "target_name": "nightjar",
        "diaSource": _source(alert, alert.epoch),
        "prvDiaSources": [_source(alert, one) for one in found] or None,
        "prvDiaForcedSources": [_forced(alert, one) for one in alert.history] or None,
        "diaObject": _object(alert, found) if alert.dia_object_id else None,
        "ssSource": _ss_source(alert) if alert.designation else None,
        "mpc_orbits": _orbit(alert.designation) if alert.designation else None,
        **cutouts,
    }


def _source(alert: Alert, epoch: Epoch) -> Record:
    return {
        **_UNFLAGGED,
        **_place(alert, epoch),
        **(_fluxes(alert, epoch) if alert.has_flux else {}),
        "diaSourceId": epoch.alert_id,
        "diaObjectId": alert.dia_object_id,
        "ssObjectId": packed_number(alert.designation) if alert.designation else 0,
        "extendedness": alert.extendedness,
        "reliability": alert.reliability,
        "band": epoch.band,
        "psfFlux_flag": not alert.has_flux,
        "pixelFlags": alert.has_pixel_flags,
        "pixelFlags_edge": alert.has_pixel_flags,
    }


def _place(alert: Alert, epoch: Epoch) -> Record:
    midpoint = mjd_tai(epoch.jd_utc)
    error_deg = 2.0e-6 * max(0.05, 10 * epoch.flux_err_njy / max(abs(epoch.flux_njy), 1e-9))
    return {
        "visit": visit_number(epoch.jd_utc),
        "detector": alert.detector,
        "midpointMjdTai": midpoint,
        "timeProcessedMjdTai": midpoint + _PROCESSING_D,
        "ra": epoch.ra_deg,
        "raErr": error_deg,
        "dec": epoch.dec_deg,
        "decErr": error_deg,
        "ra_dec_Cov": 1.0e-13,
        "x": epoch.ra_deg * 18000 % 4000 + 30,
        "xErr": 0.05,
        "y": abs(epoch.dec_deg) * 18000 % 3900 + 40,
        "yErr": 0.05,
    }


def _fluxes(alert: Alert, epoch: Epoch) -> Record:
    flux, error = epoch.flux_njy, epoch.flux_err_njy
    sigma2 = (alert.fwhm_px * PIXEL_ARCSEC / FWHM_PER_SIGMA) ** 2
    return {
        "snr": abs(flux) / error,
        "psfFlux": flux,
        "psfFluxErr": error,
        "psfChi2": 1.03 * _PSF_PIXELS,
        "apFlux": 1.02 * flux,
        "apFluxErr": 2.2 * error,
        "isNegative": flux < 0,
        "scienceFlux": flux + alert.static_flux_njy,
        "scienceFluxErr": 1.05 * error,
        "templateFlux": alert.static_flux_njy,
        "templateFluxErr": 0.1 * error,
        "trailFlux": 0.99 * flux,
        "trailFluxErr": error,
        "trailRa": epoch.ra_deg,
        "trailDec": epoch.dec_deg,
        "trailLength": 0.54,
        "trailAngle": 16.2,
        "ixx": sigma2,
        "iyy": 1.05 * sigma2,
        "ixy": 0.0,
        "ixxPSF": sigma2,
        "iyyPSF": sigma2,
        "ixyPSF": 0.0,
    }


def _forced(alert: Alert, epoch: Epoch) -> Record:
    midpoint = mjd_tai(epoch.jd_utc)
    return {
        "diaForcedSourceId": int(midpoint * 1e6) << 20,
        "diaObjectId": alert.dia_object_id,
        "ra": epoch.ra_deg,
        "dec": epoch.dec_deg,
        "visit": visit_number(epoch.jd_utc),
        "detector": alert.detector,
        "psfFlux": epoch.flux_njy,
        "psfFluxErr": epoch.flux_err_njy,
        "midpointMjdTai": midpoint,
        "scienceFlux": epoch.flux_njy + alert.static_flux_njy,
        "scienceFluxErr": 1.05 * epoch.flux_err_njy,
        "band": epoch.band,
        "timeProcessedMjdTai": midpoint + _PROCESSING_D,
    }


def _object(alert: Alert, found: Sequence[Epoch]) -> Record:
    epochs = [*found, alert.epoch]
    by_band: dict[str, list[Epoch]] = defaultdict(list)
    for epoch in epochs:
        by_band[epoch.band].append(epoch)
    statistics: Record = {}
    for band, members in by_band.items():
        flux = [one.flux_njy for one in members]
        statistics |= {
            f"{band}_psfFluxMean": sum(flux) / len(flux),
            f"{band}_psfFluxMin": min(flux),
            f"{band}_psfFluxMax": max(flux),
            f"{band}_psfFluxNdata": len(flux),
        }
    return {
        **dict.fromkeys((f"{band}_psfFluxNdata" for band in "ugrizy"), 0),
        "diaObjectId": alert.dia_object_id,
        "validityStartMjdTai": mjd_tai(alert.epoch.jd_utc) + _PROCESSING_D,
        "ra": alert.epoch.ra_deg,
        "dec": alert.epoch.dec_deg,
        "raErr": 4.0e-6,
        "decErr": 4.0e-6,
        "firstDiaSourceMjdTai": mjd_tai(epochs[0].jd_utc),
        "lastDiaSourceMjdTai": mjd_tai(alert.epoch.jd_utc),
        "nDiaSources": len(epochs),
        **statistics,
    }


def _ss_source(alert: Alert) -> Record:
    assert alert.designation is not None  # noqa: S101 the caller looked
    return {
        "diaSourceId": alert.epoch.alert_id,
        "ssObjectId": packed_number(alert.designation),
        "designation": alert.designation,
        "eclLambda": alert.epoch.ra_deg,
        "eclBeta": 0.4 * alert.epoch.dec_deg,
        "galLon": 210.0,
        "galLat": 40.0,
        "phaseAngle": 14.2,
        "ephRa": alert.epoch.ra_deg,
        "ephDec": alert.epoch.dec_deg,
        "ephVmag": 20.4,
        "ephOffset": 0.03,
        "diaDistanceRank": 1,
    }


def _orbit(designation: str) -> Record:
    return {
        "id": 0,
        "designation": designation,
        "packed_primary_provisional_designation": designation,
        "unpacked_primary_provisional_designation": designation,
        "a": 2.67,
        "q": 2.2,
        "e": 0.17,
        "i": 8.4,
        "h": 17.3,
        "g": 0.15,
        "epoch_mjd": 61000.0,
    }


def _cutouts(alert: Alert, trio: Trio) -> Record:
    wcs = _wcs(alert, trio.science.shape)
    psf = np.array(point_source((PSF_SIDE_PX, PSF_SIDE_PX), alert.fwhm_px), np.float64)
    last = fits.extension(psf / psf.sum(), "PSFIMAGE")
    variance = float(np.nanmedian(np.abs(trio.difference)) * 1.4826) ** 2
    return {
        "cutoutDifference": _cutout(trio.difference, variance, wcs, last),
        "cutoutScience": _cutout(trio.science, 0.8 * variance, wcs, last),
        "cutoutTemplate": _cutout(trio.template, 0.2 * variance, wcs, last),
    }


def _cutout(image: Image, variance: float, wcs: tuple[fits.Card, ...], psf: bytes) -> bytes:
    """Return a plain FITS file as Rubin's: image, variance, point-spread function."""
    spread = np.full(image.shape, variance, np.float32)
    spread += 0.01 * np.abs(np.nan_to_num(image))
    uncertainty = fits.extension(spread, "UNCERT", (("UTYPE", "VarianceUncertainty"),))
    return fits.primary(image, wcs, extend=True) + uncertainty + psf


def _wcs(alert: Alert, shape: tuple[int, ...]) -> tuple[fits.Card, ...]:
    """Return the tangent-plane coordinates: the alert in the middle, the field rotated."""
    scale = PIXEL_ARCSEC / 3600
    cosine = float(scale * np.cos(np.radians(_ROTATION_DEG)))
    sine = float(scale * np.sin(np.radians(_ROTATION_DEG)))
    return (
        ("ROTPA", _ROTATION_DEG),
        ("BUNIT", "nJy"),
        ("WCSAXES", 2),
        ("CRPIX1", shape[1] // 2 + 1.0),
        ("CRPIX2", shape[0] // 2 + 1.0),
        ("PC1_1", -cosine),
        ("PC1_2", sine),
        ("PC2_1", sine),
        ("PC2_2", cosine),
        ("CDELT1", 1.0),
        ("CDELT2", 1.0),
        ("CUNIT1", "deg"),
        ("CUNIT2", "deg"),
        ("CTYPE1", "RA---TAN"),
        ("CTYPE2", "DEC--TAN"),
        ("CRVAL1", alert.epoch.ra_deg),
        ("CRVAL2", alert.epoch.dec_deg),
        ("RADESYS", "ICRS"),
    )


_UNFLAGGED: Record = {
    **dict.fromkeys(
        (
            "centroid_flag",
            "apFlux_flag",
            "apFlux_flag_apertureTruncated",
            "isNegative",
            "psfFlux_flag_edge",
            "psfFlux_flag_noGoodPixels",
            "trail_flag_edge",
            "trail_flag",
            "forced_PsfFlux_flag",
            "forced_PsfFlux_flag_edge",
            "forced_PsfFlux_flag_noGoodPixels",
            "shape_flag",
            "shape_flag_no_pixels",
            "shape_flag_not_contained",
            "shape_flag_parent_source",
            "isDipole",
            "dipoleFitAttempted",
            "glint_trail",
            *(
                f"pixelFlags_{name}"
                for name in (
                    "bad",
                    "cr",
                    "crCenter",
                    "nodata",
                    "nodataCenter",
                    "interpolated",
                    "interpolatedCenter",
                    "offimage",
                    "saturated",
                    "saturatedCenter",
                    "suspect",
                    "suspectCenter",
                    "streak",
                    "streakCenter",
                    "injected",
                    "injectedCenter",
                    "injected_template",
                    "injected_templateCenter",
                )
            ),
        ),
        False,
    ),
    "parentDiaSourceId": 0,
    "exposureTime": 30.0,
    "psfNdata": _PSF_PIXELS,
    "trailNdata": 0,
    "dipoleNdata": 0,
    "bboxSize": 26,
    "reliabilityVersion": "simulated",
}
