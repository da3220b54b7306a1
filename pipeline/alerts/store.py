"""Transaction A2: everything that a batch leaves in Postgres but its light curves."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy.orm import Session

from broker.archive import Slice
from broker.db import copy_rows, cursor
from broker.db_arrays import BigInts, Doubles, Ints
from pipeline.alerts import moves
from pipeline.alerts.batch import BANDS, Batch, Column
from pipeline.surveys.record import Survey

ALERT_COLUMNS = {
    "survey": "text",
    "candid": "int8",
    "source_id": "int8",
    "source_partition": "int4",
    "source_offset": "int8",
    "kafka_timestamp": "timestamptz",
    "object_id": "int8",
    "jd_utc": "float8",
    "night": "date",
    "ra_deg": "float8",
    "dec_deg": "float8",
    "hpx29": "int8",
    "band": "text",
    "programid": "int2",
    "magpsf_abmag": "float4",
    "score": "float4",
    "flags": "int2",
    "gate_reason": "text",
    "alert_class": "text",
    "survey_match_id": "int8",
    "output_topic": "text",
    "rule_version": "text",
    "archive_segment_id": "int8",
    "archive_start": "int8",
    "archive_length": "int4",
    "archive_crc32": "int8",
    "candidate": "bytea",
    "properties": "bytea",
    "outputs": "int2",
    "pending": "int2",
}
_TAKEN = """
    SELECT source_offset FROM alerts
    WHERE source_id = %s AND source_partition = %s AND source_offset BETWEEN %s AND %s
