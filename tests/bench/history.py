"""What the database holds before the run: every object with 20 points and one earlier alert."""

from collections.abc import Collection, Iterator
from datetime import UTC, datetime
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import text
from sqlalchemy.orm import Session

from broker.db import copy_rows, cursor, transaction
from pipeline.alerts.batch import DETECTION, FORCED, LIMIT
from pipeline.alerts.store import ALERT_COLUMNS
from pipeline.sky import hpx29
from tests.bench.variants import BASE_JD_UTC, object_name
from tests.bench.world import Places, Sky

SHARES = {"ztf": {0: 0.6, 1: 0.2, 2: 0.2}, "lsst": {0: 0.6, 1: 0.0, 2: 0.4}}
"""Of an object's points by series: detections, limits, forced photometry."""

STEP_D = 3.0
NEWEST_D = 60.0
"""Older than all history that packets carry would be wrong, and so would younger be: these stand
before it, so that every packet adds its own."""

FLUX = {"ztf": 3.0e11, "lsst": 2000.0}
TABLES = text(
    "SELECT string_agg(quote_ident(tablename), ', ') FROM pg_tables"
    " WHERE schemaname = 'public' AND tablename !~ '^(auth|django|accounts|alembic)'"
)
"""The streams' own; people's are left alone."""

EARLIER_CANDID = {"ztf": 1_000_000_000_000_000_000, "lsst": 1_100_000_000_000_000_000}
CANDIDATE_BYTES, PROPERTIES_BYTES = 560, 180
NOON = datetime(2026, 8, 1, 12, tzinfo=UTC)


def load(sky: Sky, points_each: int, timed: Collection[str]) -> None:
    """Empty every table of the streams and write the history of both surveys.

    Without points the objects of the surveys that are timed are new; those of the other one stand
    there to be matched.
    """
    with transaction(statement_timeout_s=600) as session:
        session.execute(text(f"TRUNCATE {session.scalar(TABLES)} RESTART IDENTITY"))
        first = 1
        for survey, places in sky.objects.items():
            if not points_each and survey in timed:
                continue
            _write(session, survey, places, first, points_each)
            first += len(places.ra_deg)
        for table in ("objects", "light_curves", "alerts"):
            session.execute(
                text(
                    f"SELECT setval(pg_get_serial_sequence('{table}', 'id'),"
                    f" (SELECT max(id) FROM {table}))"
                )
            )


def points(
    survey: str, number: int, place: tuple[float, float], points_each: int
) -> list[NDArray[Any]]:
    """Return the stored points of one object, by series."""
    rng = np.random.default_rng([20, number])
    return [
        _series(survey, series, round(share * points_each), rng, place)
        for series, share in SHARES[survey].items()
    ]


def _series(
    survey: str, series: int, count: int, rng: np.random.Generator, place: tuple[float, float]
) -> NDArray[Any]:
    rows = np.zeros(count, (DETECTION, LIMIT, FORCED)[series])
    newest = BASE_JD_UTC - NEWEST_D - 0.01 * series
    rows["jd_utc"] = newest - STEP_D * np.arange(count)[::-1] + 1e-3 * rng.random(count)
    rows["band"] = 2 * (np.arange(count) % 2)
    flux = FLUX[survey] * rng.uniform(0.5, 2.0, count)
    rows["flux_err"] = 0.05 * FLUX[survey]
    if series != 1:
        rows["flux"] = flux
    if series == 0:
        rows["ra_deg"], rows["dec_deg"] = place
    if series == 2:
        rows["has_flux"] = 2
    return rows


