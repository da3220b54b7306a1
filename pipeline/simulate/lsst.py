"""LSST packets: the record of Rubin's own schemas, in Confluent wire format."""

import struct
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any

import fastavro

from pipeline.simulate.avro import compiled
from pipeline.simulate.curves import Epoch
from pipeline.simulate.ids import packed_number, visit_number
from pipeline.simulate.images import FWHM_PER_SIGMA, Trio
from pipeline.simulate.lsst_cutouts import PIXEL_ARCSEC, PSF_SIDE_PX, cutouts
from pipeline.simulate.times import mjd_tai

Record = dict[str, Any]

SCHEMA_ID = 1101

_PSF_PIXELS = PSF_SIDE_PX**2
_PROCESSING_D = 0.0017


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
    return struct.pack(">bI", 0, schema_id) + _encoder(schema_id)(record)


@cache
def schema(schema_id: int) -> Any:
    """Return Rubin's schema: its id is 100 × major + minor."""
    major, minor = divmod(schema_id, 100)
    name = f"lsst.v{major}_{minor}.alert.avsc"
    path = resources.files("lsst.alert.packet") / "schema" / str(major) / str(minor) / name
    return fastavro.schema.load_schema(str(path))


@cache
def _encoder(schema_id: int) -> Callable[[Record], bytes]:
    return compiled(schema(schema_id))


def record(alert: Alert, trio: Trio | None) -> Record:
    """Return the packet's record; without images the three cutouts are null."""
    found = [one for one in alert.history if one.is_detection]
    images = cutouts(trio, alert.epoch, alert.fwhm_px) if trio else {}
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
        **images,
    }


def _source(alert: Alert, epoch: Epoch) -> Record:
    return {
        **_unflagged(),
        **_MEASURED,
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


@cache
def _unflagged() -> Record:
    """Return every flag of a diaSource, none of them raised."""
    fields = {field["name"]: field["type"] for field in schema(SCHEMA_ID)["fields"]}
    source = fields["diaSource"]["fields"]
    return {field["name"]: False for field in source if "boolean" in field["type"]}


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


_MEASURED: Record = {
    "parentDiaSourceId": 0,
    "exposureTime": 30.0,
    "psfNdata": _PSF_PIXELS,
    "trailNdata": 0,
    "dipoleNdata": 0,
    "bboxSize": 26,
    "reliabilityVersion": "simulated",
}
