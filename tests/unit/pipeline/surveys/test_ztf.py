"""ZTF packets in, columns out: rules one by one on packets made here."""

import math

import numpy as np
import pytest

from pipeline.surveys import ztf
from pipeline.surveys.columns import fields_by_type
from tests.samples import container
from tests.unit.pipeline.surveys.ztf_packets import (
    FITS,
    SCHEMA,
    alert,
    decode,
    only,
    row,
    stamp,
    why,
)


def test_ids_time_and_position_are_exact():
    batch = only(alert())

    assert batch.candid.tolist() == [2**61 + 1]
    assert batch.candidate["candid"].values.tolist() == [2**61 + 1]
    assert batch.object_id.tolist() == ["ZTF26aaaaaaa"]
    assert (batch.jd_utc[0], batch.ra_deg[0], batch.dec_deg[0]) == (2461001.75, 150.25, -12.5)
    assert (batch.band.tolist(), batch.is_public.tolist(), batch.score.tolist()) == (
        [1],
        [True],
        [0.75],
    )


def test_every_field_of_the_output_candidate_is_there():
    names = {name for group in fields_by_type("babamul_ztf.avsc").values() for name in group}

    assert only(alert()).candidate.keys() == names
    assert len(names) == 84


def test_no_packets_give_an_empty_batch():
    batch, rejected = ztf.decode([])

    assert (len(batch), rejected) == (0, [])
    assert [len(series.rows) for series in batch.series()] == [0, 0, 0]


def test_fluxes_follow_the_published_check():
    # babamul.md §7.4; float32 magnitudes as a packet carries them.
    given = {"magpsf": 14.906532, "sigmapsf": 0.0153339535, "isdiffpos": "f"}
    candidate = only(alert(given)).candidate

    assert candidate["psfFlux"].values[0] == pytest.approx(-3.95719e12, rel=2e-6)
    assert candidate["psfFluxErr"].values[0] == pytest.approx(5.58878e10, rel=2e-6)
    assert candidate["snr_psf"].values[0] == pytest.approx(3.95719e12 / 5.58878e10, rel=2e-6)
    assert candidate["apFlux"].values[0] == pytest.approx(-(10 ** (-0.4 * (18 - 23.9))) * 1e9)
    assert candidate["snr_ap"].values[0] == pytest.approx(1.0857362 / 0.25)


@pytest.mark.parametrize(
    ("text", "sign"),
    [
        ("t", 1),
        ("T", 1),
        ("true", 1),
        ("True", 1),
        ("1", 1),
        ("f", -1),
        ("F", -1),
        ("false", -1),
        ("0", -1),
    ],
)
def test_every_form_of_isdiffpos_gives_its_sign(text, sign):
    batch = only(alert({"isdiffpos": text}))

    assert np.sign(batch.candidate["psfFlux"].values[0]) == sign
    assert batch.candidate["isdiffpos"].values.tolist() == [sign > 0]


def test_numbers_and_booleans_are_signs_too():
    assert ztf.SIGN_BY_ISDIFFPOS[True] == ztf.SIGN_BY_ISDIFFPOS[1] == 1
    assert ztf.SIGN_BY_ISDIFFPOS[False] == ztf.SIGN_BY_ISDIFFPOS[0] == -1


@pytest.mark.parametrize("text", ["", "null", "x"])
def test_an_unknown_sign_leaves_no_flux(text):
    batch = only(alert({"isdiffpos": text}))

    assert not batch.candidate["isdiffpos"].valid[0]
    assert not batch.candidate["psfFlux"].valid[0]
    assert len(batch.detections.rows) == 0


@pytest.mark.parametrize("value", [-999.0, math.nan, math.inf, None], ids=str)
def test_sentinel_nan_and_null_are_null(value):
    column = only(alert({"sgscore2": value})).candidate["sgscore2"]

    assert (column.valid.tolist(), np.isnan(column.values).tolist()) == ([False], [True])


def test_integer_sentinels_are_null_and_zero_is_a_value():
    candidate = only(alert({"nid": -999, "rcid": 0, "field": None})).candidate

    assert [candidate[name].valid[0] for name in ("nid", "rcid", "field")] == [False, True, False]


@pytest.mark.parametrize("text", ["null", "", None], ids=str)
def test_a_name_of_null_is_null(text):
    column = only(alert({"ssnamenr": text})).candidate["ssnamenr"]

    assert (column.valid.tolist(), column.values.tolist()) == ([False], [None])