def _write(session: Session, survey: str, places: Places, first: int, points_each: int) -> None:
    count = len(places.ra_deg)
    ids = list(range(first, first + count))
    names = [object_name(survey, number) for number in range(count)]
    jd = BASE_JD_UTC - NEWEST_D
    cells = hpx29(places.ra_deg, places.dec_deg).tolist()
    ra, dec = places.ra_deg.tolist(), places.dec_deg.tolist()
    source, segment = _origin(session, survey)
    with cursor(session) as cur:
        copy_rows(
            cur,
            "objects",
            ("id", "survey", "object_id", "ra_deg", "dec_deg", "hpx29", "is_public",
             "alert_count", "first_jd_utc", "last_jd_utc"),
            ("int8", "text", "text", "float8", "float8", "int8", "bool", "int4", "float8", "float8"),
            (
                (ids[i], survey, names[i], ra[i], dec[i], cells[i], True, 1, jd, jd)
                for i in range(count)
            ),
        )  # fmt: skip
        copy_rows(
            cur,
            "light_curves",
            ("object_id", "series", "n", "last_jd_utc", "points"),
            ("int8", "int2", "int4", "float8", "bytea"),
            _curves(survey, ids, (ra, dec), points_each),
        )
        values = _earlier(survey, jd, source, segment)
        copy_rows(
            cur,
            "alerts",
            (*ALERT_COLUMNS, "published_at"),
            (*ALERT_COLUMNS.values(), "timestamptz"),
            (
                (
                    *(
                        values
                        | {
                            "candid": EARLIER_CANDID[survey] + i,
                            "source_offset": i,
                            "object_id": ids[i],
                            "ra_deg": ra[i],
                            "dec_deg": dec[i],
                            "hpx29": cells[i],
                        }
                    ).values(),
                    NOON,
                )
                for i in range(count)
            ),
        )


def _curves(
    survey: str, ids: list[int], places: tuple[list[float], list[float]], points_each: int
) -> Iterator[tuple[Any, ...]]:
    for number, object_id in enumerate(ids):
        place = places[0][number], places[1][number]
        for series, rows in enumerate(points(survey, number, place, points_each)):
            if len(rows):
                last = float(rows["jd_utc"][-1])
                yield object_id, series, len(rows), last, rows.tobytes()


def _origin(session: Session, survey: str) -> tuple[int, int]:
    """Return the topic and the archive file of the earlier alerts."""
    with cursor(session) as cur:
        cur.execute(
            "INSERT INTO sources (stream, topic, topic_id) VALUES (%s, %s, 'earlier') RETURNING id",
            (survey, f"{survey}_earlier"),
        )
        source = cur.fetchone()
        cur.execute(
            "INSERT INTO archive_segments (host, path, survey, night, closed_at)"
            " VALUES ('earlier', %s, %s, %s, now()) RETURNING id",
            (f"{survey}/earlier.seg", survey, NOON.date()),
        )
        segment = cur.fetchone()
    assert source is not None
    assert segment is not None
    return source[0], segment[0]


def _earlier(survey: str, jd: float, source: int, segment: int) -> dict[str, Any]:
    """Return the values that all earlier alerts share, in the order of the columns."""
    common: dict[str, Any] = {
        "survey": survey,
        "source_id": source,
        "source_partition": 0,
        "kafka_timestamp": NOON,
        "jd_utc": jd,
        "night": NOON.date(),
        "band": "r",
        "programid": 1 if survey == "ztf" else None,
        "magpsf_abmag": 19.0,
        "score": 0.9,
        "flags": 0b01_01_01_01_10,
        "alert_class": "hosted",
        "output_topic": f"babamul.{survey}.no-{'lsst' if survey == 'ztf' else 'ztf'}-match.hosted",
        "rule_version": "seed",
        "archive_segment_id": segment,
        "archive_start": 0,
        "archive_length": 0,
        "archive_crc32": 0,
        # As long as real ones; nobody reads them here.
        "candidate": np.random.default_rng(0).bytes(CANDIDATE_BYTES),
        "properties": np.random.default_rng(1).bytes(PROPERTIES_BYTES),
        "outputs": 1,
        "pending": 0,
    }
    return {name: common.get(name) for name in ALERT_COLUMNS}