"""
FLAG_NAMES = ("positive", "rock", "star", "near_brightstar", "stationary", "complete")
FLAG_NULL, FLAG_FALSE, FLAG_TRUE = 0, 1, 2
LAST_TIMESTAMP_MS = 4_102_444_800_000
"""2100-01-01; a later time on a message is a mistake."""


@dataclass(frozen=True)
class Source:
    """Where a batch was read: ``sources.id`` and partition."""

    id: int
    partition: int


@dataclass(frozen=True)
class Decided:
    """What the pure steps decided for each alert of a batch (object arrays hold None for null)."""

    object_id: NDArray[np.int64]
    match_id: NDArray[np.int64]
    hpx29: NDArray[np.int64]
    flags: NDArray[np.int64]
    gate_reason: NDArray[np.object_]
    alert_class: NDArray[np.object_]
    output_topic: NDArray[np.object_]
    outputs: NDArray[np.int64]
    rule_version: str
    candidates: Sequence[bytes]
    properties: Sequence[bytes]

    def take(self, index: NDArray[np.int64]) -> "Decided":
        """Return the decisions at ``index``."""
        return Decided(
            object_id=self.object_id[index],
            match_id=self.match_id[index],
            hpx29=self.hpx29[index],
            flags=self.flags[index],
            gate_reason=self.gate_reason[index],
            alert_class=self.alert_class[index],
            output_topic=self.output_topic[index],
            outputs=self.outputs[index],
            rule_version=self.rule_version,
            candidates=[self.candidates[at] for at in index],
            properties=[self.properties[at] for at in index],
        )


class PlaceTakenError(Exception):
    """The coordinates of a packet belong to another alert: the log was cut short and written anew.

    The packet is neither stored nor a copy; it becomes a dead letter rather than nothing.
    """


def pack_flags(columns: Iterable[Column]) -> NDArray[np.int64]:
    """Pack nullable booleans, in the order of FLAG_NAMES, two bits each."""
    states = [
        np.where(column.valid, np.where(column.values, FLAG_TRUE, FLAG_FALSE), FLAG_NULL)
        for column in columns
    ]
    weights = 4 ** np.arange(len(states), dtype=np.int64)
    packed: NDArray[np.int64] = weights @ np.array(states, np.int64)
    return packed


def insert_alerts(
    session: Session,
    survey: Survey,
    source: Source,
    batch: Batch,
    decided: Decided,
    slices: Sequence[Slice],
) -> dict[int, int]:
    """Insert the alerts that are not there yet; return candid → ``alerts.id`` of the new ones.

    Safe to repeat: (survey, candid) is unique, and so are coordinates in each partition of the
    table; the statement itself looks for them in all of them. A stored decision is never changed.
    """
    offsets = [packet.offset for packet in batch.packets]
    names = ", ".join(ALERT_COLUMNS)
    with cursor(session) as cur:
        cur.execute(
            f"CREATE TEMP TABLE IF NOT EXISTS alerts_in ON COMMIT DELETE ROWS AS"  # noqa: S608
            f" SELECT {names} FROM alerts WITH NO DATA"
        )
        cur.execute("DELETE FROM alerts_in")
        copy_rows(
            cur,
            "alerts_in",
            list(ALERT_COLUMNS),
            list(ALERT_COLUMNS.values()),
            _alert_rows(survey, source, batch, decided, slices),
        )
        cur.execute(
            f"WITH taken AS MATERIALIZED ({_TAKEN})"  # noqa: S608 our names
            f" INSERT INTO alerts ({names}) SELECT {names} FROM alerts_in"
            " WHERE source_offset NOT IN (SELECT source_offset FROM taken)"
            " ORDER BY candid ON CONFLICT DO NOTHING RETURNING candid, id",
            (source.id, source.partition, min(offsets, default=0), max(offsets, default=0)),
            binary=True,
        )
        return dict(cur.fetchall())


def insert_duplicates(
    session: Session,
    survey: str,
    source: Source,
    packets: Sequence[tuple[int, int]],
    *,
    is_silent: bool = False,
) -> int:
    """Record packets whose alert came under other coordinates; return how many there are.

    An alert that still waits in a topic that was made anew moves here, and its packet is none.

    Parameters
    ----------
    packets : sequence of (candid, offset)
        Packets for which no alert was inserted.
    is_silent : bool
        Nothing of this range will be published: what waits elsewhere stays where it is.

    Raises
    ------
    PlaceTakenError
        If one is no copy of a stored alert: what hindered it were its coordinates.
    """
    if not packets:
        return 0
    candids = [candid for candid, _ in packets]
    with cursor(session) as cur:
        cur.execute(
            "SELECT candid, id, source_id, source_partition, source_offset, pending FROM alerts"
            " WHERE survey = %s AND candid = ANY(%s) AND candid BETWEEN %s AND %s",  # one partition
            (survey, BigInts.of(candids), min(candids), max(candids)),
            binary=True,
        )
        owners = {row[0]: row[1:] for row in cur}
        copies: list[tuple[int, int]] = []
        strayed: dict[int, int] = {}
        for candid, offset in sorted(packets, key=lambda packet: packet[1]):
            if candid not in owners:
                raise PlaceTakenError(f"{candid} at offset {offset}: another alert came from there")
            alert_id, *place, pending = owners[candid]
            if place != [source.id, source.partition, offset]:
                copies.append((offset, alert_id))
                if pending and place[0] != source.id and not is_silent:
                    strayed.setdefault(alert_id, offset)
        if strayed:
            moved = moves.follow(cur, source.id, source.partition, strayed)
            copies = [c for c in copies if c[1] not in moved or c[0] != strayed[c[1]]]
        cur.execute(
            "INSERT INTO alert_duplicates (source_id, source_partition, source_offset, alert_id)"
            " SELECT %s, %s, * FROM unnest(%s::bigint[], %s::bigint[]) ON CONFLICT DO NOTHING",
            (source.id, source.partition, [c[0] for c in copies], [c[1] for c in copies]),
        )
    return len(copies)


def insert_gaps(session: Session, source: Source, gaps: Sequence[tuple[int, int]]) -> None:
    """Record intervals (inclusive) of offsets that hold no message."""
    if not gaps:
        return
    with cursor(session) as cur:
        cur.execute(
            "INSERT INTO stream_gaps (source_id, source_partition, first_offset, last_offset)"
            " SELECT %s, %s, * FROM unnest(%s::bigint[], %s::bigint[]) ON CONFLICT DO NOTHING",
            (source.id, source.partition, [gap[0] for gap in gaps], [gap[1] for gap in gaps]),
        )


def count_alerts(
    session: Session,
    object_id: NDArray[np.int64],
    jd_utc: NDArray[np.float64],
    is_new: NDArray[np.bool_],
) -> None:
    """Raise the objects' counts and their first and last time by the alerts really inserted."""
    counted = is_new & (object_id >= 0)
    ids, at = np.unique(object_id[counted], return_inverse=True)
    if not len(ids):
        return
    first, last = np.full(len(ids), np.inf), np.full(len(ids), -np.inf)
    np.minimum.at(first, at, jd_utc[counted])
    np.maximum.at(last, at, jd_utc[counted])
    with cursor(session) as cur:
        cur.execute(
            "UPDATE objects AS o SET alert_count = o.alert_count + u.n,"
            " first_jd_utc = least(o.first_jd_utc, u.first_jd),"
            " last_jd_utc = greatest(o.last_jd_utc, u.last_jd)"
            " FROM unnest(%s::bigint[], %s::int[], %s::float8[], %s::float8[])"
            " AS u (id, n, first_jd, last_jd) WHERE o.id = u.id",
            (BigInts.of(ids), Ints.of(np.bincount(at)), Doubles.of(first), Doubles.of(last)),
        )


