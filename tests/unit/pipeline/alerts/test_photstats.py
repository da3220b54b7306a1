import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.alerts.batch import BANDS
from pipeline.alerts.photstats import PhotStats, photstats
from pipeline.photometry import wire_flux, wire_flux_error
from tests.unit.pipeline.alerts.batches import JD, make_curves

LATER = JD + 1000
NONE = np.array([-1])
FIRST = np.array([0])


def detection(t_d, mag, error=0.1, band="r", survey="ztf", sign=1):
    flux = sign * float(wire_flux(mag, survey))
    return JD + t_d, flux, float(wire_flux_error(flux, error)), band, 150.0, 30.0


def forced(t_d, mag, error=0.1, band="r", survey="ztf", sign=1):
    return detection(t_d, mag, error, band, survey, sign)[:4]


def record_of(detections=(), forced=(), jd=LATER, survey="ztf"):
    curves = make_curves(survey, detections=[detections], forced=[forced])
    return photstats(np.array([jd]), curves, FIRST, None, NONE).as_records()[0]


def is_stationary(*detections):
    curves = make_curves("ztf", detections=[detections])
    return bool(photstats(np.array([LATER]), curves, FIRST, None, NONE).stationary[0])


def test_the_published_fit_of_five_points():
    points = [detection(t, m) for t, m in zip(range(1, 6), (2, 4.1, 6, 8.1, 10.2), strict=True)]

    stats = record_of(points)["r"]

    assert stats["peak_jd"] == JD + 1
    assert stats["peak_mag"] == pytest.approx(2)
    assert stats["peak_mag_err"] == pytest.approx(0.1)
    assert stats["dt"] == 4
    assert stats["rising"] is None
    assert stats["fading"] == {
        "rate": pytest.approx(2.04, abs=1e-4),
        "rate_error": pytest.approx(0.031623, abs=1e-4),
        "red_chi2": pytest.approx(0.4, abs=1e-4),
        "nb_data": 5,
        "dt": 4.0,
    }


def test_the_published_fit_of_two_points_has_no_reduced_chi_square():
    fading = record_of([detection(1, 2), detection(2, 4)])["r"]["fading"]

    assert fading["rate"] == pytest.approx(2.0, abs=1e-4)
    assert fading["rate_error"] == pytest.approx(0.141421, abs=1e-4)
    assert math.isnan(fading["red_chi2"])


def test_rising_ends_and_fading_begins_at_the_peak():
    points = [detection(t, m) for t, m in ((0, 20), (2, 18), (4, 16), (5, 17), (7, 19))]

    stats = record_of(points)["r"]

    assert stats["peak_jd"] == JD + 4
    assert stats["rising"]["rate"] == pytest.approx(-1)
    assert stats["rising"]["nb_data"] == 3
    assert stats["fading"]["rate"] == pytest.approx(1)
    assert stats["fading"]["nb_data"] == 3


def test_of_equal_peaks_the_first_counts():
    stats = record_of([detection(t, m) for t, m in ((0, 20), (1, 18), (2, 18), (3, 19))])["r"]

    assert stats["peak_jd"] == JD + 1
    assert stats["fading"]["nb_data"] == 3


@pytest.mark.parametrize(
    "points",
    [
        [(0, 18, 0.1)],
        [(0, 18, 0.1), (0.01, 20, 0.1)],
        [(0, 18, 0.1), (1, 18.2, 0.1)],
        [(0, 18, 0.1), (1, 20, 0.0)],
        [(0, 18, 0.1), (1, 20, float("inf"))],
    ],
    ids=["one point", "too soon", "within the noise", "no error", "endless error"],
)
def test_without_evolution_or_errors_there_is_no_rate(points):
    assert record_of([detection(*point) for point in points])["r"]["fading"] is None


def test_weights_follow_the_errors():
    points = [detection(0, 18, 0.01), detection(1, 19, 0.01), detection(2, 25, 10.0)]

    assert record_of(points)["r"]["fading"] is None  # the faintest is within its error
    points[2] = detection(2, 25, 1.0)
    assert record_of(points)["r"]["fading"]["rate"] == pytest.approx(1, abs=0.01)


def test_each_band_stands_alone():
    record = record_of([detection(0, 18), detection(1, 19, band="g"), detection(2, 20)])

    assert record["r"]["dt"] == 2
    assert record["g"]["dt"] == 0
    assert [band for band in BANDS if record[band] is None] == list("izyujhk")


