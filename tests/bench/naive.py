"""The baseline: one Celery task per alert, as one would write it first.

The packet's bytes travel in the task. It is read by ``fastavro.reader``, judged in plain Python by
the rules of the oracles, stored by a statement per row and searched by a statement per catalog, and
written by ``fastavro.writer``. Only the features of light curves come from the pipeline's own pure
function. What it stores and publishes must be what the flow does; ``same.py`` compares them.
"""

import base64
import io
import os
import struct
import uuid
import zlib
from collections.abc import Sequence
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

import celery
import fastavro
import numpy as np
from confluent_kafka import Producer
from sqlalchemy.orm import Session

from broker.config import config
from broker.db import cursor, transaction
from broker.kafka_connection import own_connection
from pipeline.alerts import crossmatch
from pipeline.alerts.batch import DETECTION, FORCED, LIMIT, LightCurves
from pipeline.alerts.photstats import PhotStats, photstats
from pipeline.alerts.schemas import OUTPUT_SCHEMAS, record_schema
from pipeline.catalogs.known import LSPSC
from pipeline.sky import hpx29
from pipeline.surveys import survey as survey_named
from tests import decode_oracle, oracle
from tests.bench import books, templates
from tests.bench.expected import NONE_TOPIC, Beside, Expected, lsst, ztf
from tests.bench.world import DEC_RANGE_DEG, MATCH_ARCSEC, OTHER

QUEUE = "naive"
TASK = "naive.alert"
TOPIC = "babamul.naive"
"""Where its messages go, with the topic that they would go to as a header."""

PACKED = (struct.Struct("<dddBdd"), struct.Struct("<ddB"), struct.Struct("<dBddB"))
DTYPES = (DETECTION, LIMIT, FORCED)
SERIES = ("prv_candidates", "prv_nondetections", "fp_hists")
POINT_FIELDS = (
    ("jd", "psfFlux", "psfFluxErr", "band", "ra", "dec"),
    ("jd", "psfFluxErr", "band"),
    ("jd", "has_flux", "psfFlux", "psfFluxErr", "band"),
)
JUDGES = {"ztf": ztf, "lsst": lsst}
CANDIDATES = {"ztf": decode_oracle.ztf_candidate, "lsst": decode_oracle.lsst_candidate}
POINTS = {"ztf": decode_oracle.ztf_points, "lsst": decode_oracle.lsst_points}

Record = dict[str, Any]
Curve = list[list[bytes]]
"""Packed points by series, sorted."""

app = celery.Celery("naive")
app.conf.update(
    broker_url=config().redis.url.get_secret_value().rpartition("/")[0] + "/1",
    task_ignore_result=True,
    task_acks_late=True,
    worker_prefetch_multiplier=1,
    worker_hijack_root_logger=False,
    broker_connection_retry_on_startup=True,
    task_default_queue=QUEUE,
)


@app.task(name=TASK)
def alert(survey: str, offset: int, timestamp_ms: int, payload: str) -> None:
    """Carry one packet to its topics."""
    value = base64.b64decode(payload)
    record = templates.read(survey, value)
    place = _archived(value)
    with transaction() as session:
        judged, beside = _judged(session, survey, record)
    with transaction() as session:
        object_id, curve = _merged(session, survey, record)
    with transaction() as session:
        match = _matched(session, survey, record, object_id)
        judged = JUDGES[survey](record, beside._replace(match=match and match[1]))
        own, both = _features(session, survey, record, curve, match)
        candidate = _candidate(survey, record)
        properties = _properties(survey, record, judged, beside, own, both)
        row = _row(survey, record, judged, object_id, match, place, (offset, timestamp_ms))
        row |= {
            "candidate": _encoded(record_schema(survey, "candidate"), candidate),
            "properties": _encoded(record_schema(survey, "properties"), properties),
        }
        alert_id = _inserted(session, row)
        _counted(session, object_id, float(row["jd_utc"]))
        other = _stored(session, match[0]) if match else None
    if judged.topics:
        message = _message(survey, record, candidate, properties, curve, match, other)
        _published(survey, judged, message)
        with transaction() as session, cursor(session) as cur:
            cur.execute(
                "UPDATE alerts SET pending = 0, published_at = now() WHERE id = %s", (alert_id,)
            )


