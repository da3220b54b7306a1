"""Readings of packets and catalogs that share nothing with the code under test."""

import gzip
import io
import math
from functools import cache
from typing import Any

import fastavro
import numpy as np
from astropy.coordinates import SkyCoord
from astropy.io import fits
from lsst.alert import packet as lsst_package

from pipeline.simulate import SimulatedPacket, Sky, sky

CUTOUTS = ("cutoutScience", "cutoutTemplate", "cutoutDifference")


@cache
def small_sky() -> Sky:
    """Two surveys, seven nights, everything in it."""
    return sky(7, ztf=130, lsst=130, nights=7, bad=0.04, duplicates=0.03)


@cache
def small_night() -> tuple[SimulatedPacket, ...]:
    return tuple(small_sky().packets())


@cache
def alerts(survey: str) -> list[tuple[SimulatedPacket, dict[str, Any]]]:
    return [
        (packet, read(packet))
        for packet in small_night()
        if packet.survey == survey and not packet.truth.is_bad
    ]


def read(packet: SimulatedPacket) -> dict[str, Any]:
    return ztf_record(packet.value) if packet.survey == "ztf" else lsst_record(packet.value)


def ztf_record(value: bytes) -> dict[str, Any]:
    (record,) = fastavro.reader(io.BytesIO(value))
    return record


def lsst_record(value: bytes) -> dict[str, Any]:
    assert value[0] == 0
    schema = rubin_schema(int.from_bytes(value[1:5], "big"))
    body = io.BytesIO(value[5:])
    record = fastavro.schemaless_reader(body, schema)
    assert body.read() == b""
    return record


@cache
def rubin_schema(schema_id: int) -> Any:
    """By Rubin's own package, not by our path to it."""
    registry = lsst_package.SchemaRegistry.all_schemas_from_filesystem()
    return registry.get_by_id(schema_id).definition


def images(record: dict[str, Any]) -> list[np.ndarray]:
    return [first_image(record[name]) for name in CUTOUTS]


def first_image(cutout: Any) -> np.ndarray:
    content = gzip.decompress(cutout["stampData"]) if isinstance(cutout, dict) else cutout
    with fits.open(io.BytesIO(content)) as file:
        file.verify("exception")
        return np.array(file[0].data, float)


def separations_arcsec(ra: float, dec: float, columns: dict[str, np.ndarray]) -> np.ndarray:
    here = SkyCoord(ra, dec, unit="deg")
    return here.separation(SkyCoord(columns["ra"], columns["dec"], unit="deg")).arcsec


def ztf_class(candidate: dict[str, Any]) -> str:
    """The seed's flowchart, read from the page."""
    scores = [candidate[f"sgscore{n}"] for n in (1, 2, 3)]
    distance = candidate["distpsnr1"]
    if scores[0] > 0.76 and 0 <= distance <= 2:
        return "stellar"
    r, i, z = (candidate[f"s{band}mag1"] for band in "riz")
    is_red = r > 0 and ((z > 0 and r - z > 3) or (i > 0 and r - i > 3))
    if scores[0] > 0.2 and 0 <= distance <= 1 and is_red:
        return "stellar"
    if any(0 <= score < 0.5 for score in scores):
        return "hosted"
    return "hostless"


def lsst_class(ra: float, dec: float, columns: dict[str, np.ndarray]) -> str:
    """The seed's flowchart by brute force; the footprint is |b| > 18 deg."""
    away = separations_arcsec(ra, dec, columns)
    score = columns["score"]
    if not (away <= 30).any():
        latitude = SkyCoord(ra, dec, unit="deg").galactic.b.deg
        return "hostless" if abs(latitude) > 18 else "unknown"
    if ((away <= 1) & (score > 0.5)).any():
        return "stellar"
    return "hosted" if ((away <= 30) & (score < 0.5)).any() else "hostless"


def jd_utc(mjd_tai: float) -> float:
    return mjd_tai - 37 / 86400 + 2400000.5


def is_close(a: float, b: float, tolerance: float) -> bool:
    return math.isclose(a, b, rel_tol=tolerance, abs_tol=tolerance)
