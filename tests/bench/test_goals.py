"""The goals of the first step: met and not met, at the limit itself, and where none is judged."""

import pytest

from tests.bench import goals, report

FULL_FLOW, LATENCY, CELERY, REDIS = range(4)


def figures(**given):
    values = {
        "x_d_median": 1.5, "rate_hz": [400.0, 410.0], "celery_share": 0.03, "replaced_in": [],
        "redis_bytes_per_alert": 12.0, "latency": {"idle": {"p50_ms": 40.0}},
    }  # fmt: skip
    return values | given


def met(**given):
    found = goals.verdict({"ztf": figures(**given)}, is_judged=True)["judged"]
    return [one["is_met"] for one in found]


def lines(found):
    return list(report._goals(found))


def test_all_are_met_by_figures_within_all_limits():
    assert met() == [True, True, True, True]


@pytest.mark.parametrize(
    ("which", "at_the_limit", "beyond"),
    [
        (FULL_FLOW, {"x_d_median": 1.0}, {"x_d_median": 0.999}),
        (LATENCY, {"latency": {"idle": {"p50_ms": 100.0}}}, {"latency": {"idle": {"p50_ms": 101.0}}}),
        (CELERY, {"celery_share": 0.05}, {"celery_share": 0.0501}),
        (REDIS, {"redis_bytes_per_alert": 100.0}, {"redis_bytes_per_alert": 100.1}),
    ],
)  # fmt: skip
def test_one_is_met_at_its_limit_and_not_beyond(which, at_the_limit, beyond):
    assert met(**at_the_limit) == [True, True, True, True]
    assert met(**beyond) == [at != which for at in range(4)]


def test_each_line_says_the_measured_value_and_whether_it_does():
    found = goals.verdict({"ztf": figures(x_d_median=0.8)}, is_judged=True)

    assert lines(found) == [
        "goals of the first step (ZTF)",
        "  full flow, median ≥ 1 × D: 0.8 × D, not met",
        "  latency p50 at 1 alert/s ≤ 100 ms: 40 ms, met",
        "  Celery's share of all CPU at full rate ≤ 5 %: 3 %, met",
        "  Redis, all that comes in at full rate ≤ 100 bytes per alert: 12 bytes per alert, met",
    ]


def test_a_near_miss_is_not_rounded_to_the_limit():
    found = goals.verdict({"ztf": figures(x_d_median=0.9981)}, is_judged=True)

    assert "0.9981 × D, not met" in lines(found)[1]


def test_what_was_not_measured_is_neither_met_nor_missed():
    assert met(latency={"idle": {"alerts": 0}})[LATENCY] is None
    assert met(replaced_in=[1, 2])[CELERY] is None
    assert met(replaced_in=[1])[CELERY] is True
    found = goals.verdict({"ztf": figures(replaced_in=[1, 2])}, is_judged=True)
    assert "not judged" in lines(found)[1 + CELERY]


def test_the_smoke_form_judges_none_and_says_so():
    found = goals.verdict({"ztf": figures()}, is_judged=False)

    assert found["judged"] == []
    assert lines(found) == [
        "goals of the first step: none is judged, this form is too small for them"
    ]


def test_a_run_of_lsst_alone_judges_none_and_says_so():
    found = goals.verdict({"lsst": figures()}, is_judged=True)

    assert found["judged"] == []
    assert "ZTF" in lines(found)[0]
