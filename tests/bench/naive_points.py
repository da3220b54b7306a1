"""Light curves of the naive baseline: packed points, merged one at a time."""

import struct
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.alerts.batch import DETECTION, FORCED, LIMIT, LightCurves
from tests import decode_oracle

PACKED = (struct.Struct("<dddBdd"), struct.Struct("<ddB"), struct.Struct("<dBddB"))
DTYPES = (DETECTION, LIMIT, FORCED)
SERIES = ("prv_candidates", "prv_nondetections", "fp_hists")
POINT_FIELDS = (
    ("jd", "psfFlux", "psfFluxErr", "band", "ra", "dec"),
    ("jd", "psfFluxErr", "band"),
    ("jd", "has_flux", "psfFlux", "psfFluxErr", "band"),
)
POINTS = {"ztf": decode_oracle.ztf_points, "lsst": decode_oracle.lsst_points}

Record = dict[str, Any]
Curve = list[list[bytes]]
"""Packed points by series, sorted."""


def packed(survey: str, record: Record) -> list[list[bytes]]:
    """Return the packet's usable points, packed, by series."""
    found = []
    for series, points in enumerate(POINTS[survey](record)):
        packed = []
        for point in points:
            named = dict(zip(POINT_FIELDS[series], point, strict=True))
            is_flux_there = series == 1 or named.get("has_flux") == 0 or named["psfFlux"] != 0
            if named["psfFluxErr"] > 0 and (is_flux_there or series == 2):
                packed.append(PACKED[series].pack(*point))
        found.append(packed)
    return found


def merge(series: int, points: Sequence[bytes]) -> list[bytes]:
    """Keep one point of each time and band, the lower bytes, in order of both."""
    kept: dict[tuple[float, int], bytes] = {}
    for point in points:
        values = PACKED[series].unpack(point)
        key = values[0], values[POINT_FIELDS[series].index("band")]
        kept[key] = min(kept.get(key, point), point)
    return [kept[key] for key in sorted(kept)]


def cut(series: int, points: bytes) -> list[bytes]:
    size = PACKED[series].size
    return [points[at : at + size] for at in range(0, len(points), size)]


def as_curves(survey: str, curve: Curve) -> LightCurves:
    detections, limits, forced = (
        np.frombuffer(b"".join(points), dtype) for points, dtype in zip(curve, DTYPES, strict=True)
    )
    rows = (detections, limits, forced)
    starts = (_starts(detections), _starts(limits), _starts(forced))
    return LightCurves(survey, np.array([1]), rows, starts)


def _starts(rows: NDArray[Any]) -> NDArray[np.int64]:
    return np.array([0, len(rows)], np.int64)


def as_records(curve: Curve) -> Record:
    found: Record = {}
    for series, points in enumerate(curve):
        rows = []
        for point in points:
            named = dict(zip(POINT_FIELDS[series], PACKED[series].unpack(point), strict=True))
            named["band"] = decode_oracle.BANDS[named["band"] // 2]
            if named.pop("has_flux", 2) == 0:
                named["psfFlux"] = None
            rows.append(named)
        found[SERIES[series]] = rows
    return found


def jd_of(point: bytes) -> float:
    return float(struct.unpack_from("<d", point)[0])
