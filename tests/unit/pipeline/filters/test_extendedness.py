"""The extendedness filter over columns: rule by rule, and as often as the design counts."""

import math
import statistics

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from broker.kafka_types import Packet
from broker.sections.selected import ExtendednessSettings, SelectedSettings
from pipeline.filters import extendedness
from pipeline.surveys import lsst
from pipeline.surveys.rows import RecordRows
from tests import samples
from tests.unit.pipeline.alerts.batches import make_batch
from tests.unit.pipeline.filters.golden import REQUIRED, by_thresholds
from tests.unit.pipeline.surveys.lsst_packets import alert, only, row

SHARES = st.floats(0, 1, width=32)


def settings(**values):
    return SelectedSettings(extendedness=ExtendednessSettings(**values))


def reason(values, has_sssource=True, **rule):
    batch = make_batch("lsst", measured=[tuple(values)], has_sssource=has_sssource)
    (found,) = extendedness.judge(batch, settings(**rule)).reason.tolist()
    return found


def test_an_alert_none_of_whose_sources_was_measured_is_refused():
    assert reason([]) == "no_extendedness"


def test_an_alert_outside_a_threshold_is_refused_with_the_first_reason():
    assert reason([0.1], median_min=0.2, min_threshold=0.2) == "median_out_of_range"
    assert reason([0.9], median_max=0.8, max_threshold=0.8) == "median_out_of_range"
    assert reason([0.1, 0.9, 0.9], min_threshold=0.2) == "minimum_too_low"
    assert reason([0.1, 0.1, 0.9], max_threshold=0.8, has_sssource=False) == "maximum_too_high"


def test_thresholds_are_inclusive():
    rule = {"median_min": 0.5, "median_max": 0.5, "min_threshold": 0.25, "max_threshold": 0.75}

    assert reason([0.75, 0.25], **rule) is None


@pytest.mark.parametrize(
    ("required", "has_sssource", "expected"),
    [
        (True, True, None),
        (True, False, "no_sssource"),
        (False, True, "sssource"),
        (False, False, None),
        ("any", True, None),
        ("any", False, None),
    ],
)
def test_the_solar_system_is_required_forbidden_or_neither(required, has_sssource, expected):
    assert reason([0.5], has_sssource, require_sssource=required) == expected


def test_what_is_said_of_an_alert_stands_beside_the_verdict():
    batch = make_batch("lsst", 2, measured=[(1.0, 0.0, 0.25, 0.5), ()], has_sssource=True)

    facts = extendedness.judge(batch, settings()).facts

    assert list(facts) == [
        "extendedness_median", "extendedness_min", "extendedness_max", "n_extendedness",
        "has_sssource",
    ]  # fmt: skip
    assert [values[0] for values in facts.values()] == [0.375, 0.0, 1.0, 4, True]
    assert np.isnan(facts["extendedness_median"][1])
    assert facts["n_extendedness"][1] == 0


def test_no_alerts_are_no_trouble():
    empty = make_batch("lsst").take(np.empty(0, np.int64))

    assert extendedness.judge(empty, settings()).reason.tolist() == []


@given(st.lists(st.lists(SHARES, max_size=9), min_size=1, max_size=9))
def test_statistics_are_those_of_the_standard_library(rows):
    batch = make_batch("lsst", len(rows), measured=[tuple(each) for each in rows])

    found = extendedness.statistics(batch.extendedness, len(rows))

    wanted = [(statistics.median(each), min(each), max(each)) if each else None for each in rows]
    got = [
        None if math.isnan(median) else (median, low, high)
        for median, low, high, _ in zip(*(column.tolist() for column in found), strict=True)
    ]
    assert got == wanted
    assert found.n.tolist() == [len(each) for each in rows]


def test_own_and_earlier_sources_count_but_for_null_and_nan():
    earlier = [row(extendedness=each) for each in (0.5, None, math.nan, 1.0)]

    batch = only(alert({"extendedness": 0.25}, prvDiaSources=earlier))

    assert sorted(batch.extendedness.rows.tolist()) == [0.25, 0.5, 1.0]
    assert batch.extendedness.parent.tolist() == [0, 0, 0]


@pytest.mark.parametrize(("ss_object_id", "expected"), [(None, False), (0, False), (9, True)])
def test_an_id_of_the_solar_system_is_an_association_and_0_is_none(ss_object_id, expected):
    assert only(alert({"ssObjectId": ss_object_id})).has_sssource.tolist() == [expected]


def test_a_record_of_the_solar_system_is_an_association_without_an_id():
    records = [{"ssSource": {}}, {"ssObject": {}}, {"ssSource": None}, {}]

    assert lsst._has_sssource(RecordRows(records)).tolist() == [True, True, False, False]


@pytest.fixture(scope="module")
def rubin():
    packets = [Packet(offset, 0, one.value) for offset, one in enumerate(samples.rubin())]
    batch, _ = lsst.decode(packets)
    return batch


def count(batch, **rule):
    return int(extendedness.judge(batch, settings(**rule)).is_selected.sum())


@pytest.mark.samples
@by_thresholds
def test_as_many_real_alerts_are_selected_as_the_design_counts(rubin, thresholds, counts):
    assert tuple(count(rubin, **thresholds, require_sssource=r) for r in REQUIRED) == counts


@pytest.mark.samples
@pytest.mark.parametrize(
    ("candid", "measured", "median", "minimum", "maximum"),
    [
        (169813006111211588, 1, 0.31179, 0.31179, 0.31179),
        (170046085932777529, 5, 1.0, 0.923259, 1.0),
        (170046106280394876, 6, 0.854106, 0.115175, 0.988649),
        (170094456248729605, 292, 0.378339, 4.5e-7, 1.0),
        (170094456523456557, 182, 0.620584, 9.8e-5, 0.986368),
    ],
)
def test_statistics_of_real_histories(rubin, candid, measured, median, minimum, maximum):
    found = extendedness.statistics(rubin.extendedness, len(rubin))
    (at,) = np.flatnonzero(rubin.candid == candid)

    assert found.n[at] == measured
    got = (found.median[at], found.minimum[at], found.maximum[at])
    assert got == pytest.approx((median, minimum, maximum), rel=0, abs=1e-6)


@pytest.mark.samples
def test_alerts_of_2020_are_refused_for_want_of_extendedness(monkeypatch):
    known = {samples.LEGACY_SCHEMA_ID: samples.legacy_schema()}.get
    monkeypatch.setattr(lsst, "_schemas", lambda: lsst.SchemaCache([known]))
    batch, rejected = lsst.decode([Packet(0, 0, one.value) for one in samples.legacy()])

    assert rejected == []
    assert set(extendedness.judge(batch, settings()).reason.tolist()) == {"no_extendedness"}