def test_points_after_the_alert_do_not_count():
    points = [detection(0, 18), detection(1, 19), detection(2, 10)]

    stats = record_of(points, [forced(1.5, 9)], jd=JD + 1)["r"]

    assert stats["peak_mag"] == pytest.approx(18)
    assert stats["dt"] == 1


def test_forced_points_need_three_sigma_of_either_sign():
    weak, negative = forced(1, 15, 0.4), forced(2, 16, 0.1, sign=-1)
    exact, null = (JD + 4, 3.0, 1.0, "r"), (JD + 3, None, 1.0, "r")

    stats = record_of([detection(0, 18)], [weak, negative, null, exact])["r"]

    assert stats["peak_mag"] == pytest.approx(16)
    assert stats["dt"] == 2


def test_of_one_time_and_band_the_detection_counts():
    stats = record_of([detection(0, 18)], [forced(0, 15), forced(0, 14, band="g")])

    assert stats["r"]["peak_mag"] == pytest.approx(18)
    assert stats["g"]["peak_mag"] == pytest.approx(14)


def test_points_without_a_magnitude_do_not_count():
    points = [(JD, 0.0, 1.0, "r", 150.0, 30.0), (JD, math.nan, 1.0, "r", 150.0, 30.0)]

    assert record_of(points)["r"] is None


@pytest.mark.parametrize(("survey", "flux"), [("ztf", 1e12), ("lsst", 1e6)])
def test_both_surveys_zero_points_give_one_magnitude(survey, flux):
    stats = record_of([(JD, flux, flux / 10, "r", 150.0, 30.0)], survey=survey)["r"]

    assert stats["peak_mag"] == pytest.approx(16.4)


@pytest.mark.parametrize(("span_d", "expected"), [(0.009, False), (0.011, True)])
def test_stationary_is_seen_again_a_quarter_of_an_hour_later(span_d, expected):
    assert is_stationary(detection(0, 18), detection(span_d, 18, band="g")) is expected


def test_nothing_seen_is_not_stationary():
    assert not is_stationary()
    found = photstats(np.array([JD, JD]), make_curves("ztf"), np.array([-1, -1]), None, NONE)
    assert found.stationary.tolist() == [False, False]


def test_alerts_of_one_object_see_it_each_at_its_time():
    curves = make_curves("ztf", [[detection(0, 20), detection(1, 18), detection(2, 16)]])

    found = photstats(np.array([JD + 2, JD, JD + 1]), curves, np.zeros(3, int), None, NONE)

    assert [r["r"]["peak_mag"] for r in found.as_records()] == pytest.approx([16, 20, 18])
    assert found.stationary.tolist() == [True, False, True]


def test_a_matched_survey_joins_in_the_order_of_time():
    own = make_curves("ztf", [[detection(0, 18), detection(2, 20)]])
    other = make_curves("lsst", [[], [detection(1, 19, survey="lsst")]])

    alone = photstats(np.array([LATER]), own, FIRST, other, NONE).as_records()[0]
    joined = photstats(np.array([LATER]), own, FIRST, other, np.array([1])).as_records()[0]

    assert alone["r"]["fading"]["nb_data"] == 2
    assert joined["r"]["fading"] == {
        "rate": pytest.approx(1),
        "rate_error": pytest.approx(0.1 / math.sqrt(2)),
        "red_chi2": pytest.approx(0, abs=1e-6),
        "nb_data": 3,
        "dt": 2.0,
    }


# An independent reading of the rules, slow and plain.


def slow_stats(jd, curves):
    points = []
    for survey, detections, forced_points in curves:
        zero_point = {"ztf": 46.4, "lsst": 31.4}[survey]
        kept = [p[:4] for p in detections]
        kept += [p for p in forced_points if p[1] is not None and abs(p[1]) > 3 * p[2] > 0]
        for t, flux, error, band in kept:
            if t > jd or flux == 0:
                continue
            mag = zero_point - 2.5 * math.log10(abs(flux))
            if (t, band) not in [(p[0], p[3]) for p in points]:
                points.append((t, mag, 1.0857362 * error / abs(flux), band))
    points.sort(key=lambda p: p[0])
    times = [p[0] for p in points]
    stationary = bool(points) and max(times) - min(times) > 0.01
    return stationary, {b: slow_band([p for p in points if p[3] == b]) for b in BANDS}


