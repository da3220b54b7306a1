import io
import json
from pathlib import Path
from types import SimpleNamespace
from typing import NamedTuple

import fastavro
import numpy as np
import pytest

from broker.sections.streams import RouteSettings
from pipeline import schemas as schema_package
from pipeline.alerts import encode
from pipeline.alerts.batch import BANDS, LightCurves
from pipeline.alerts.classify import classify
from pipeline.alerts.encode import encode_candidates, encode_messages, encode_properties
from pipeline.alerts.messages import SYNC_MARKER, Alerts, Matches
from pipeline.alerts.photstats import photstats
from pipeline.alerts.schemas import OUTPUT_SCHEMAS, record_schema
from pipeline.sky import Footprint
from tests.unit.pipeline.alerts.batches import JD, make_batch, make_curves, make_matches

SCHEMA_FILES = Path(schema_package.__path__[0])
NO_LIMIT = 10**9
ZTF = make_curves(
    "ztf",
    detections=[
        [(JD, 1e12, 1e10, "r", 150.0, 30.0), (JD + 1, -2e12, 1e10, "g", 150.1, 30.1)],
        [],
    ],
    limits=[[(JD - 2, 3e9, "g"), (JD - 1, 2e9, "i")], []],
    forced=[[(JD - 3, None, 5.0, "r"), (JD - 2, -7.5, 2.5, "g"), (JD - 1, None, 1.0, "i")], []],
)
LSST = make_curves(
    "lsst",
    detections=[[(JD, 500.0, 20.0, "u", 150.0, 30.0), (JD + 3, 100.0, 20.0, "u", 150.0, 30.0)]],
    forced=[[(JD - 1, 30.0, 5.0, "y")]],
)


@pytest.fixture(params=["compiled", "plain"], autouse=True)
def form(request, monkeypatch):
    """Write with the compiled loops, and with NumPy: each test holds for both."""
    if request.param == "plain":
        monkeypatch.setattr(encode, "compiler", SimpleNamespace(works=lambda: False))
    else:
        assert encode.compiler.works()


class Match(NamedTuple):
    """One alert's match."""

    object_id: str
    curves: LightCurves
    at: int


