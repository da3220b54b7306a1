"""LSST packets in, columns and points out: rules one by one on packets made here."""

import json
import math

import numpy as np
import pytest

from broker.avro_schema import SchemaCache
from pipeline.surveys import lsst
from pipeline.surveys.columns import fields_by_type
from tests.samples import framed
from tests.unit.pipeline.surveys.lsst_packets import (
    OLD_SCHEMA_ID,
    SCHEMA_ID,
    alert,
    decode,
    forced,
    old_source,
    only,
    packet,
    row,
    value,
)

BANDS = "grizyujhk"


def test_ids_time_and_position_are_exact():
    batch = only(alert())

    assert batch.candid.tolist() == [2**60 + 1]
    assert batch.object_id.tolist() == [str(2**60 + 3)]
    assert value(batch, "diaObjectId") == 2**60 + 3
    assert batch.jd_utc[0] == pytest.approx(2461220.75 - 37 / 86_400, rel=0, abs=1e-8)
    assert (batch.ra_deg[0], batch.dec_deg[0], batch.band[0]) == (53.0, -28.0, BANDS.index("i"))
    assert batch.is_public.tolist() == [True]


def test_every_field_of_the_output_candidate_is_there():
    names = {name for group in fields_by_type("babamul_lsst.avsc").values() for name in group}

    assert only(alert()).candidate.keys() == names
    assert len(names) == 87


def test_no_packets_give_an_empty_batch():
    batch, rejected = lsst.decode([])

    assert (len(batch), rejected) == (0, [])
    assert [len(series.rows) for series in batch.series()] == [0, 0, 0]


@pytest.mark.parametrize(
    ("ids", "name"),
    [
        ({"diaObjectId": 7, "ssObjectId": 0}, "7"),
        ({"diaObjectId": 0, "ssObjectId": 9}, "sso9"),
        ({"diaObjectId": None, "ssObjectId": 2**62}, f"sso{2**62}"),
        ({"diaObjectId": 0, "ssObjectId": 0}, None),
        ({"diaObjectId": None, "ssObjectId": None}, None),
    ],
    ids=["object", "solar system", "null object", "zeros", "nulls"],
)
def test_zero_means_no_object(ids, name):
    batch = only(alert(ids))

    assert batch.object_id.tolist() == [name]
    assert [value(batch, key) for key in ids] == [number or None for number in ids.values()]


def test_magnitudes_follow_the_published_check():
    # babamul.md §7.4.
    source = {"psfFlux": -1230.2758, "psfFluxErr": 245.9368, "midpointMjdTai": 60961.23309222}
    batch = only(alert(source))

    expected = {"magpsf": 23.674994, "sigmapsf": 0.217043, "diffmaglim": 23.675516}
    assert {name: value(batch, name) for name in expected} == pytest.approx(expected, abs=1e-6)
    assert value(batch, "jd") == pytest.approx(2460961.73266398, rel=0, abs=5e-9)
    assert [value(batch, "isdiffpos")] == [False]
    assert value(batch, "snr_psf") == value(batch, "snr") == pytest.approx(1230.2758 / 245.9368)


def test_a_given_snr_is_kept_and_chi_is_divided_by_its_pixels():
    batch = only(alert({"snr": 3.5, "psfChi2": 200.0, "apFlux": 3631.0, "apFluxErr": 36.31}))

    assert (value(batch, "snr"), value(batch, "chipsf")) == (3.5, 2.0)
    # 3631 nJy: −2.5 log10(3631) + 31.4.
    assert value(batch, "magap") == pytest.approx(22.5 - 1.51e-5, abs=1e-4)
    assert value(batch, "sigmagap") == pytest.approx(0.010857362)
    assert value(batch, "snr_ap") == pytest.approx(100)


def test_without_pixels_there_is_no_chi():
    assert value(only(alert({"psfChi2": 200.0, "psfNdata": 0})), "chipsf") is None


@pytest.mark.parametrize("flux", [0.0, None, math.nan, math.inf], ids=str)
def test_without_flux_there_is_no_magnitude_and_no_point(flux):
    batch = only(alert({"psfFlux": flux}))

    assert value(batch, "magpsf") is None
    assert np.isnan(batch.candidate["magpsf"].values[0])
    assert len(batch.detections.rows) == 0


def test_flags_tell_false_from_null():
    batch = only(alert({"pixelFlags": True, "isDipole": False, "glint_trail": None}))

    assert [value(batch, name) for name in ("pixelFlags", "isDipole", "glint_trail")] == [
        True,
        False,
        None,
    ]


def test_a_flux_of_minus_999_is_a_flux():
    assert value(only(alert({"psfFlux": -999.0})), "psfFlux") == -999.0


def dia_object(**values):
    schema = lsst.package_schema(SCHEMA_ID)
    fields = schema["__named_schemas"]["lsst.v11_1.diaObject"]["fields"]
    zeros = {"long": 0, "int": 0, "double": 0.0, "float": 0.0}
    return {f["name"]: zeros[f["type"]] for f in fields if f["type"] in list(zeros)} | values


def test_the_object_gives_its_first_time_and_number_of_sources():
    given = dia_object(firstDiaSourceMjdTai=61000.0, nDiaSources=17)
    batch = only(alert(diaObject=given))

    assert value(batch, "jdstarthist") == pytest.approx(2461000.5 - 37 / 86_400, rel=0, abs=1e-8)
    assert value(batch, "ndethist") == 17


@pytest.mark.parametrize("first", [None, 0.0, -1.0, math.nan], ids=str)
def test_a_first_time_of_none_is_null(first):
    given = dia_object(firstDiaSourceMjdTai=first, nDiaSources=1)

    assert value(only(alert(diaObject=given)), "jdstarthist") is None


