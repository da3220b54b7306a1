"""Which partitions alerts get; whether ids of real packets lie where their time says."""

from datetime import date
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.alerts.partitions import Partition, wanted
from pipeline.surveys import SURVEYS, survey

TODAY = date(2026, 11, 22)
REAL = [
    # (survey, alert id, night of its exposure in UTC), as they stand in public packets.
    ("ztf", 396522680015025001, date(2018, 2, 1)),
    ("ztf", 3367537290415015010, date(2026, 3, 22)),
    ("lsst", 169813005919846484, date(2025, 12, 31)),
    ("lsst", 170591533447250193, date(2026, 6, 26)),
]


@pytest.mark.parametrize(("name", "alert_id", "day"), REAL)
def test_the_id_of_a_real_alert_says_its_day(name, alert_id, day):
    found = survey(name)

    assert alert_id // found.ids_per_day == (day - found.ids_zero).days


@pytest.mark.parametrize("one", SURVEYS, ids=lambda one: one.name)
@given(days=st.integers(1, 400), later=st.integers(0, 1000), shorter=st.integers(1, 400))
def test_partitions_follow_each_other_and_one_is_always_ahead(one, days, later, shorter):
    begun = wanted(one, [], TODAY, days)
    day = date.fromordinal(TODAY.toordinal() + later)

    grown = begun + wanted(one, begun, day, shorter)

    assert grown[0].first == 0
    assert all(a.end == b.first for a, b in pairwise(grown))
    assert grown[-1].end > ((day - one.ids_zero).days + shorter) * one.ids_per_day
    assert len({each.name for each in grown}) == len(grown)
    assert wanted(one, grown, day, shorter) == []


def test_a_table_with_old_alerts_is_parted_from_the_oldest_on():
    ztf = survey("ztf")
    oldest = ((TODAY - ztf.ids_zero).days - 100) * ztf.ids_per_day + 7

    found = wanted(ztf, [], TODAY, 30, oldest)

    assert found[1].first <= oldest < found[1].end
    assert [each.name for each in found[:3]] == [
        "alerts_ztf_before",
        "alerts_ztf_20260812",
        "alerts_ztf_20260911",
    ]


def test_another_surveys_partitions_do_not_count():
    other = Partition("lsst", 0, 2**62, "alerts_lsst_before")

    assert wanted(survey("ztf"), [other], TODAY, 30)[0].name == "alerts_ztf_before"
