"""An object's light curve as a table for people: AB magnitudes and true nanojanskys."""

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy.orm import Session

from broker.db import cursor
from pipeline.alerts.batch import SERIES
from pipeline.alerts.query import visible
from pipeline.alerts.query_objects import FoundObject
from pipeline.light_curves import DETECTION, FORCED, LIMIT, Photometry, unpack
from pipeline.surveys import ztf
from pipeline.times import MJD_EPOCH_JD

COLUMNS = {
    "object_id": "text",
    "candid": "int",
    "survey": "text",
    "mjd": "float",
    "jd": "float",
    "band": "text",
    "mag": "float",
    "magerr": "float",
    "limmag": "float",
    "magsys": "text",
    "flux_njy": "float",
    "flux_err_njy": "float",
    "snr": "float",
    "is_detection": "bool",
    "is_forced": "bool",
    "is_positive": "bool",
    "ra": "float",
    "dec": "float",
    "programid": "int",
    "source": "text",
}
"""Name and kind of each column; mjd is UTC, as jd is."""
SOURCES = {DETECTION: "alert", LIMIT: "limit", FORCED: "forced"}
PUBLIC_PROGRAMID = {"ztf": ztf.PUBLIC_PROGRAMID, "lsst": None}
MIN_FORCED_SNR = 3.0
"""Below it a forced point is a limit."""

Row = dict[str, Any]
Floats = NDArray[np.float64]


def stored(session: Session, row_id: int) -> dict[int, bytes]:
    """Return the packed points of an object (``objects.id``) by series."""
    with cursor(session) as cur:
        cur.execute(
            "SELECT series, points FROM light_curves WHERE object_id = %s ORDER BY series",
            (row_id,),
            binary=True,
        )
        return dict(cur.fetchall())


def candids_by_jd(session: Session, row_id: int) -> dict[float, int]:
    """Return which alert of an object was seen when."""
    with cursor(session) as cur:
        cur.execute(
            "SELECT a.jd_utc, a.candid FROM alerts AS a"  # noqa: S608 a condition of ours
            f" WHERE a.object_id = %s AND {visible()}",
            (row_id,),
            binary=True,
        )
        return dict(cur.fetchall())


def photometry_rows(session: Session, found: FoundObject) -> list[Row]:
    """Return every public point of an object in the columns of COLUMNS, by time."""
    candids = candids_by_jd(session, found.id)
    rows = [
        row
        for series, packed in stored(session, found.id).items()
        for row in _rows(found, unpack(found.survey, series, packed), packed, candids)
    ]
    return sorted(rows, key=lambda row: row["jd"])


def _rows(
    found: FoundObject, series: Photometry, packed: bytes, candids: dict[float, int]
) -> list[Row]:
    """Return the points of one series, column by column: thousands must not take long."""
    kind, n = series.series, len(series)
    with np.errstate(divide="ignore", invalid="ignore"):
        snr = np.abs(series.flux_njy) / series.flux_err_njy
    is_detection = np.full(n, kind == DETECTION)
    if kind == FORCED:
        is_detection = np.nan_to_num(snr) >= MIN_FORCED_SNR
    none = [None] * n
    jd = series.jd_utc.tolist()
    places = np.frombuffer(packed, SERIES[kind]) if kind == DETECTION else None
    columns: dict[str, list[Any]] = {
        "object_id": [found.object_id] * n,
        "candid": [candids.get(one) for one in jd] if kind == DETECTION else none,
        "survey": [found.survey] * n,
        "mjd": (series.jd_utc - MJD_EPOCH_JD).tolist(),
        "jd": jd,
        "band": list(series.band),
        "mag": _finite(series.abmag, is_detection),
        "magerr": _finite(series.abmag_err, is_detection),
        "limmag": _finite(series.abmag, np.full(n, kind == LIMIT)),
        "magsys": ["AB"] * n,
        "flux_njy": _finite(series.flux_njy),
        "flux_err_njy": _finite(series.flux_err_njy),
        "snr": _finite(snr),
        "is_detection": is_detection.tolist(),
        "is_forced": [kind == FORCED] * n,
        "is_positive": [
            bool(flux > 0) if ok else None
            for flux, ok in zip(series.flux_njy.tolist(), is_detection.tolist(), strict=True)
        ],
        "ra": none if places is None else places["ra_deg"].tolist(),
        "dec": none if places is None else places["dec_deg"].tolist(),
        "programid": [PUBLIC_PROGRAMID[found.survey]] * n,
        "source": [SOURCES[kind]] * n,
    }
    return [
        dict(zip(columns, values, strict=True)) for values in zip(*columns.values(), strict=True)
    ]


def _finite(values: Floats, where: NDArray[np.bool_] | None = None) -> list[float | None]:
    """Return the values, None for NaN, infinity, and where they mean nothing."""
    good = np.isfinite(values) if where is None else np.isfinite(values) & where
    return [value if ok else None for value, ok in zip(values.tolist(), good.tolist(), strict=True)]


def finite(value: float) -> float | None:
    """Return the value, None for NaN and infinity."""
    return value if math.isfinite(value) else None
