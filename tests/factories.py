"""Rows for tests: plain functions with sensible defaults; each flushes what it makes."""

import io
from datetime import UTC, date, datetime
from typing import Any

import numpy as np
from fastavro import schemaless_writer
from numpy.typing import NDArray
from sqlalchemy.orm import Session

from broker.archive import ArchiveSegment
from broker.dead_letters import DeadLetter
from broker.ranges.tables import Source
from pipeline.alerts.schemas import record_schema
from pipeline.alerts.tables import Alert, LightCurve, SkyObject

JD_UTC = 2460635.75
"""2024-11-21 06:00 UTC, in the night of 20 November at Palomar."""
NOON = datetime(2024, 11, 21, 12, tzinfo=UTC)
_ZERO: dict[str, Any] = {
    "string": "x", "bytes": b"", "boolean": False, "int": 1, "long": 1, "float": 1.5, "double": 1.5,
}  # fmt: skip


def make_source(session: Session, **given: Any) -> Source:
    """Make a topic that packets came from."""
    values = {"stream": "ztf", "topic": "ztf_20241121_programid1", "topic_id": "abc"}
    return _add(session, Source(**values | given))


def make_segment(session: Session, **given: Any) -> ArchiveSegment:
    """Make a file of raw packets."""
    values = {
        "host": "worker-1",
        "path": "ztf/20241120/worker-1-77-1.seg",
        "survey": "ztf",
        "night": date(2024, 11, 20),
    }
    return _add(session, ArchiveSegment(**values | given))


def make_object(session: Session, **given: Any) -> SkyObject:
    """Make an object with one public alert."""
    values = {
        "survey": "ztf",
        "object_id": "ZTF24aaaaaaa",
        "ra_deg": 150.1,
        "dec_deg": -2.2,
        "hpx29": 1234,
        "is_public": True,
        "alert_count": 1,
        "first_jd_utc": JD_UTC,
        "last_jd_utc": JD_UTC,
    }
    return _add(session, SkyObject(**values | given))


def make_alert(session: Session, source: Source, segment: ArchiveSegment, **given: Any) -> Alert:
    """Make a published alert that passed every gate."""
    survey = given.get("survey", "ztf")
    values = {
        "survey": survey,
        "candid": 2_500_000_000_000_000_001,
        "source_id": source.id,
        "source_partition": 3,
        "source_offset": 42,
        "kafka_timestamp": NOON,
        "jd_utc": JD_UTC,
        "night": date(2024, 11, 20),
        "ra_deg": 150.1,
        "dec_deg": -2.2,
        "hpx29": 1234,
        "band": "r",
        "programid": 1,
        "magpsf_abmag": 19.25,
        "score": 0.99,
        "flags": 0b01_01_01_10_10,
        "alert_class": "hosted",
        "output_topic": "babamul.ztf.no-lsst-match.hosted",
        "rule_version": "seed-1",
        "archive_segment_id": segment.id,
        "archive_start": 1000,
        "archive_length": 500,
        "archive_crc32": 7,
        "candidate": encode_any(record_schema(survey, "candidate")),
        "properties": encode_any(record_schema(survey, "properties")),
        "outputs": 1,
        "pending": 0,
        "published_at": NOON,
    }
    return _add(session, Alert(**values | given))


def make_light_curve(
    session: Session, owner: SkyObject, series: int, rows: NDArray[Any]
) -> LightCurve:
    """Make one series of an object's light curve from packed points."""
    times = rows["jd_utc"] if len(rows) else np.zeros(1)
    row = LightCurve(
        object_id=owner.id,
        series=series,
        n=len(rows),
        last_jd_utc=float(np.max(times)),
        points=rows.tobytes(),
    )
    return _add(session, row)


def make_dead_letter(session: Session, source: Source, **given: Any) -> DeadLetter:
    """Make a packet that did not decode."""
    values = {
        "stream": source.stream,
        "topic": source.topic,
        "source_id": source.id,
        "source_partition": 3,
        "source_offset": 43,
        "last_offset": 43,
        "kafka_timestamp": NOON,
        "night": date(2024, 11, 21),
        "reason": "bad_value",
        "message": "jd is NaN",
        "traceback": "Traceback (most recent call last):\n  ValueError: <jd>",
        "sha256": bytes(range(32)),
    }
    return _add(session, DeadLetter(**values | given))


def encode_any(schema: dict[str, Any], **given: Any) -> bytes:
    """Return a record of the schema with a small value in each field, null where it may be."""
    stream = io.BytesIO()
    schemaless_writer(stream, schema, _any_value(schema, {}) | given)
    return stream.getvalue()


def _any_value(schema: Any, named: dict[str, Any]) -> Any:
    """Return a value; ``named`` has the values of the records met so far."""
    if isinstance(schema, list):
        return None if "null" in schema else _any_value(schema[0], named)
    if isinstance(schema, str):
        return named[schema] if schema in named else _ZERO[schema]
    match schema["type"]:
        case "record":
            fields = schema["fields"]
            value = {field["name"]: _any_value(field["type"], named) for field in fields}
            named[schema["name"]] = value
            return value
        case "array":
            return []
        case "enum":
            return schema["symbols"][0]
        case simple:
            return _any_value(simple, named)


def _add(session: Session, row: Any) -> Any:
    session.add(row)
    session.flush()
    return row
