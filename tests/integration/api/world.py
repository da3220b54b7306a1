"""Packets in the tables as a worker leaves them, catalogs beside them, and an account that asks."""

import uuid
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from sqlalchemy.orm import Session

from broker.archive import ArchiveWriter
from broker.config import config
from broker.db import cursor
from broker.kafka_types import Packet
from pipeline.alerts import store
from pipeline.alerts.decide import classify_batch, decide
from pipeline.alerts.merge import merge
from pipeline.catalogs.record import INDEX_COLUMN, SCHEMA, SQL_TYPES, Catalog
from pipeline.sky import Footprint, hpx29
from pipeline.surveys import survey as survey_named
from tests.factories import make_source

SEGMENT_BYTES = 1 << 30
TIMESTAMP_MS = 1_780_000_000_000


def store_packets(session: Session, survey_name: str, values: Sequence[bytes], root: Path) -> None:
    """Carry packets through decode, catalogs, A1 and A2; their bytes go to an archive in ``root``."""
    survey = survey_named(survey_name)
    packets = [Packet(at, TIMESTAMP_MS + at, value) for at, value in enumerate(values)]
    batch, rejected = survey.decode(packets)
    assert rejected == []
    row = make_source(session, stream=survey_name, topic=f"{survey_name}-{uuid.uuid4()}")
    source = store.Source(row.id, 0)
    archive = ArchiveWriter(root, SEGMENT_BYTES)
    night = survey.night(store.utc_from_ms(TIMESTAMP_MS))
    slices = archive.append(survey_name, night, source.id, 0, packets)
    archive.close()
    settings = config()
    classified = classify_batch(session, batch, settings, Footprint.load("approximate"))
    merged = merge(session, batch)
    decided = decide(session, survey, settings.route, batch, classified, merged)
    _, first = np.unique(batch.candid, return_index=True)
    store.insert_alerts(
        *(session, survey, source, batch.take(first), decided.take(first)),
        [slices[batch.packets[at].offset] for at in first],
    )
    is_new = np.isin(np.arange(len(batch)), first)
    store.count_alerts(session, merged.object_id, batch.jd_utc, is_new)


def load_rows(session: Session, catalog: Catalog, rows: Sequence[dict[str, Any]]) -> None:
    """Make a catalog of a few rows, as ``load_catalog`` would leave it."""
    columns = ", ".join(f'"{c.name}" {SQL_TYPES[c.type]}' for c in catalog.columns)
    with cursor(session) as cur:
        cur.execute(f"CREATE SCHEMA IF NOT EXISTS {SCHEMA}")
        cur.execute(f"CREATE TABLE IF NOT EXISTS {SCHEMA}.loaded (name text PRIMARY KEY)")
        cur.execute(f"CREATE TABLE {catalog.table} ({columns}, {INDEX_COLUMN} bigint NOT NULL)")
        cur.execute(f"INSERT INTO {SCHEMA}.loaded (name) VALUES (%s)", (catalog.name,))
        for row in rows:
            at = int(hpx29([row["ra"]], [row["dec"]])[0])
            values = [*(row.get(column.name) for column in catalog.columns), at]
            marks = ", ".join(["%s"] * len(values))
            cur.execute(f"INSERT INTO {catalog.table} VALUES ({marks})", values)
