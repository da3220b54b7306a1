"""The goals: met and not met, at the limit itself, and where none is judged."""

import pytest

from tests.bench import goals, report

FULL_FLOW, NAIVE, DECODE, ENCODE, LATENCY, TAIL, CELERY, FILTERS, REDIS = range(9)
BOTH = len(goals.GOALS) + len(goals.OF_CURVES)


def figures(**given):
    values = {
        "x_d_median": 2.5, "rate_hz": [400.0, 410.0], "celery_share": 0.03, "replaced_in": [],
        "redis_bytes_per_alert": 12.0, "latency": {"idle": {"p50_ms": 40.0, "p99_ms": 200.0}},
        "naive": {"flow_is_faster": 15.0}, "user_filters": {"share_percent": 4.0},
        "micro": {"decode": {"ratio": 30.0}, "encode": {"ratio": 25.0}},
    }  # fmt: skip
    return values | given


def points(visit_hz=1200.0, base=2.0, empty=2.1):
    def point(curve, value, x_d, rate_hz=1500.0):
        return {"curve": curve, "value": value, "x_d_median": x_d, "rate_hz_median": rate_hz}

    return {
        "points": [
            point("base", 0, base),
            point("history points", 0, empty),
            point("packet bytes", 139_000, 0.3, visit_hz),
        ]
    }


def met(**given):
    found = goals.verdict({"ztf": figures(**given)}, is_judged=True)["judged"]
    return [one["is_met"] for one in found]


def lines(found):
    return list(report._goals(found))


def test_all_are_met_by_figures_within_all_limits():
    assert met() == [True] * len(goals.GOALS)


@pytest.mark.parametrize(
    ("which", "at_the_limit", "beyond"),
    [
        (FULL_FLOW, {"x_d_median": 2.0}, {"x_d_median": 1.999}),
        (NAIVE, {"naive": {"flow_is_faster": 10.0}}, {"naive": {"flow_is_faster": 9.9}}),
        (
            DECODE,
            {"micro": {"decode": {"ratio": 20.0}, "encode": {"ratio": 25.0}}},
            {"micro": {"decode": {"ratio": 19.9}, "encode": {"ratio": 25.0}}},
        ),
        (
            ENCODE,
            {"micro": {"decode": {"ratio": 20.0}, "encode": {"ratio": 20.0}}},
            {"micro": {"decode": {"ratio": 20.0}, "encode": {"ratio": 19.9}}},
        ),
        (
            LATENCY,
            {"latency": {"idle": {"p50_ms": 50.0, "p99_ms": 60.0}}},
            {"latency": {"idle": {"p50_ms": 50.1, "p99_ms": 60.0}}},
        ),
        (
            TAIL,
            {"latency": {"idle": {"p50_ms": 50.0, "p99_ms": 250.0}}},
            {"latency": {"idle": {"p50_ms": 50.0, "p99_ms": 250.1}}},
        ),
        (CELERY, {"celery_share": 0.05}, {"celery_share": 0.0501}),
        (
            FILTERS,
            {"user_filters": {"share_percent": 10.0}},
            {"user_filters": {"share_percent": 10.1}},
        ),
        (REDIS, {"redis_bytes_per_alert": 100.0}, {"redis_bytes_per_alert": 100.1}),
    ],
)
def test_one_is_met_at_its_limit_and_not_beyond(which, at_the_limit, beyond):
    assert met(**at_the_limit) == [True] * len(goals.GOALS)
    assert met(**beyond) == [at != which for at in range(len(goals.GOALS))]


@pytest.mark.parametrize(
    ("given", "of_visit", "of_history"),
    [
        ({}, True, True),
        ({"visit_hz": 999.0}, False, True),
        ({"base": 1.8, "empty": 2.0}, True, True),
        ({"base": 1.79, "empty": 2.0}, True, False),
    ],
)
def test_the_curves_have_goals_of_their_own(given, of_visit, of_history):
    found = goals.verdict({"ztf": figures()}, points(**given), is_judged=True)["judged"]

    assert [one["is_met"] for one in found[-2:]] == [of_visit, of_history]
    assert len(found) == BOTH


def test_each_line_says_the_measured_value_and_whether_it_does():
    found = goals.verdict({"ztf": figures(x_d_median=0.8)}, is_judged=True)
    said = lines(found)

    assert said[0] == "goals (ZTF, and the curves)"
    assert said[1 + FULL_FLOW] == "  full flow, median ≥ 2 × D: 0.8 × D, not met"
    assert said[1 + LATENCY] == "  latency p50 at 1 alert/s ≤ 50 ms: 40 ms, met"
    assert said[1 + CELERY] == "  Celery's share of all CPU at full rate ≤ 5 %: 3 %, met"


def test_a_near_miss_is_not_rounded_to_the_limit():
    found = goals.verdict({"ztf": figures(x_d_median=1.998)}, is_judged=True)

    assert "1.998 × D, not met" in lines(found)[1]


def test_what_was_not_measured_is_neither_met_nor_missed():
    assert met(latency={"idle": {"alerts": 0}})[LATENCY] is None
    assert met(replaced_in=[1, 2])[CELERY] is None
    assert met(replaced_in=[1])[CELERY] is True
    found = goals.verdict({"ztf": figures(replaced_in=[1, 2])}, is_judged=True)
    assert "not judged" in lines(found)[1 + CELERY]


def test_the_smoke_form_judges_none_and_says_so():
    found = goals.verdict({"ztf": figures()}, is_judged=False)

    assert found["judged"] == []
    assert lines(found) == ["goals: none is judged, this form is too small for them"]


def test_a_run_of_lsst_alone_judges_none_and_says_so():
    found = goals.verdict({"lsst": figures()}, is_judged=True)

    assert found["judged"] == []
    assert "ZTF" in lines(found)[0]
