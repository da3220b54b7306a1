"""The baseline: one Celery task per alert, as one would write it first.

The packet's bytes travel in the task. It is read by ``fastavro.reader``, judged in plain Python by
the rules of the oracles, stored by a statement per row and searched by a statement per catalog, and
written by ``fastavro.writer``. Only the features of light curves come from the pipeline's own pure
function. What it stores and publishes must be what the flow does; ``same.py`` compares them.
"""

import base64
import os
import uuid
import zlib
from functools import cache
from pathlib import Path
from typing import Any

import celery
import numpy as np
from confluent_kafka import Producer
from sqlalchemy.orm import Session

from broker.config import config
from broker.db import cursor, transaction
from broker.kafka_connection import own_connection
from pipeline.alerts import crossmatch
from pipeline.alerts.photstats import PhotStats, photstats
from pipeline.alerts.schemas import record_schema
from pipeline.catalogs.known import LSPSC
from tests.bench import books, naive_points, naive_records, naive_rows, templates
from tests.bench.expected import Beside, Expected, lsst, ztf
from tests.bench.naive_points import Curve, Record
from tests.bench.world import OTHER

QUEUE = "naive"
TASK = "naive.alert"
TOPIC = "babamul.naive"
"""Where its messages go, with the topic that they would go to as a header."""

JUDGES = {"ztf": ztf, "lsst": lsst}

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
        object_id, curve = naive_rows.merge_points(session, survey, record)
    with transaction() as session:
        match = naive_rows.link_match(session, survey, record, object_id)
        judged = JUDGES[survey](record, beside._replace(match=match and match[1]))
        own, both = _features(session, survey, record, curve, match)
        candidate = naive_records.candidate_record(survey, record)
        properties = naive_records.properties_record(survey, record, judged, beside, own, both)
        row = naive_records.alert_row(
            survey, record, judged, object_id, match, place, (offset, timestamp_ms)
        )
        row |= {
            "candidate": naive_records.encoded(record_schema(survey, "candidate"), candidate),
            "properties": naive_records.encoded(record_schema(survey, "properties"), properties),
        }
        alert_id = naive_rows.insert_alert(session, row)
        naive_rows.count_alert(session, object_id, float(row["jd_utc"]))
        other = naive_rows.curve_of(session, match[0]) if match else None
    if judged.topics:
        message = naive_records.message_value(
            survey, record, candidate, properties, curve, match, other
        )
        _published(survey, judged, message)
        with transaction() as session, cursor(session) as cur:
            cur.execute(
                "UPDATE alerts SET pending = 0, published_at = now() WHERE id = %s", (alert_id,)
            )


def _judged(session: Session, survey: str, record: Record) -> tuple[Expected, Beside]:
    """Look around and apply the rules; one statement per catalog."""
    ra, dec = naive_records.place(survey, record)
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


def _features(
    session: Session,
    survey: str,
    record: Record,
    curve: Curve,
    match: tuple[int, str, float, float] | None,
) -> tuple[PhotStats, PhotStats]:
    jd, first, none = (
        np.array([naive_records.jd_utc(survey, record)]),
        np.array([0]),
        np.array([-1]),
    )
    own = photstats(jd, naive_points.as_curves(survey, curve), first, None, none)
    if match is None:
        return own, own
    other = naive_points.as_curves(OTHER[survey], naive_rows.curve_of(session, match[0]))
    return own, photstats(jd, naive_points.as_curves(survey, curve), first, other, first)


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


def _galactic_b_deg(ra: float, dec: float) -> float:
    pole_ra, pole_dec = np.radians(192.85948), np.radians(27.12825)
    sine = np.sin(np.radians(dec)) * np.sin(pole_dec) + np.cos(np.radians(dec)) * np.cos(
        pole_dec
    ) * np.cos(np.radians(ra) - pole_ra)
    return float(np.degrees(np.arcsin(sine)))