def _judged(session: Session, survey: str, record: Record) -> tuple[Expected, Beside]:
    """Look around and apply the rules; one statement per catalog."""
    ra, dec = _place(survey, record)
    here = np.array([ra]), np.array([dec])
    rows: list[tuple[float, float, float]] = []
    if survey == "lsst":
        found = crossmatch.match_catalog(session, LSPSC, *here, 30.0)
        rows = list(
            zip(
                found.separation_arcsec.tolist(),
                found.columns["score"].tolist(),
                found.columns["mag_white"].tolist(),
                strict=True,
            )
        )
    beside = Beside(None, False, abs(_galactic_b_deg(ra, dec)) > 18, rows)
    judged = JUDGES[survey](record, beside)
    if judged.gate is None and judged.alert_class == "hostless":
        radius = config().babamul.none.crossmatch_radius_arcsec
        is_archival = bool(crossmatch.has_archival_source(session, *here, radius)[0])
        beside = beside._replace(is_archival=is_archival)
    return judged, beside


def _merged(session: Session, survey: str, record: Record) -> tuple[int, Curve]:
    """Make the object and merge the packet's points, a statement per row."""
    ra, dec = _place(survey, record)
    with cursor(session) as cur:
        cur.execute(
            "INSERT INTO objects (survey, object_id, ra_deg, dec_deg, hpx29)"
            " VALUES (%s, %s, %s, %s, %s) ON CONFLICT DO NOTHING",
            (survey, _object_name(survey, record), ra, dec, int(hpx29([ra], [dec])[0])),
        )
        cur.execute(
            "SELECT id FROM objects WHERE survey = %s AND object_id = %s FOR UPDATE",
            (survey, _object_name(survey, record)),
        )
        object_id = _one(cur)[0]
        curve = []
        for series, points in enumerate(_packed_points(survey, record)):
            cur.execute(
                "SELECT points FROM light_curves WHERE object_id = %s AND series = %s",
                (object_id, series),
            )
            stored = cur.fetchone()
            merged = _merge(series, [*_cut(series, stored[0] if stored else b""), *points])
            if merged:
                cur.execute(
                    "INSERT INTO light_curves (object_id, series, n, last_jd_utc, points)"
                    " VALUES (%s, %s, %s, %s, %s) ON CONFLICT (object_id, series) DO UPDATE SET"
                    " n = EXCLUDED.n, last_jd_utc = EXCLUDED.last_jd_utc, points = EXCLUDED.points",
                    (object_id, series, len(merged), _jd(merged[-1]), b"".join(merged)),
                )
            curve.append(merged)
        if curve[0]:
            cur.execute("UPDATE objects SET is_public = true WHERE id = %s", (object_id,))
    return object_id, curve


def _matched(
    session: Session, survey: str, record: Record, object_id: int
) -> tuple[int, str, float, float] | None:
    """Return the other survey's object: the nearest now, else the one stored; link both sides."""
    ra, dec = _place(survey, record)
    low, high = DEC_RANGE_DEG[OTHER[survey]]
    with cursor(session) as cur:
        cur.execute("SELECT survey_match_id FROM objects WHERE id = %s FOR UPDATE", (object_id,))
        matched = _one(cur)[0]
        if low <= dec <= high and _is_public(survey, record):
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


def _features(
    session: Session,
    survey: str,
    record: Record,
    curve: Curve,
    match: tuple[int, str, float, float] | None,
) -> tuple[PhotStats, PhotStats]:
    jd, first, none = np.array([_jd_utc(survey, record)]), np.array([0]), np.array([-1])
    own = photstats(jd, _as_curves(survey, curve), first, None, none)
    if match is None:
        return own, own
    other = _as_curves(OTHER[survey], _stored(session, match[0]))
    return own, photstats(jd, _as_curves(survey, curve), first, other, first)


def _stored(session: Session, object_id: int) -> Curve:
    found = []
    with cursor(session) as cur:
        for series in range(len(SERIES)):
            cur.execute(
                "SELECT points FROM light_curves WHERE object_id = %s AND series = %s",
                (object_id, series),
            )
            row = cur.fetchone()
            found.append(_cut(series, row[0] if row else b""))
    return found


def _candidate(survey: str, record: Record) -> Record:
    fields = record_schema(survey, "candidate")["fields"]
    found = CANDIDATES[survey](record, [field["name"] for field in fields])
    found["band"] = None if found["band"] is None else decode_oracle.BANDS[found["band"]]
    for field in fields:
        if found[field["name"]] is None and not isinstance(field["type"], list):
            found[field["name"]] = {"float": np.nan, "double": np.nan}.get(field["type"], 0)
    return found


