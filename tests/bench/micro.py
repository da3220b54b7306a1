"""Decoder and encoder alone against fastavro: the same packets, in turns, in one process."""

import io
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import replace

import fastavro
import numpy as np

from broker.config import config
from broker.kafka_types import Packet
from broker.sections.streams import GateSettings, RouteSettings
from pipeline.alerts import curves
from pipeline.alerts.batch import CatalogMatches
from pipeline.alerts.classify import classify
from pipeline.alerts.encode import encode_candidates, encode_messages, encode_properties
from pipeline.alerts.gate import gate_reasons
from pipeline.alerts.messages import Alerts
from pipeline.alerts.photstats import photstats
from pipeline.alerts.schemas import OUTPUT_SCHEMAS
from pipeline.sky import Footprint
from pipeline.surveys import lsst, ztf
from pipeline.surveys import survey as survey_named
from pipeline.surveys.reading import by_kernel
from tests.bench.measure import reader

ROUNDS = 15
READINGS = {"ztf": ztf.READING, "lsst": lsst.READING}
SCHEMALESS = {"ztf": "fastavro.reader", "lsst": "schemaless_reader"}


def ratios(survey: str, values: Sequence[bytes]) -> dict[str, dict[str, float]]:
    """Return how many times faster ours is, by median and range of the rounds."""
    return {
        "decode": _decode(survey, values),
        "batch": _batch(survey, values),
        "encode": _encode(survey, values),
    }


def _decode(survey: str, values: Sequence[bytes]) -> dict[str, float]:
    """Compare bytes to columns, framing and all fields included, with bytes to records."""
    packets = [Packet(at, 0, value) for at, value in enumerate(values)]
    reading = replace(READINGS[survey], wanted=None, convert=lambda *_: (None, None))
    assert by_kernel(packets, reading)[1] == {}, "fastavro must not decode both"
    return _against_fastavro(survey, lambda: by_kernel(packets, reading), values)


def _batch(survey: str, values: Sequence[bytes]) -> dict[str, float]:
    """Compare bytes to batches, all that the flow's step does, with bytes to records."""
    packets = [Packet(at, 0, value) for at, value in enumerate(values)]
    decode = survey_named(survey).decode
    return _against_fastavro(survey, lambda: decode(packets), values)


def _against_fastavro(
    survey: str, ours: Callable[[], object], values: Sequence[bytes]
) -> dict[str, float]:
    read = reader(survey)
    return _in_turns(ours, lambda: [read(value) for value in values], len(values))


def _encode(survey: str, values: Sequence[bytes]) -> dict[str, float]:
    """Compare what steps A2 and encode do with ``schemaless_writer`` on the same messages."""
    batch, _ = survey_named(survey).decode([Packet(at, 0, v) for at, v in enumerate(values)])
    passing = np.flatnonzero([r is None for r in gate_reasons(batch, GateSettings()).tolist()])
    batch = batch.take(passing)
    at = np.arange(len(batch))
    own = curves.assemble(
        survey, at, [curves.merge_points(one.parent, one.rows) for one in batch.series()]
    )
    nothing = CatalogMatches(
        np.empty(0, np.int64),
        np.empty(0),
        {"score": np.empty(0), "mag_white": np.empty(0)},
    )
    classes = classify(batch, nothing, Footprint.load("approximate"), RouteSettings())
    stats = photstats(batch.jd_utc, own, at, None, np.full(len(batch), -1))
    largest = config().kafka.message_max_bytes

    def ours() -> list[bytes]:
        alerts = Alerts(
            survey,
            batch.candid.tolist(),
            batch.object_id.tolist(),
            encode_candidates(batch),
            encode_properties(batch, classes, stats, stats),
        )
        return encode_messages(alerts, own, at, None, max_bytes=largest).values

    records = [next(fastavro.reader(io.BytesIO(message))) for message in ours()]
    schema = fastavro.parse_schema(OUTPUT_SCHEMAS[survey])

    def theirs() -> None:
        for record in records:
            fastavro.schemaless_writer(io.BytesIO(), schema, record)

    return _in_turns(ours, theirs, len(batch))


def _in_turns(
    ours: Callable[[], object], theirs: Callable[[], object], count: int
) -> dict[str, float]:
    ours()
    theirs()
    took = [(_timed(ours), _timed(theirs)) for _ in range(ROUNDS)]
    found = [slow / fast for fast, slow in took]
    return {
        "ratio": statistics.median(found),
        "lowest": min(found),
        "highest": max(found),
        "ours_us": 1e6 * statistics.median(fast for fast, _ in took) / count,
        "theirs_us": 1e6 * statistics.median(slow for _, slow in took) / count,
    }


def _timed(what: Callable[[], object]) -> float:
    """Return the CPU time of a call [s]: what else runs here meanwhile is not counted."""
    began = time.process_time()
    what()
    return time.process_time() - began