def detections(curves, at):
    return [
        {"jd": p[0], "psfFlux": p[1], "psfFluxErr": p[2], "band": BANDS[p[3] // 2],
         "ra": p[4], "dec": p[5]}
        for p in curves.points(0, at).tolist()
    ]  # fmt: skip


def limits(curves, at):
    return [
        {"jd": p[0], "psfFluxErr": p[1], "band": BANDS[p[2] // 2]}
        for p in curves.points(1, at).tolist()
    ]


def forced(curves, at):
    return [
        {"jd": p[0], "psfFlux": p[2] if p[1] else None, "psfFluxErr": p[3],
         "band": BANDS[p[4] // 2]}
        for p in curves.points(2, at).tolist()
    ]  # fmt: skip


def match_record(match):
    return {
        "objectId": match.object_id,
        "ra": 150.0,
        "dec": 30.0,
        "prv_candidates": detections(match.curves, match.at),
        "prv_nondetections": limits(match.curves, match.at),
        "fp_hists": forced(match.curves, match.at),
    }


def stored(survey, curves=ZTF, at=0, other=None, rows=((2.0, 0.3),), **fields):
    """Return an alert's stored bytes."""
    batch = make_batch(survey, **fields)
    footprint = Footprint.load("approximate")
    classes = classify(batch, make_matches(rows), footprint, RouteSettings())
    here, nowhere = np.array([at]), np.array([-1])
    own = photstats(batch.jd_utc + 2, curves, here, None, nowhere)
    both = photstats(batch.jd_utc + 2, curves, here, other, here if other else nowhere)
    properties = encode_properties(batch, classes, own, both)[0]
    return encode_candidates(batch)[0], properties, own, both


def decoded(survey, field, value):
    return fastavro.schemaless_reader(io.BytesIO(value), record_schema(survey, field))


def as_dicts(alerts, i, curves, at, match):
    """Return a message as the record that a library would write."""
    record = {
        "candid": alerts.candid[i],
        "objectId": alerts.object_id[i],
        "candidate": decoded(alerts.survey, "candidate", alerts.candidate[i]),
        "prv_candidates": detections(curves, at),
        "prv_nondetections": limits(curves, at),
        "fp_hists": forced(curves, at),
        "properties": decoded(alerts.survey, "properties", alerts.properties[i]),
        "survey_matches": {"ztf": None, "lsst": None},
    }
    if match is not None:
        record["survey_matches"][match.curves.survey] = match_record(match)
    return record


def the_librarys_block(survey, record):
    """Return the bytes that fastavro puts behind the container's header."""
    stream = io.BytesIO()
    fastavro.writer(stream, OUTPUT_SCHEMAS[survey], [record], sync_marker=SYNC_MARKER)
    return stream.getvalue().split(SYNC_MARKER, 1)[1]


def messages_of(survey, curves, which, max_bytes=NO_LIMIT):
    """Return alerts and their messages; ``which`` has position in ``curves`` and match of each."""
    candidate, properties, _, _ = stored(survey)
    size = len(which)
    alerts = Alerts(
        survey,
        [(-1) ** i * (2**60 + i) for i in range(size)],
        [f"ZTF18{i * 'a'}" for i in range(size)],
        [candidate] * size,
        [properties] * size,
    )
    others = [match for _, match in which]
    given = [match for match in others if match is not None]
    matches = None
    if given:
        matches = Matches(
            given[0].curves,
            np.array([-1 if match is None else match.at for match in others]),
            [None if match is None else match.object_id for match in others],
            [150.0] * size,
            [30.0] * size,
        )
    at = np.array([at for at, _ in which])
    return alerts, encode_messages(alerts, curves, at, matches, max_bytes=max_bytes)


def message_of(survey, curves, at, match, max_bytes=NO_LIMIT):
    alerts, ([value], [is_truncated]) = messages_of(survey, curves, [(at, match)], max_bytes)
    return alerts, value, is_truncated


MESSAGES = [
    ("ztf", ZTF, [(0, None), (1, None), (-1, None), (0, None)]),
    (
        "ztf",
        ZTF,
        [(0, Match("17001", LSST, 0)), (1, None), (0, Match("17001", LSST, -1)), (-1, None)],
    ),
    ("lsst", LSST, [(0, None)]),
    ("lsst", LSST, [(-1, None), (0, Match("ZTF18aaaaaaa", ZTF, 0)), (0, Match("é", ZTF, 1))]),
]


@pytest.mark.parametrize(("survey", "curves", "which"), MESSAGES)
def test_messages_are_the_bytes_that_the_library_writes(survey, curves, which):
    alerts, found = messages_of(survey, curves, which)

    for i, (at, match) in enumerate(which):
        record = as_dicts(alerts, i, curves, at, match)
        assert found.values[i].split(SYNC_MARKER, 1)[1] == the_librarys_block(survey, record)
        assert not found.is_truncated[i]


@pytest.mark.parametrize(("survey", "curves", "which"), MESSAGES)
def test_any_reader_reads_a_message(survey, curves, which):
    alerts, found = messages_of(survey, curves, which)

    for i, (at, match) in enumerate(which):
        reader = fastavro.reader(io.BytesIO(found.values[i]))
        records = list(reader)
        expected = as_dicts(alerts, i, curves, at, match)
        if survey == "lsst":
            del expected["prv_nondetections"]
        assert reader.metadata["avro.codec"] == "null"
        assert json.dumps(records) == json.dumps([expected])


@pytest.mark.parametrize("points", [1, 63, 64, 5000])
def test_arrays_of_any_length_are_the_librarys(points):
    curves = make_curves(
        "ztf",
        detections=[[(JD + t, 1e12, 1e10, "r", 1.0, 2.0) for t in range(points)]],
        limits=[[(JD + t, 1e10, "g") for t in range(points)]],
        forced=[[(JD + t, None if t % 3 else 5.0, 1.0, "i") for t in range(points)]],
    )
    match = Match("ZTF18aaaaaaa", curves, 0)

    for survey, own, which in (("ztf", curves, (0, None)), ("lsst", LSST, (0, match))):
        alerts, value, _ = message_of(survey, own, *which)
        record = as_dicts(alerts, 0, own, *which)
        assert value.split(SYNC_MARKER, 1)[1] == the_librarys_block(survey, record)


@pytest.mark.parametrize("survey", ["ztf", "lsst"])
def test_the_embedded_schema_is_the_file(survey):
    _, value, _ = message_of(survey, ZTF, 0, None)

    reader = fastavro.reader(io.BytesIO(value))

    file = json.loads((SCHEMA_FILES / f"babamul_{survey}.avsc").read_text())
    assert json.loads(reader.metadata["avro.schema"]) == file
    assert " " not in reader.metadata["avro.schema"]


@pytest.mark.parametrize("survey", ["ztf", "lsst"])
def test_a_candidate_is_the_bytes_that_the_library_writes(survey):
    rng = np.random.default_rng(3)
    schema = record_schema(survey, "candidate")
    fields = {part["name"]: random_values(part["type"], rng, 8) for part in schema["fields"]}
    batch = make_batch(survey, 8, **fields)

    for value, i in zip(encode_candidates(batch), range(8), strict=True):
        stream = io.BytesIO()
        record = {name: values[i] for name, values in fields.items()}
        fastavro.schemaless_writer(stream, schema, record)
        assert value == stream.getvalue()


def random_values(kind, rng, size):
    if isinstance(kind, list):
        values = random_values(kind[1], rng, size)
        return [None if rng.random() < 0.3 else value for value in values]
    if isinstance(kind, dict):
        return [BANDS[i] for i in rng.integers(0, len(BANDS), size)]
    return {
        "double": lambda: rng.normal(0, 1e6, size).tolist(),
        "float": lambda: rng.normal(0, 10, size).astype(np.float32).astype(float).tolist(),
        "int": lambda: rng.integers(-(2**31), 2**31, size).tolist(),
        "long": lambda: rng.integers(-(2**62), 2**62, size).tolist(),
        "boolean": lambda: [bool(n) for n in rng.integers(0, 2, size)],
        "string": lambda: ["a" * int(n) for n in rng.integers(0, 90, size)],
    }[kind]()


def test_an_unknown_lsst_band_is_null():
    candidate = decoded("lsst", "candidate", stored("lsst", band=None)[0])

    assert candidate["band"] is None


def test_an_empty_batch_gives_nothing():
    empty = make_batch("ztf", 0)
    classes = classify(empty, None, None, RouteSettings())
    none = np.empty(0, int)
    stats = photstats(np.empty(0), ZTF, none, None, none)

    assert encode_candidates(empty) == []
    assert encode_properties(empty, classes, stats, stats) == []
    nothing = Alerts("ztf", [], [], [], [])
    assert encode_messages(nothing, ZTF, none, None, max_bytes=NO_LIMIT) == ([], [])


def test_ztf_properties_hold_flags_features_and_association():
    _, value, own, both = stored(
        "ztf", other=LSST, sgscore1=0.9, distpsnr1=0.5, ssnamenr="433", ssdistnr=13.5, ssmagnr=19.0
    )

    found = decoded("ztf", "properties", value)

    assert {k: found[k] for k in ("rock", "star", "near_brightstar", "stationary")} == {
        "rock": False, "star": True, "near_brightstar": False, "stationary": True,
    }  # fmt: skip
    assert found["photstats"] == own.as_records()[0]
    assert found["multisurvey_photstats"] == both.as_records()[0]
    assert found["multisurvey_photstats"]["u"] is not None
    assert found["sso"] == {
        "is_sso": True, "designation": "433", "separation_arcsec": 13.5, "predicted_mag": 19.0,
        "source": "ipac",
    }  # fmt: skip


@pytest.mark.parametrize("name", ["", "null", None])
def test_without_a_designation_there_is_no_association(name):
    value = stored("ztf", ssnamenr=name, ssdistnr=-999.0, ssmagnr=-999.0)[1]

    assert decoded("ztf", "properties", value)["sso"] == {
        "is_sso": False, "designation": None, "separation_arcsec": None, "predicted_mag": None,
        "source": "ipac",
    }  # fmt: skip


def test_lsst_properties_are_null_where_the_catalog_says_nothing():
    value = stored("lsst", LSST, rows=(), ra=265.05, dec=-32.25, ssObjectId=7)[1]

    found = decoded("lsst", "properties", value)

    assert (found["rock"], found["star"], found["near_brightstar"]) == (True, None, None)
    assert found["photstats"] == found["multisurvey_photstats"]


def test_properties_are_the_bytes_that_the_library_writes():
    curves = make_curves(
        "ztf",
        [[(JD + t, 1e12 * 2**t, 1e9, "r", 1.0, 2.0) for t in range(200)]],
    )
    batch = make_batch("ztf")
    classes = classify(batch, None, None, RouteSettings())
    at = np.array([0])
    stats = photstats(batch.jd_utc + 1000, curves, at, None, at)

    value = encode_properties(batch, classes, stats, stats)[0]

    stream = io.BytesIO()
    schema = record_schema("ztf", "properties")
    record = decoded("ztf", "properties", value)
    assert record["photstats"]["r"]["rising"]["nb_data"] == 200  # a count of two bytes
    fastavro.schemaless_writer(stream, schema, record)
    assert value == stream.getvalue()


def long_history():
    points = 5000
    return make_curves(
        "ztf",
        detections=[[(JD + t, 1e12, 1e10, "r", 1.0, 2.0) for t in range(10)]],
        limits=[[(JD + t, 1e10, "g") for t in range(points)]],
        forced=[[(JD + t, None if t % 3 else 5.0, 1.0, "g") for t in range(points)]],
    )


def test_a_long_history_that_fits_is_whole():
    _, value, is_truncated = message_of("ztf", long_history(), 0, None, max_bytes=8 * 2**20)

    record = next(iter(fastavro.reader(io.BytesIO(value))))
    assert not is_truncated
    assert [len(record[k]) for k in ("prv_candidates", "prv_nondetections", "fp_hists")] == [
        10, 5000, 5000,
    ]  # fmt: skip


@pytest.mark.parametrize("excess", [1, 18, 19, 1000, 100_000, 103_000, 150_000, 180_000])
def test_a_message_too_large_loses_its_oldest_points(excess):
    curves = long_history()
    _, whole, _ = message_of("ztf", curves, 0, None)
    allowed = len(whole) - excess

    _, value, is_truncated = message_of("ztf", curves, 0, None, max_bytes=allowed)

    record = next(iter(fastavro.reader(io.BytesIO(value))))
    forced_left, limits_left = record["fp_hists"], record["prv_nondetections"]
    assert is_truncated
    assert allowed - 26 - 8 <= len(value) <= allowed  # not more than it must
    assert len(record["prv_candidates"]) == 10
    assert forced_left == forced(curves, 0)[5000 - len(forced_left) :]
    assert limits_left == limits(curves, 0)[5000 - len(limits_left) :]
    assert len(limits_left) == 5000 or not forced_left


def test_a_matched_objects_history_is_shortened_too():
    match = Match("ZTF18aaaaaaa", long_history(), 0)
    _, whole, _ = message_of("lsst", LSST, 0, match)

    _, value, _ = message_of("lsst", LSST, 0, match, max_bytes=len(whole) - 50_000)

    record = next(iter(fastavro.reader(io.BytesIO(value))))["survey_matches"]["ztf"]
    assert len(value) <= len(whole) - 50_000
    assert len(record["fp_hists"]) < 5000
    assert len(record["prv_candidates"]) == 10


def test_detections_are_never_left_out():
    _, value, is_truncated = message_of("ztf", long_history(), 0, None, max_bytes=1000)

    record = next(iter(fastavro.reader(io.BytesIO(value))))
    assert is_truncated
    assert len(record["prv_candidates"]) == 10
    assert record["fp_hists"] == record["prv_nondetections"] == []