def _properties(
    survey: str,
    record: Record,
    judged: Expected,
    beside: Beside,
    own: PhotStats,
    both: PhotStats,
) -> Record:
    found: Record = {
        "stationary": bool(own.stationary[0]),
        "photstats": own.as_records()[0],
        "multisurvey_photstats": both.as_records()[0],
    }
    if survey == "ztf":
        candidate = record["candidate"]
        name = candidate.get("ssnamenr")
        is_sso = name not in (None, "", "null")
        distance, magnitude = candidate.get("ssdistnr"), candidate.get("ssmagnr")
        return found | {
            "rock": oracle.ztf_rock(candidate),
            "star": oracle.ztf_star(candidate),
            "near_brightstar": oracle.ztf_near_brightstar(candidate),
            "sso": {
                "is_sso": is_sso,
                "designation": name if is_sso else None,
                "separation_arcsec": _not_negative(distance),
                "predicted_mag": _not_negative(magnitude),
                "source": "ipac",
            },
        }
    rows = beside.point_sources
    is_known = bool(rows) or beside.is_inside
    star = any(separation <= 1 and score > 0.5 for separation, score, _ in rows)
    bright = any(
        separation <= 20 and score > 0.5 and 0 < mag <= 15 for separation, score, mag in rows
    )
    return found | {
        "rock": bool(record["diaSource"]["ssObjectId"]),
        "star": star if is_known else None,
        "near_brightstar": bright if is_known else None,
    }


def _row(
    survey: str,
    record: Record,
    judged: Expected,
    object_id: int,
    match: tuple[int, str, float, float] | None,
    archived: tuple[int, int, int],
    came: tuple[int, int],
) -> Record:
    ra, dec = _place(survey, record)
    jd = _jd_utc(survey, record)
    outputs = sum(
        books.NONE_BIT if topic == NONE_TOPIC else books.CLASS_BIT for topic in judged.topics
    )
    source = record["candidate"] if survey == "ztf" else record["diaSource"]
    start, length, crc32 = archived
    return {
        "survey": survey,
        "candid": judged.candid,
        "source_id": 0,
        "source_partition": os.getpid(),
        "source_offset": came[0],
        "kafka_timestamp": datetime.fromtimestamp(came[1] / 1000, UTC),
        "object_id": object_id,
        "jd_utc": jd,
        "night": survey_named(survey).night_of_jd(jd),
        "ra_deg": ra,
        "dec_deg": dec,
        "hpx29": int(hpx29([ra], [dec])[0]),
        "band": _candidate(survey, record)["band"],
        "programid": source.get("programid"),
        "magpsf_abmag": _candidate(survey, record)["magpsf"],
        "score": source.get("drb") if survey == "ztf" else source.get("reliability"),
        "flags": 0,
        "gate_reason": judged.gate,
        "alert_class": judged.alert_class,
        "survey_match_id": match and match[0],
        "output_topic": judged.topics[0] if judged.topics else None,
        "rule_version": "seed",
        "archive_segment_id": 0,
        "archive_start": start,
        "archive_length": length,
        "archive_crc32": crc32,
        "outputs": outputs,
        "pending": outputs,
    }


def _inserted(session: Session, row: Record) -> int:
    names = ", ".join(row)
    marks = ", ".join(["%s"] * len(row))
    with cursor(session) as cur:
        cur.execute(
            f"INSERT INTO alerts ({names}) VALUES ({marks}) RETURNING id", list(row.values())
        )
        return int(_one(cur)[0])


def _counted(session: Session, object_id: int, jd: float) -> None:
    with cursor(session) as cur:
        cur.execute(
            "UPDATE objects SET alert_count = alert_count + 1,"
            " first_jd_utc = least(first_jd_utc, %s), last_jd_utc = greatest(last_jd_utc, %s)"
            " WHERE id = %s",
            (jd, jd, object_id),
        )


def _message(
    survey: str,
    record: Record,
    candidate: Record,
    properties: Record,
    curve: Curve,
    match: tuple[int, str, float, float] | None,
    other: Curve | None,
) -> bytes:
    found: Record = {
        "candid": _candid(survey, record),
        "objectId": _object_name(survey, record),
        "candidate": candidate,
        "properties": properties,
        **_as_records(curve),
        "survey_matches": {"ztf": None, "lsst": None},
    }
    if match is not None and other is not None:
        found["survey_matches"][OTHER[survey]] = {
            "objectId": match[1], "ra": match[2], "dec": match[3], **_as_records(other),
        }  # fmt: skip
    stream = io.BytesIO()
    fastavro.writer(stream, OUTPUT_SCHEMAS[survey], [found])
    return stream.getvalue()