def slow_band(points):
    if not points:
        return None
    peak = min(range(len(points)), key=lambda i: (points[i][1], i))
    return {
        "peak_jd": points[peak][0],
        "peak_mag": points[peak][1],
        "peak_mag_err": points[peak][2],
        "dt": points[-1][0] - points[0][0],
        "rising": slow_rate(points[: peak + 1]),
        "fading": slow_rate(points[peak:]),
    }


def slow_rate(points):
    n, span = len(points), points[-1][0] - points[0][0]
    if n < 2 or span <= 0.01:
        return None
    least = min(points, key=lambda p: p[1])
    most = max(points, key=lambda p: p[1])
    if least[1] + least[2] >= most[1] - most[2] or any(p[2] <= 0 for p in points):
        return None
    weights = [1 / p[2] ** 2 for p in points]
    x = [p[0] - points[0][0] for p in points]
    y = [p[1] for p in points]
    mean_x = math.fsum(w * a for w, a in zip(weights, x, strict=True)) / math.fsum(weights)
    mean_y = math.fsum(w * b for w, b in zip(weights, y, strict=True)) / math.fsum(weights)
    sxx = math.fsum(w * (a - mean_x) ** 2 for w, a in zip(weights, x, strict=True))
    if sxx < 1e-10:
        return None
    sxy = math.fsum(w * (a - mean_x) * (b - mean_y) for w, a, b in zip(weights, x, y, strict=True))
    rate = sxy / sxx
    chi2 = math.fsum(
        w * (b - mean_y - rate * (a - mean_x)) ** 2 for w, a, b in zip(weights, x, y, strict=True)
    )
    return {
        "rate": rate,
        "rate_error": sxx**-0.5,
        "red_chi2": chi2 / (n - 2) if n > 2 else math.nan,
        "nb_data": n,
        "dt": span,
    }


times = st.integers(0, 400).map(lambda n: JD + n * 0.0078125)  # exact, some under 0.01 d
# No sum of two errors equals a difference of magnitudes, and no magnitude stands in both surveys:
# nothing hangs on the last digit of a logarithm.
magnitudes = st.integers(150, 250).map(lambda n: n / 10)
errors = st.sampled_from([0.0, 0.013, 0.107, 0.311, 0.523])
OFFSET_MAG = {"ztf": 46.4, "lsst": 31.45}
signs = st.sampled_from([1, -1])


def light_curve(survey):
    def point(t, mag, error, band, sign):
        flux = sign * 10 ** (-0.4 * (mag - OFFSET_MAG[survey]))
        return t, flux, error * abs(flux) / 1.0857362, band

    points = st.lists(
        st.builds(point, times, magnitudes, errors, st.sampled_from("gri"), signs), max_size=12
    )
    return st.tuples(points, points)


def assert_close(found, expected):
    if not isinstance(expected, dict):
        assert found == (
            None if expected is None else pytest.approx(expected, rel=1e-6, abs=1e-4, nan_ok=True)
        )
        return
    assert found is not None
    assert found.keys() == expected.keys()
    for name, value in expected.items():
        assert_close(found[name], value)


def pack(survey, curves):
    return make_curves(
        survey,
        [[(*p, 1.0, 2.0) for p in detections] for detections, _ in curves],
        forced=[points for _, points in curves],
    )


@settings(max_examples=40)
@given(st.lists(st.tuples(times, light_curve("ztf"), light_curve("lsst")), min_size=1, max_size=4))
def test_whole_batches_agree_with_a_slow_reading_of_the_rules(alerts):
    jds = np.array([jd for jd, _, _ in alerts])
    at = np.arange(len(alerts))
    other_at = np.where(at % 2, -1, at)
    own = pack("ztf", [curve for _, curve, _ in alerts])
    other = pack("lsst", [curve for _, _, curve in alerts])

    found: PhotStats = photstats(jds, own, at, other, other_at)

    for i, (jd, ztf, lsst) in enumerate(alerts):
        curves = [("ztf", *ztf)] + ([("lsst", *lsst)] if other_at[i] >= 0 else [])
        stationary, expected = slow_stats(jd, curves)
        assert found.stationary[i] == stationary
        assert_close(found.as_records()[i], expected)
