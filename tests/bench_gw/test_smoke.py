"""A few notices are timed on the tests' own parts; a missed goal is told."""

import pytest

from tests.bench_gw import notices, report
from tests.bench_gw.profiles import PROFILES
from tests.e2e.follow_up import own_topics

SMOKE = PROFILES["smoke"]
PLAN = {
    "map": "small",
    "how": "alone",
    "telescope": "TCA",
    "tiles": 10,
    "took_s": 9.0,
    "peak_bytes": 8 * 10**8,
    "failure": "",
}
FIGURES = {
    "profile": "smoke",
    "date": "2026-11-21 20:00 UTC",
    "machine": {"commit": "abc", "processor": "x", "cores": 2, "memory_gb": 25.0},
    "load": 0.1,
    "notice_bytes": 1_600_000,
    "notices": {"nothing else to do": report.summary([0.1] * 99 + [0.4])},
    "alerts": 0,
    "alerts_hz": 0.0,
    "plans": [PLAN],
}


@pytest.mark.e2e
@pytest.mark.slow
def test_notices_are_timed_from_kafka_to_their_steps(make_system):
    given = notices.notices()
    with make_system("bench-gw") as system, own_topics(system):
        system.start_listeners("igwn")
        notices.take(SMOKE.warm, SMOKE.gap_s, given)

        took_s = notices.take(SMOKE.idle, SMOKE.gap_s, given)

        assert len(took_s) == SMOKE.idle
        assert all(each > 0 for each in took_s)
        assert system.sql("SELECT count(*) FROM gw_skymaps") == [(1,)]


def test_events_are_counted_as_ligo_does():
    counted = [notices._letters(number) for number in (0, 25, 26, 51, 52, 701, 702)]

    assert counted == ["a", "z", "aa", "az", "ba", "zz", "aaa"]


def test_a_report_names_what_it_measured_and_that_all_is_well():
    shown = report.markdown(FIGURES)

    assert "nothing else to do" in shown
    assert "every goal is met" in shown
    assert FIGURES["notices"]["nothing else to do"]["p50_ms"] == pytest.approx(100)


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"notices": {"idle": report.summary([1.1] * 10)}}, "notice, idle: p99 1100 ms, wanted"),
        ({"plans": [PLAN | {"took_s": 21.0}]}, "alone: 21.0 s, wanted 20"),
        ({"plans": [PLAN | {"peak_bytes": 5 * 2**30}]}, "alone: 5.0 GiB, wanted 4"),
        ({"plans": [PLAN | {"failure": "out of memory"}]}, "alone: out of memory"),
    ],
)
def test_a_missed_goal_is_a_failure(changed, told):
    [line] = report.failures(FIGURES | changed)

    assert told in line
    assert f"missed: {line}" in report.text(FIGURES | changed)