def _published(survey: str, judged: Expected, message: bytes) -> None:
    failed: list[Any] = []
    for topic in judged.topics:
        name = f"{survey}:{judged.candid}:{topic}"
        headers = [
            ("delivery_id", str(uuid.uuid5(books.NAMESPACE, name)).encode()),
            ("candid", str(judged.candid).encode()),
            ("topic", topic.encode()),
        ]
        _producer().produce(
            TOPIC, message, headers=headers,
            on_delivery=lambda error, _: error and failed.append(error),
        )  # fmt: skip
    assert _producer().flush(20) == 0
    assert not failed, failed


def _archived(value: bytes) -> tuple[int, int, int]:
    """Append the packet to this process's file, durably."""
    file = _archive_file()
    start = file.tell()
    file.write(value)
    file.flush()
    os.fdatasync(file.fileno())
    return start, len(value), zlib.crc32(value)


@cache
def _archive_file() -> Any:
    folder = Path(config().archive.path) / "naive"
    folder.mkdir(parents=True, exist_ok=True)
    return (folder / f"{os.getpid()}.seg").open("ab")


@cache
def _producer() -> Producer:
    return Producer({**own_connection(), "enable.idempotence": True, "compression.type": "zstd"})


def _packed_points(survey: str, record: Record) -> list[list[bytes]]:
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


def _merge(series: int, points: Sequence[bytes]) -> list[bytes]:
    """Keep one point of each time and band, the lower bytes, in order of both."""
    kept: dict[tuple[float, int], bytes] = {}
    for point in points:
        values = PACKED[series].unpack(point)
        key = values[0], values[POINT_FIELDS[series].index("band")]
        kept[key] = min(kept.get(key, point), point)
    return [kept[key] for key in sorted(kept)]


def _cut(series: int, points: bytes) -> list[bytes]:
    size = PACKED[series].size
    return [points[at : at + size] for at in range(0, len(points), size)]


def _as_curves(survey: str, curve: Curve) -> LightCurves:
    rows = [
        np.frombuffer(b"".join(points), dtype) for points, dtype in zip(curve, DTYPES, strict=True)
    ]
    starts = [np.array([0, len(one)], np.int64) for one in rows]
    return LightCurves(survey, np.array([1]), tuple(rows), tuple(starts))  # type: ignore[arg-type]


def _as_records(curve: Curve) -> Record:
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


def _encoded(schema: Any, record: Record) -> bytes:
    stream = io.BytesIO()
    fastavro.schemaless_writer(stream, schema, record)
    return stream.getvalue()


def _object_name(survey: str, record: Record) -> str:
    if survey == "ztf":
        return str(record["objectId"])
    return str(decode_oracle.lsst_object_id(record["diaSource"]))


def _candid(survey: str, record: Record) -> int:
    return int(record["candid"] if survey == "ztf" else record["diaSource"]["diaSourceId"])


def _place(survey: str, record: Record) -> tuple[float, float]:
    source = record["candidate"] if survey == "ztf" else record["diaSource"]
    return float(source["ra"]), float(source["dec"])


def _jd_utc(survey: str, record: Record) -> float:
    if survey == "ztf":
        return float(record["candidate"]["jd"])
    return float(decode_oracle.utc(record["diaSource"]["midpointMjdTai"]))


def _is_public(survey: str, record: Record) -> bool:
    return survey == "lsst" or record["candidate"].get("programid") == 1


def _galactic_b_deg(ra: float, dec: float) -> float:
    pole_ra, pole_dec = np.radians(192.85948), np.radians(27.12825)
    sine = np.sin(np.radians(dec)) * np.sin(pole_dec) + np.cos(np.radians(dec)) * np.cos(
        pole_dec
    ) * np.cos(np.radians(ra) - pole_ra)
    return float(np.degrees(np.arcsin(sine)))


def _jd(point: bytes) -> float:
    return float(struct.unpack_from("<d", point)[0])


def _not_negative(value: float | None) -> float | None:
    return value if value is not None and value >= 0 else None


def _one(cur: Any) -> tuple[Any, ...]:
    row: tuple[Any, ...] | None = cur.fetchone()
    assert row is not None
    return row
