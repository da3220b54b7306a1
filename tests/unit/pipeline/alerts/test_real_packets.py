"""The science on the real packets of the sample folder, against the oracle and golden numbers."""

import io
import math
from collections import Counter
from functools import cache

import fastavro
import numpy as np
import pytest

from broker.kafka_types import Packet
from broker.sections.streams import GateSettings, RouteSettings
from pipeline.alerts import curves
from pipeline.alerts.batch import BANDS, Batch, LightCurves
from pipeline.alerts.classify import classify
from pipeline.alerts.encode import encode_candidates, encode_messages, encode_properties
from pipeline.alerts.gate import gate_reasons
from pipeline.alerts.messages import Alerts
from pipeline.alerts.photstats import photstats
from pipeline.alerts.schemas import OUTPUT_SCHEMAS
from pipeline.sky import Footprint
from pipeline.surveys import survey
from tests import oracle, samples
from tests.unit.pipeline.alerts.batches import make_matches

pytestmark = [pytest.mark.samples, pytest.mark.slow]

SETS = {
    "ztf container": ("ztf", samples.ztf_rewritten),
    "ztf tar": ("ztf", samples.ztf_originals),
    "rubin": ("lsst", samples.rubin),
}
GATES = {"ztf": oracle.ztf_gate, "lsst": oracle.lsst_gate}
LSPSC_ROWS = [(0.5, 0.95), (4.0, 0.2, 18.0)]
MAX_BYTES = 8 * 2**20


@cache
def batch_of(name: str) -> Batch:
    """Return the alerts of one set, all of which decode."""
    survey_name, read = SETS[name]
    packets = [Packet(i, 0, sample.value) for i, sample in enumerate(read())]
    batch, rejected = survey(survey_name).decode(packets)
    assert rejected == []
    return batch


def records_of(name):
    return [sample.record for sample in SETS[name][1]()]


def curves_of(batch: Batch) -> tuple[LightCurves, np.ndarray]:
    """Return the light curves that the batch's objects have if nothing came before."""
    names, at = np.unique([name or "" for name in batch.object_id], return_inverse=True)
    merged = [curves.merge_points(at[points.parent], points.rows) for points in batch.series()]
    return curves.assemble(batch.survey, np.arange(len(names)), merged), at


def classes_of(name, preset="seed", alert=0):
    batch = batch_of(name)
    rows = make_matches(LSPSC_ROWS, alert)
    return classify(batch, rows, Footprint.load("approximate"), RouteSettings(preset=preset))


@pytest.mark.parametrize("name", SETS)
def test_each_packet_is_gated_as_the_oracle_says(name):
    found = gate_reasons(batch_of(name), GateSettings())

    assert found.tolist() == [GATES[SETS[name][0]](record) for record in records_of(name)]


@pytest.mark.parametrize("preset", ["seed", "boom"])
@pytest.mark.parametrize("name", ["ztf container", "ztf tar"])
def test_ztf_classes_are_the_oracles_and_the_golden_counts(name, preset):
    found = classes_of(name, preset).alert_class
    passes = np.equal(gate_reasons(batch_of(name), GateSettings()), None)

    expected = [oracle.ztf_class(r["candidate"], preset) for r in records_of(name)]
    assert found.tolist() == expected
    assert Counter(found[passes].tolist()) == oracle.GOLDEN[name][preset]


def test_35_rubin_alerts_are_published():
    reasons = gate_reasons(batch_of("rubin"), GateSettings()).tolist()

    assert Counter(reasons) == {None: oracle.GOLDEN["rubin"]["published"], "rock": 10}


def test_rubin_classes_follow_footprint_and_rows():
    found = classes_of("rubin", alert=3).alert_class.tolist()

    inside = Footprint.load("approximate").contains(
        batch_of("rubin").ra_deg, batch_of("rubin").dec_deg
    )
    expected = [oracle.lsst_class([], is_inside=bool(is_inside)) for is_inside in inside]
    expected[3] = "stellar"
    assert found == expected


def messages_of(name):
    """Return the published alerts of a set as messages, with their batch positions."""
    batch = batch_of(name)
    own, at = curves_of(batch)
    none = np.full(len(batch), -1)
    stats = photstats(batch.jd_utc, own, at, None, none)
    passing = np.flatnonzero(np.equal(gate_reasons(batch, GateSettings()), None))
    candidates = encode_candidates(batch)
    properties = encode_properties(batch, classes_of(name), stats, stats)
    alerts = Alerts(
        batch.survey,
        batch.candid[passing].tolist(),
        batch.object_id[passing].tolist(),
        [candidates[i] for i in passing],
        [properties[i] for i in passing],
    )
    found = encode_messages(alerts, own, at[passing], None, max_bytes=MAX_BYTES)
    return list(zip(passing, found.values, strict=True))


def read_one(message):
    (record,) = fastavro.reader(io.BytesIO(message))
    return record


@pytest.mark.parametrize("name", SETS)
def test_each_message_holds_what_its_packet_said(name):
    records = records_of(name)

    for i, message in messages_of(name):
        found, packet = read_one(message), records[i]
        source = packet["candidate"] if "candidate" in packet else packet["diaSource"]
        candidate = found["candidate"]
        for field in ("ra", "dec", "magpsf", "sigmapsf", "psfFlux", "psfFluxErr", "band"):
            if field in source:
                assert candidate[field] == source[field]
        assert candidate["jd"] in [point["jd"] for point in found["prv_candidates"]]
        assert all(point["jd"] and point["band"] in BANDS for point in found["prv_candidates"])


@pytest.mark.parametrize("name", SETS)
def test_a_library_writes_the_same_bytes(name):
    for _, message in messages_of(name):
        record = read_one(message)
        stream = io.BytesIO()
        fastavro.schemaless_writer(stream, OUTPUT_SCHEMAS[SETS[name][0]], record)
        assert message[:-16].endswith(stream.getvalue())


@pytest.mark.parametrize("name", SETS)
def test_no_required_value_of_a_published_message_is_missing(name):
    for _, message in messages_of(name):
        record = read_one(message)
        numbers = [
            value
            for field, value in record["candidate"].items()
            if isinstance(value, float) and field not in {"magap", "sigmagap"}
        ]
        points = [v for p in record["prv_candidates"] for v in p.values() if isinstance(v, float)]
        assert all(math.isfinite(value) for value in numbers + points)