def test_a_required_number_that_lacks_is_nan_and_the_alert_stays():
    candidate = only(alert({"ranr": -999.0, "magpsf": math.nan})).candidate

    assert np.isnan(candidate["ranr"].values[0])
    assert not candidate["magpsf"].valid[0]


def test_another_filter_is_stored_without_band_and_without_point():
    batch = only(alert({"fid": 4}))

    assert (batch.band.tolist(), batch.candidate["band"].valid.tolist()) == ([-1], [False])
    assert len(batch.detections.rows) == 0


def test_a_missing_object_id_is_no_reason_to_reject():
    assert only(alert(objectId="")).object_id.tolist() == [None]


@pytest.mark.parametrize(
    ("candidate", "values", "field"),
    [
        ({"jd": math.nan}, {}, "jd"),
        ({"jd": -999.0}, {}, "jd"),
        ({"jd": 1e300}, {}, "jd"),
        ({"jd": 61000.5}, {}, "jd"),
        ({"ra": math.inf}, {}, "ra"),
        ({"ra": 360.5}, {}, "ra"),
        ({"ra": -0.1}, {}, "ra"),
        ({"dec": 90.1}, {}, "dec"),
        ({"dec": math.nan}, {}, "dec"),
        ({}, {"candid": 0}, "candid"),
        ({}, {"candid": -999}, "candid"),
        ({}, {"objectId": "ZTF\0"}, "objectId"),
        ({}, {"objectId": "Z" * 65}, "objectId"),
        ({}, {"objectId": "ZTFå"}, "objectId"),
        ({"ndethist": 2**31}, {}, "ndethist"),
    ],
    ids=lambda value: str(value)[:30],
)
def test_an_unusable_id_time_or_position_is_rejected_by_name(candidate, values, field):
    reason, message = why(alert(candidate, **values))

    assert reason == "bad_value"
    assert message.startswith(f"{field} ")


@pytest.mark.parametrize(
    ("images", "has_cutouts", "bad"),
    [
        ([FITS, b"SIMPLE  =", FITS], True, 0),
        ([FITS, b"<html>", b"PK"], True, 2),
        ([b"<html>", None, b""], False, 1),
        ([None, None, None], False, 0),
    ],
    ids=["good", "two bad", "all bad", "none"],
)
def test_cutouts_are_judged_by_their_first_bytes(images, has_cutouts, bad):
    names = ("cutoutScience", "cutoutTemplate", "cutoutDifference")
    cutouts = {
        name: None if data is None else stamp(data)
        for name, data in zip(names, images, strict=True)
    }
    batch = only(alert(**cutouts))

    assert (batch.has_cutouts.tolist(), batch.bad_images.tolist()) == ([has_cutouts], [bad])


def test_ten_thousand_rows_pass_and_one_more_does_not():
    assert len(only(alert(prv_candidates=[row(diffmaglim=20.0)] * 10_000)).limits.rows) == 10_000
    reason, message = why(alert(prv_candidates=[row()] * 10_001))

    assert (reason, message) == ("array_too_long", "prv_candidates: 10001 rows; at most 10000")


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (b"", "empty"),
        (b"Ob", "truncated"),
        (b"Obj\x01", "truncated"),
        (b"\0" * 2**23 + b"\0", "too_large"),
        (container(SCHEMA, alert())[:-1], "truncated"),
        (container(SCHEMA, alert(), alert()), "many_records"),
        (container({"type": "record", "name": "a", "fields": []}, {}), "schema_not_allowed"),
    ],
    ids=["empty", "two bytes", "no header", "9 MB", "cut", "two records", "other schema"],
)
def test_a_bad_packet_never_disturbs_its_neighbours(value, reason):
    good = container(SCHEMA, alert())
    batch, rejected = decode(good, value, good)

    assert [packet.offset for packet in batch.packets] == [0, 2]
    assert [(one.packet.offset, one.reason) for one in rejected] == [(1, reason)]


def test_bad_packets_of_every_kind_stand_in_order_of_offset():
    bad_place = alert({"ra": math.nan})
    batch, rejected = decode(bad_place, b"", alert(), bad_place)

    assert [packet.offset for packet in batch.packets] == [2]
    assert [one.packet.offset for one in rejected] == [0, 1, 3]
    assert batch.detections.parent.tolist() == [0]
