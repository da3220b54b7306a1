"""Whether the naive baseline stored and published what the flow did."""

import io
import math
from collections.abc import Mapping, Sequence
from typing import Any

import fastavro
import psycopg

from pipeline.alerts.schemas import record_schema
from tests.bench.books import CLASS_BIT, NONE_BIT
from tests.bench.contents import is_same

Record = dict[str, Any]

PUBLIC_BITS = CLASS_BIT | NONE_BIT
# The baseline has no filters: what they select beside is in the flow's own books.
ROW = f"""
SELECT a.candid, o.object_id AS name, o.alert_count, o.is_public, a.jd_utc, a.night, a.ra_deg,
       a.dec_deg, a.hpx29, a.band, a.programid, a.magpsf_abmag, a.score, a.gate_reason,
       a.alert_class, m.object_id AS matched, a.output_topic,
       a.outputs & {PUBLIC_BITS} AS outputs, a.pending & {PUBLIC_BITS} AS pending,
       a.archive_length, a.archive_crc32, a.candidate, a.properties
FROM alerts AS a
JOIN objects AS o ON o.id = a.object_id
LEFT JOIN objects AS m ON m.id = a.survey_match_id
WHERE a.candid = ANY(%s)
"""
JD_D = 2e-9
UNEQUAL_SHOWN = 5


def rows(url: str, candids: Sequence[int]) -> dict[int, Record]:
    """Return the rows of some alerts, by alert."""
    with psycopg.connect(url) as connection:
        cursor = connection.execute(ROW, (list(candids),))
        names = [column.name for column in cursor.description or ()]
        return {row[0]: dict(zip(names, row, strict=True)) for row in cursor}


def differences(
    survey: str, ours: Mapping[int, Record], naive: Mapping[int, Record], candids: Sequence[int]
) -> list[str]:
    """Return where two sets of rows differ."""
    wrong = []
    for candid in candids:
        if candid not in ours or candid not in naive:
            wrong.append(f"{candid} has no row in {'ours' if candid not in ours else 'naive'}")
            continue
        pair = [
            one | {part: _record(survey, part, one[part]) for part in ("candidate", "properties")}
            for one in (ours[candid], naive[candid])
        ]
        wrong += [f"{candid}: row: {text}" for text in unequal("", *pair)]
    return wrong


def message_differences(ours: Mapping[int, bytes], naive: Mapping[int, bytes]) -> list[str]:
    """Return where the messages of class topics differ; the keys are the alerts."""
    wrong = [f"{key} was published by one alone" for key in sorted(set(ours) ^ set(naive))]
    for key in sorted(set(ours) & set(naive)):
        pair = [next(fastavro.reader(io.BytesIO(value))) for value in (ours[key], naive[key])]
        wrong += [f"{key}: {text}" for text in unequal("", *pair)]
    return wrong


def unequal(path: str, one: Any, other: Any) -> list[str]:
    """Return the paths at which two records differ; floats are equal to six digits."""
    if isinstance(one, dict) and isinstance(other, dict) and one.keys() == other.keys():
        pairs = [(f"{path}.{name}", one[name], other[name]) for name in one]
    elif isinstance(one, list) and isinstance(other, list) and len(one) == len(other):
        pairs = [(f"{path}[{at}]", *both) for at, both in enumerate(zip(one, other, strict=True))]
    else:
        return [] if _is_equal(path, one, other) else [f"{path}: {one!r:.80} and {other!r:.80}"]
    return [text for pair in pairs for text in unequal(*pair)][:UNEQUAL_SHOWN]


def _is_equal(path: str, one: Any, other: Any) -> bool:
    if _is_none(one) or _is_none(other):
        return _is_none(one) and _is_none(other)
    if path.endswith("jd") and isinstance(one, float) and isinstance(other, float):
        return abs(one - other) <= JD_D
    return is_same(one, other)


def _is_none(value: Any) -> bool:
    return value is None or (isinstance(value, float) and math.isnan(value))


def _record(survey: str, part: str, value: bytes) -> Record:
    return fastavro.schemaless_reader(io.BytesIO(value), record_schema(survey, part), None)
