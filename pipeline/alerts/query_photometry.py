"""An object's light curve as a table for people: AB magnitudes and true nanojanskys."""

import math
from typing import Any

import numpy as np
from sqlalchemy.orm import Session

from broker.db import cursor
from pipeline.alerts.batch import SERIES
from pipeline.alerts.query import visible
from pipeline.alerts.query_objects import FoundObject
from pipeline.light_curves import DETECTION, FORCED, LIMIT, Photometry, unpack
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
PUBLIC_PROGRAMID = {"ztf": 1, "lsst": None}
MIN_FORCED_SNR = 3.0
"""Below it a forced point is a limit."""

Row = dict[str, Any]


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
    rows = []
    places = _places(series.series, packed)
    for at, (jd, band) in enumerate(zip(series.jd_utc.tolist(), series.band, strict=True)):
        flux, error = float(series.flux_njy[at]), float(series.flux_err_njy[at])
        mag, magerr = float(series.abmag[at]), float(series.abmag_err[at])
        snr = abs(flux) / error if error > 0 else math.nan
        is_detection = series.series == DETECTION or (
            series.series == FORCED and snr >= MIN_FORCED_SNR
        )
        rows.append(
            {
                "object_id": found.object_id,
                "candid": candids.get(jd) if series.series == DETECTION else None,
                "survey": found.survey,
                "mjd": jd - MJD_EPOCH_JD,
                "jd": jd,
                "band": band,
                "mag": finite(mag) if is_detection else None,
                "magerr": finite(magerr) if is_detection else None,
                "limmag": finite(mag) if series.series == LIMIT else None,
                "magsys": "AB",
                "flux_njy": finite(flux),
                "flux_err_njy": finite(error),
                "snr": finite(snr),
                "is_detection": is_detection,
                "is_forced": series.series == FORCED,
                "is_positive": flux > 0 if is_detection else None,
                "ra": places[at][0],
                "dec": places[at][1],
                "programid": PUBLIC_PROGRAMID[found.survey],
                "source": SOURCES[series.series],
            }
        )
    return rows


def _places(series: int, packed: bytes) -> list[tuple[float | None, float | None]]:
    if series != DETECTION:
        return [(None, None)] * (len(packed) // SERIES[series].itemsize)
    rows = np.frombuffer(packed, SERIES[DETECTION])
    return list(zip(rows["ra_deg"].tolist(), rows["dec_deg"].tolist(), strict=True))


def finite(value: float) -> float | None:
    """Return the value, None for NaN and infinity."""
    return value if math.isfinite(value) else None
