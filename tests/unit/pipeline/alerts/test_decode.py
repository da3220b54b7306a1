"""Every real packet equals a plain reading of fastavro's record, field by field."""

from collections import Counter
from functools import cache

import numpy as np
import pytest

from broker.avro_schema import SchemaCache
from broker.kafka_types import Packet
from pipeline import surveys
from pipeline.alerts.batch import SERIES
from pipeline.surveys import lsst
from tests import decode_oracle, samples

JD_TOLERANCE_D = 1e-9  # the spacing of float64 at these dates
FLUX_TOLERANCE = 1e-12

pytestmark = pytest.mark.samples


def read(survey, found):
    packets = [Packet(offset, 0, one.value) for offset, one in enumerate(found)]
    batch, rejected = surveys.survey(survey).decode(packets)
    assert rejected == []
    assert batch.packets == packets
    return batch


@cache
def ztf_originals():
    return samples.ztf_originals(), read("ztf", samples.ztf_originals())


@cache
def ztf_rewritten():
    return samples.ztf_rewritten(), read("ztf", samples.ztf_rewritten())


@cache
def rubin_alerts():
    return samples.rubin(), read("lsst", samples.rubin())


def legacy_alerts():
    known = {samples.LEGACY_SCHEMA_ID: samples.legacy_schema()}.get
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(lsst, "_schemas", lambda: SchemaCache([known]))
        return samples.legacy(), read("lsst", samples.legacy())


@pytest.fixture(params=[ztf_originals, ztf_rewritten], ids=["originals", "rewritten"])
def ztf(request):
    return request.param()


@pytest.fixture(params=[rubin_alerts, legacy_alerts], ids=["rubin", "legacy"])
def rubin(request):
    return request.param()


def assert_same_columns(batch, expected):
    for name, column in batch.candidate.items():
        wanted = [candidate[name] for candidate in expected]
        assert column.valid.tolist() == [value is not None for value in wanted], name
        got = [
            value
            for value, valid in zip(column.values.tolist(), column.valid, strict=True)
            if valid
        ]
        wanted = [value for value in wanted if value is not None]
        if isinstance(wanted[0] if wanted else None, float):
            tolerance = (
                {"rel": 0, "abs": JD_TOLERANCE_D} if name[:2] == "jd" else {"rel": FLUX_TOLERANCE}
            )
            assert got == pytest.approx(wanted, **tolerance), name
        else:
            assert got == wanted, name


def assert_same_points(batch, expected):
    for number, (series, dtype) in enumerate(zip(batch.series(), SERIES, strict=True)):
        wanted = [(i, *point) for i, curves in enumerate(expected) for point in curves[number]]
        assert series.rows.dtype == dtype
        order = np.argsort(series.parent, kind="stable")
        assert series.parent[order].tolist() == [row[0] for row in wanted]
        for at, name in enumerate(dtype.names, start=1):
            got = series.rows[name][order].tolist()
            tolerance = {"rel": 0, "abs": JD_TOLERANCE_D} if at == 1 else {"rel": FLUX_TOLERANCE}
            assert got == pytest.approx([row[at] for row in wanted], **tolerance), name


def test_every_ztf_candidate_equals_a_plain_reading(ztf):
    found, batch = ztf
    names = list(batch.candidate)

    assert_same_columns(batch, [decode_oracle.ztf_candidate(one.record, names) for one in found])


def test_every_ztf_point_equals_a_plain_reading(ztf):
    found, batch = ztf

    assert_same_points(batch, [decode_oracle.ztf_points(one.record) for one in found])


def test_what_ztf_passes_on_is_bit_equal(ztf):
    found, batch = ztf
    records = [one.record for one in found]

    assert batch.candid.tolist() == [record["candid"] for record in records]
    assert batch.object_id.tolist() == [record["objectId"] for record in records]
    for name, values in (("jd", batch.jd_utc), ("ra", batch.ra_deg), ("dec", batch.dec_deg)):
        assert values.tolist() == [record["candidate"][name] for record in records]
    assert batch.has_cutouts.all()
    assert not batch.bad_images.any()


def test_every_lsst_candidate_equals_a_plain_reading(rubin):
    found, batch = rubin
    names = list(batch.candidate)

    assert_same_columns(batch, [decode_oracle.lsst_candidate(one.record, names) for one in found])


def test_every_lsst_point_equals_a_plain_reading(rubin):
    found, batch = rubin

    assert_same_points(batch, [decode_oracle.lsst_points(one.record) for one in found])


