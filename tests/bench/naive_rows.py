"""The naive baseline's objects, light curves and alerts: a statement per row."""

from typing import Any

import numpy as np
from sqlalchemy.orm import Session

from broker.db import cursor
from pipeline.alerts import crossmatch
from pipeline.sky import hpx29
from tests.bench import naive_points, naive_records
from tests.bench.naive_points import Curve, Record
from tests.bench.world import DEC_RANGE_DEG, MATCH_ARCSEC, OTHER


def merge_points(session: Session, survey: str, record: Record) -> tuple[int, Curve]:
    """Make the object and merge the packet's points, a statement per row."""
    ra, dec = naive_records.place(survey, record)
    with cursor(session) as cur:
        cur.execute(
            "INSERT INTO objects (survey, object_id, ra_deg, dec_deg, hpx29)"
            " VALUES (%s, %s, %s, %s, %s) ON CONFLICT DO NOTHING",
            (
                survey,
                naive_records.object_name(survey, record),
                ra,
                dec,
                int(hpx29([ra], [dec])[0]),
            ),
        )
        cur.execute(
            "SELECT id FROM objects WHERE survey = %s AND object_id = %s FOR UPDATE",
            (survey, naive_records.object_name(survey, record)),
        )
        object_id = _one(cur)[0]
        curve = []
        for series, points in enumerate(naive_points.packed(survey, record)):
            cur.execute(
                "SELECT points FROM light_curves WHERE object_id = %s AND series = %s",
                (object_id, series),
            )
            stored = cur.fetchone()
            merged = naive_points.merge(
                series, [*naive_points.cut(series, stored[0] if stored else b""), *points]
            )
            if merged:
                cur.execute(
                    "INSERT INTO light_curves (object_id, series, n, last_jd_utc, points)"
                    " VALUES (%s, %s, %s, %s, %s) ON CONFLICT (object_id, series) DO UPDATE SET"
                    " n = EXCLUDED.n, last_jd_utc = EXCLUDED.last_jd_utc, points = EXCLUDED.points",
                    (
                        object_id,
                        series,
                        len(merged),
                        naive_points.jd_of(merged[-1]),
                        b"".join(merged),
                    ),
                )
            curve.append(merged)
        if curve[0]:
            cur.execute("UPDATE objects SET is_public = true WHERE id = %s", (object_id,))
    return object_id, curve


def link_match(
    session: Session, survey: str, record: Record, object_id: int
) -> tuple[int, str, float, float] | None:
    """Return the other survey's object: the nearest now, else the one stored; link both sides."""
    ra, dec = naive_records.place(survey, record)
    low, high = DEC_RANGE_DEG[OTHER[survey]]
    with cursor(session) as cur:
        cur.execute("SELECT survey_match_id FROM objects WHERE id = %s FOR UPDATE", (object_id,))
        matched = _one(cur)[0]
        if low <= dec <= high and naive_records.is_public(survey, record):
            found = crossmatch.match_objects(
                session, OTHER[survey], np.array([ra]), np.array([dec]), MATCH_ARCSEC
            )
            if len(found.object_id):
                matched = int(found.object_id[0])
                pair = (object_id, matched) if object_id < matched else (matched, object_id)
                for one, other in (pair, pair[::-1]):
                    cur.execute(
                        "UPDATE objects SET survey_match_id = %s, survey_match_arcsec = %s"
                        " WHERE id = %s",
                        (other, float(found.separation_arcsec[0]), one),
                    )
        if matched is None:
            return None
        cur.execute("SELECT id, object_id, ra_deg, dec_deg FROM objects WHERE id = %s", (matched,))
        return _one(cur)


def curve_of(session: Session, object_id: int) -> Curve:
    found = []
    with cursor(session) as cur:
        for series in range(len(naive_points.SERIES)):
            cur.execute(
                "SELECT points FROM light_curves WHERE object_id = %s AND series = %s",
                (object_id, series),
            )
            row = cur.fetchone()
            found.append(naive_points.cut(series, row[0] if row else b""))
    return found


def insert_alert(session: Session, row: Record) -> int:
    names = ", ".join(row)
    marks = ", ".join(["%s"] * len(row))
    with cursor(session) as cur:
        cur.execute(
            f"INSERT INTO alerts ({names}) VALUES ({marks}) RETURNING id", list(row.values())
        )
        return int(_one(cur)[0])


def count_alert(session: Session, object_id: int, jd: float) -> None:
    with cursor(session) as cur:
        cur.execute(
            "UPDATE objects SET alert_count = alert_count + 1,"
            " first_jd_utc = least(first_jd_utc, %s), last_jd_utc = greatest(last_jd_utc, %s)"
            " WHERE id = %s",
            (jd, jd, object_id),
        )


def _one(cur: Any) -> tuple[Any, ...]:
    row: tuple[Any, ...] | None = cur.fetchone()
    assert row is not None
    return row