def test_history_and_forced_photometry_become_points():
    history = [row(psfFlux=-5.0, band="u"), row(psfFlux=None), row(band=None), row(psfFluxErr=0.0)]
    batch = only(alert(prvDiaSources=history, prvDiaForcedSources=[forced(), forced(psfFlux=None)]))

    assert batch.detections.rows["flux"].tolist() == [1000.0, -5.0]
    assert batch.detections.rows["band"].tolist() == [2 * BANDS.index("i"), 2 * BANDS.index("u")]
    assert batch.forced.rows["has_flux"].tolist() == [2, 0]
    assert batch.forced.rows["flux"].tolist() == [-20.0, 0.0]
    assert batch.forced.rows["jd_utc"] == pytest.approx(2461219.5 - 37 / 86_400, abs=1e-8)


@pytest.mark.parametrize(
    "values", [{"psfFluxErr": None}, {"band": "w"}, {"midpointMjdTai": 0.0}], ids=str
)
def test_forced_photometry_without_error_band_or_time_is_left_out(values):
    assert len(only(alert(prvDiaForcedSources=[forced(**values)])).forced.rows) == 0


@pytest.mark.parametrize(
    ("source", "field"),
    [
        ({"ra": math.nan}, "ra"),
        ({"dec": -91.0}, "dec"),
        ({"midpointMjdTai": math.nan}, "midpointMjdTai"),
        ({"midpointMjdTai": 2461220.75}, "midpointMjdTai"),
        ({"detector": 2**40}, "detector"),
    ],
    ids=str,
)
def test_an_unusable_time_or_position_is_rejected_by_name(source, field):
    batch, (rejected,) = decode(alert(source))

    assert (len(batch), rejected.reason) == (0, "bad_value")
    assert rejected.message.startswith(f"{field} ")


def test_an_id_of_zero_is_rejected():
    record = alert()
    record["diaSource"]["diaSourceId"] = 0
    batch, (rejected,) = decode(record)

    assert (len(batch), rejected.reason, rejected.message[:11]) == (0, "bad_value", "diaSourceId")


def test_bytes_of_another_version_are_a_dead_letter_and_the_range_goes_on():
    good = packet(alert())
    older = good[:1] + (1000).to_bytes(4, "big") + good[5:]
    unknown = good[:1] + (9999).to_bytes(4, "big") + good[5:]
    batch, rejected = decode(good, older, unknown, good[:-4], good)

    assert [one.offset for one in batch.packets] == [0, 4]
    assert rejected[0].reason in {"bad_value", "truncated"}
    assert (rejected[1].reason, "9999" in rejected[1].message) == ("unknown_schema", True)
    assert rejected[2].reason == "truncated"


@pytest.mark.parametrize(
    "schema_id",
    [300, 400, 500, 600, 601, 700, 701, 702, 703, 704, 800, 900, 1000, 1100, 1101],
)
def test_every_version_of_the_package_names_what_is_needed(schema_id):
    schema = lsst.package_schema(schema_id)
    fields = {field["name"]: field["type"] for field in schema["fields"]}
    source = {lsst.TODAYS_NAMES.get(f["name"], f["name"]) for f in fields["diaSource"]["fields"]}

    assert {"diaSourceId", "midpointMjdTai", "ra", "dec", "psfFlux", "band"} <= source
    assert {"prvDiaSources", "prvDiaForcedSources", "diaObject"} <= fields.keys()


def test_old_names_are_read_as_todays():
    source = old_source()
    old = packet({"alertId": 1, "diaSource": source, "prvDiaSources": [source]}, OLD_SCHEMA_ID)
    batch, rejected = decode(old, alert())

    assert rejected == []
    assert batch.dec_deg.tolist() == [-5.0, -28.0]
    assert batch.jd_utc[0] == pytest.approx(2457095.5 - 35 / 86_400, abs=1e-8)
    assert batch.candidate["psfFlux"].values.tolist() == [-70.0, 1000.0]
    assert sorted(batch.detections.rows["flux"].tolist()) == [-70.0, -70.0, 1000.0]


def test_a_schema_from_a_directory_serves_ids_that_the_package_lacks(tmp_path, monkeypatch):
    text = json.dumps({k: v for k, v in lsst.package_schema(SCHEMA_ID).items() if k[0] != "_"})
    (tmp_path / "77.avsc").write_text(text)
    cache = SchemaCache([lsst.package_schema, lambda i: lsst.directory_schema(str(tmp_path), i)])
    monkeypatch.setattr(lsst, "_schemas", lambda: cache)

    batch, _ = decode(b"\0" + (77).to_bytes(4, "big") + packet(alert())[5:])

    assert len(batch) == 1


def test_values_of_a_type_that_nobody_expected_stay_alone(monkeypatch):
    schema = json.loads(
        json.dumps({k: v for k, v in lsst.package_schema(1101).items() if k[0] != "_"})
    )
    fields = next(f for f in schema["fields"] if f["name"] == "diaSource")["type"]["fields"]
    next(f for f in fields if f["name"] == "psfFlux")["type"] = ["null", "string"]
    cache = SchemaCache([lsst.package_schema, {5: schema}.get])
    monkeypatch.setattr(lsst, "_schemas", lambda: cache)

    batch, rejected = decode(alert(), framed(schema, 5, alert({"psfFlux": "bright"})), alert())

    assert [one.offset for one in batch.packets] == [0, 2]
    assert [(one.packet.offset, one.reason) for one in rejected] == [(1, "unexpected")]
    assert "bright" in rejected[0].message
    assert "Traceback" in rejected[0].traceback
