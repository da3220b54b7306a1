"""What the naive baseline reads of a packet, and the records that it stores and sends."""

import io
import os
from datetime import UTC, datetime
from typing import Any

import fastavro
import numpy as np

from pipeline.alerts.photstats import PhotStats
from pipeline.alerts.schemas import OUTPUT_SCHEMAS, record_schema
from pipeline.sky import hpx29
from pipeline.surveys import survey as survey_named
from tests import decode_oracle, oracle
from tests.bench import books, naive_points
from tests.bench.expected import NONE_TOPIC, Beside, Expected
from tests.bench.naive_points import Curve, Record
from tests.bench.world import OTHER

CANDIDATES = {"ztf": decode_oracle.ztf_candidate, "lsst": decode_oracle.lsst_candidate}


def candidate_record(survey: str, record: Record) -> Record:
    fields = record_schema(survey, "candidate")["fields"]
    found = CANDIDATES[survey](record, [field["name"] for field in fields])
    found["band"] = None if found["band"] is None else decode_oracle.BANDS[found["band"]]
    for field in fields:
        if found[field["name"]] is None and not isinstance(field["type"], list):
            found[field["name"]] = {"float": np.nan, "double": np.nan}.get(field["type"], 0)
    return found


def properties_record(
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


def alert_row(
    survey: str,
    record: Record,
    judged: Expected,
    object_id: int,
    match: tuple[int, str, float, float] | None,
    archived: tuple[int, int, int],
    came: tuple[int, int],
) -> Record:
    ra, dec = place(survey, record)
    jd = jd_utc(survey, record)
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
        "band": candidate_record(survey, record)["band"],
        "programid": source.get("programid"),
        "magpsf_abmag": candidate_record(survey, record)["magpsf"],
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


def message_value(
    survey: str,
    record: Record,
    candidate: Record,
    properties: Record,
    curve: Curve,
    match: tuple[int, str, float, float] | None,
    other: Curve | None,
) -> bytes:
    found: Record = {
        "candid": candid(survey, record),
        "objectId": object_name(survey, record),
        "candidate": candidate,
        "properties": properties,
        **naive_points.as_records(curve),
        "survey_matches": {"ztf": None, "lsst": None},
    }
    if match is not None and other is not None:
        found["survey_matches"][OTHER[survey]] = {
            "objectId": match[1], "ra": match[2], "dec": match[3], **naive_points.as_records(other),
        }  # fmt: skip
    stream = io.BytesIO()
    fastavro.writer(stream, OUTPUT_SCHEMAS[survey], [found])
    return stream.getvalue()


def encoded(schema: Any, record: Record) -> bytes:
    stream = io.BytesIO()
    fastavro.schemaless_writer(stream, schema, record)
    return stream.getvalue()


def object_name(survey: str, record: Record) -> str:
    if survey == "ztf":
        return str(record["objectId"])
    return str(decode_oracle.lsst_object_id(record["diaSource"]))


def candid(survey: str, record: Record) -> int:
    return int(record["candid"] if survey == "ztf" else record["diaSource"]["diaSourceId"])


def place(survey: str, record: Record) -> tuple[float, float]:
    source = record["candidate"] if survey == "ztf" else record["diaSource"]
    return float(source["ra"]), float(source["dec"])


def jd_utc(survey: str, record: Record) -> float:
    if survey == "ztf":
        return float(record["candidate"]["jd"])
    return float(decode_oracle.utc(record["diaSource"]["midpointMjdTai"]))


def is_public(survey: str, record: Record) -> bool:
    return survey == "lsst" or record["candidate"].get("programid") == 1


def _not_negative(value: float | None) -> float | None:
    return value if value is not None and value >= 0 else None