def _alert_rows(
    survey: Survey, source: Source, batch: Batch, decided: Decided, slices: Sequence[Slice]
) -> Iterator[tuple[Any, ...]]:
    """Yield the values of ALERT_COLUMNS, row by row."""
    size = len(batch)
    bands = [BANDS[band] if band >= 0 else None for band in batch.band.tolist()]
    return zip(
        [batch.survey] * size,
        batch.candid.tolist(),
        [source.id] * size,
        [source.partition] * size,
        [packet.offset for packet in batch.packets],
        [utc_from_ms(packet.timestamp_ms) for packet in batch.packets],
        _positive_or_none(decided.object_id),
        batch.jd_utc.tolist(),
        [survey.night_of_jd(jd) for jd in batch.jd_utc.tolist()],
        batch.ra_deg.tolist(),
        batch.dec_deg.tolist(),
        decided.hpx29.tolist(),
        bands,
        _programid(batch),
        _finite_or_none(batch.candidate["magpsf"].values),
        _finite_or_none(batch.score),
        decided.flags.tolist(),
        decided.gate_reason.tolist(),
        decided.alert_class.tolist(),
        _positive_or_none(decided.match_id),
        decided.output_topic.tolist(),
        [decided.rule_version] * size,
        [piece.segment_id for piece in slices],
        [piece.start for piece in slices],
        [piece.length for piece in slices],
        [piece.crc32 for piece in slices],
        decided.candidates,
        decided.properties,
        decided.outputs.tolist(),
        decided.outputs.tolist(),
        strict=True,
    )


def utc_from_ms(timestamp_ms: int) -> datetime:
    """Return a Kafka timestamp [ms since 1970] as an aware time, from 1970 to 2100.

    A producer may write any 64-bit number there, and none of them may stop a range.
    """
    return datetime.fromtimestamp(min(max(timestamp_ms, 0), LAST_TIMESTAMP_MS) / 1000, UTC)


def _programid(batch: Batch) -> list[int | None]:
    """Return ZTF's programid where the packet has one that fits its column."""
    column = batch.candidate.get("programid")
    if column is None:
        return [None] * len(batch)
    fits = column.valid & (np.abs(column.values) <= np.iinfo(np.int16).max)
    return [
        value if ok else None
        for value, ok in zip(column.values.tolist(), fits.tolist(), strict=True)
    ]


def _positive_or_none(ids: NDArray[np.int64]) -> list[int | None]:
    return [i if i >= 0 else None for i in ids.tolist()]


def _finite_or_none(values: NDArray[np.float64]) -> list[float | None]:
    return [
        value if ok else None
        for value, ok in zip(values.tolist(), np.isfinite(values).tolist(), strict=True)
    ]