def test_every_lsst_alert_has_cutouts(rubin):
    _, batch = rubin

    assert batch.has_cutouts.all()
    assert not batch.bad_images.any()


def test_the_original_packets_have_the_counts_of_their_description():
    found, batch = ztf_originals()
    generations = Counter(one.name.split("/")[-2] for one in found)

    assert dict(generations) == {
        "vpre": 5,
        "v2.0": 4,
        "v3.0": 2,
        "v3.1": 1,
        "v3.2": 360,
        "v3.3": 53,
        "v3.5": 2,
        "v4.01": 21,
    }
    assert int((~batch.is_public).sum()) == 13
    assert int((~batch.candidate["drb"].valid).sum()) == 372
    assert int((batch.candidate["sgscore1"].values == 0.5).sum()) == 56
    assert int((~batch.candidate["sgscore1"].valid).sum()) == 10
    assert batch.candidate["isdiffpos"].values.sum() == 270


def test_no_row_of_history_that_is_not_public_becomes_a_point():
    found, batch = ztf_originals()
    rows = [(i, row) for i, one in enumerate(found) for row in one.record["prv_candidates"] or []]
    hidden = [(i, row["jd"]) for i, row in rows if row["programid"] != 1]

    points = {
        (parent, jd)
        for series in batch.series()
        for parent, jd in zip(series.parent.tolist(), series.rows["jd_utc"].tolist(), strict=True)
    }
    assert len(hidden) == 249
    assert points.isdisjoint(hidden)


def test_forced_photometry_of_both_layouts_is_found():
    found, batch = ztf_originals()

    # 41 rows of the two packets of 3.5, and 210 of procstatus "0" in 4.01, all with errors.
    by_generation = Counter(found[i].name.split("/")[-2] for i in batch.forced.parent)
    assert by_generation == {"v3.5": 41, "v4.01": 210}


def test_the_rubin_alerts_have_the_counts_of_their_description():
    _, batch = rubin_alerts()

    assert sum(name.startswith("sso") for name in batch.object_id) == 10
    assert int(batch.candidate["diaObjectId"].valid.sum()) == 35
    assert int((batch.candidate["psfFlux"].values < 0).sum()) == 3
    assert int(batch.candidate["isNegative"].values.sum()) == 1
    assert int((batch.score >= 0.5).sum()) == 26
    assert Counter("grizyujhk"[i] for i in batch.band) == {"i": 41, "z": 2, "g": 1, "r": 1}
    assert len(batch.forced.rows) == 1695
    assert batch.candid.min() > 2**53


def test_a_packet_alone_gives_what_it_gives_among_others():
    found = samples.ztf_originals()[::40]
    together = read("ztf", found)

    for i, one in enumerate(found):
        alone, among = read("ztf", [one]), together.take(np.array([i]))
        for name, column in alone.candidate.items():
            np.testing.assert_array_equal(column.values, among.candidate[name].values)
            np.testing.assert_array_equal(column.valid, among.candidate[name].valid)
        for mine, theirs in zip(alone.series(), among.series(), strict=True):
            assert mine.rows.tobytes() == theirs.rows.tobytes()


@pytest.mark.parametrize(
    ("survey", "load"),
    [("ztf", samples.ztf_originals), ("lsst", samples.rubin)],
    ids=["ztf", "lsst"],
)
def test_cut_and_changed_real_packets_are_named_and_disturb_nobody(survey, load):
    value = load()[0].value
    randomness = np.random.default_rng(20260629)
    bad = [value[: int(length)] for length in randomness.integers(1, len(value), 40)]
    for _ in range(60):
        changed = bytearray(value)
        # Beyond the header, whose change is another schema's matter; images are most of the rest.
        first = value.find(b"ZTF1") if survey == "ztf" else 5
        for at in randomness.integers(first, first + 3000, 3):
            changed[at] = randomness.integers(256)
        bad.append(bytes(changed))
    mixed = [value, *bad, value]

    batch, rejected = surveys.survey(survey).decode(
        [Packet(i, 0, one) for i, one in enumerate(mixed)]
    )

    assert len(batch) + len(rejected) == len(mixed)
    assert (batch.packets[0].offset, batch.packets[-1].offset) == (0, len(mixed) - 1)
    assert {one.reason for one in rejected} <= {"truncated", "bad_value", "array_too_long"}
    assert sum(one.reason == "truncated" for one in rejected) >= 40
