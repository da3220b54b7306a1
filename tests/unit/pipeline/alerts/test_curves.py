"""Light curves: what is kept does not depend on how packets arrive."""

from itertools import pairwise
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipeline.alerts import curves
from pipeline.alerts.batch import DETECTION, SERIES, LightCurves

HEALTH = settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])

point = st.tuples(
    st.sampled_from([1.0, 2.0, 3.5]),
    st.sampled_from([-1.0, 1.0, 2.0, 300.0]),
    st.just(0.5),
    st.sampled_from([0, 2]),
    st.just(10.0),
    st.just(-5.0),
)
owned_points = st.lists(st.tuples(st.integers(0, 2), point), max_size=12)


@pytest.fixture(params=["compiled", "plain"], autouse=True)
def form(request, monkeypatch):
    """Merge with the compiled loops, and with NumPy: each test holds for both."""
    if request.param == "plain":
        monkeypatch.setattr(curves, "compiler", SimpleNamespace(works=lambda: False))
    else:
        assert curves.compiler.works()


def packed(points):
    owner = np.array([owner for owner, _ in points], np.int64)
    return owner, np.array([row for _, row in points], DETECTION)


def plain_merge(points):
    """What the rule says, in plain Python."""
    best = {}
    for owner, row in points:
        raw = np.array([row], DETECTION).tobytes()
        key = (owner, row[0], row[3])
        best[key] = min(raw, best.get(key, raw))
    return [best[key] for key in sorted(best)]


def light_curves(series_rows):
    rows = [np.array(rows, dtype) for rows, dtype in zip(series_rows, SERIES, strict=True)]
    starts = [np.array([0, len(r)]) for r in rows]
    return LightCurves("ztf", np.array([7]), tuple(rows), tuple(starts))


@HEALTH
@given(owned_points)
def test_a_merge_keeps_one_point_per_time_and_band_the_lowest_in_bytes(points):
    owner, rows = curves.merge_points(*packed(points))

    assert [row.tobytes() for row in rows] == plain_merge(points)
    assert list(owner) == sorted(owner)


@HEALTH
@given(owned_points, st.randoms(use_true_random=False))
def test_the_order_of_arrival_changes_nothing(points, random):
    shuffled = points[:]
    random.shuffle(shuffled)

    once = curves.merge_points(*packed(points))
    again = curves.merge_points(*packed(shuffled))

    assert once[1].tobytes() == again[1].tobytes()


def test_a_long_history_in_any_order_is_merged():
    rng = np.random.default_rng(5)
    points = [
        (int(o), (float(jd), float(flux), 0.5, int(2 * band), 10.0, -5.0))
        for o, jd, flux, band in zip(
            *rng.integers(0, [[3], [90], [2], [3]], (4, 5000)), strict=True
        )
    ]

    _, rows = curves.merge_points(*packed(points))

    assert rows.tobytes() == b"".join(plain_merge(points))


@HEALTH
@given(st.lists(st.tuples(owned_points, owned_points), max_size=3))
def test_changes_turn_the_old_curves_into_the_new(histories):
    """What is appended or rewritten, and nothing else, gives the new curves."""
    ids = 10 + np.arange(len(histories))
    old = all_curves([before for before, _ in histories], ids)
    new = all_curves([before + after for before, after in histories], ids)

    stored = dict(zip(ids.tolist(), bytes_of(old), strict=True))
    for change in curves.changes(ids, old, new):
        assert change.points
        before = stored[change.object_id] if change.is_append else b""
        assert before or not change.is_append
        assert stored[change.object_id] != before + change.points
        stored[change.object_id] = before + change.points
        last = np.frombuffer(stored[change.object_id], DETECTION)
        assert (len(last), last["jd_utc"][-1]) == (change.n, change.last_jd_utc)
    assert list(stored.values()) == bytes_of(new)


def all_curves(histories, ids):
    owner, rows = packed([(i, row) for i, points in enumerate(histories) for _, row in points])
    none = np.empty(0, np.int64)
    series = [curves.merge_points(owner, rows)]
    series += [(none, np.empty(0, dtype)) for dtype in SERIES[1:]]
    return curves.assemble("ztf", ids, series)


def bytes_of(found):
    return [found.rows[0][first:last].tobytes() for first, last in pairwise(found.starts[0])]


def test_a_later_point_is_appended_and_an_earlier_one_rewrites_the_curve():
    first = (2.0, 1.0, 0.5, 0, 10.0, -5.0)
    later = (3.0, 1.0, 0.5, 0, 10.0, -5.0)
    old = light_curves([[first], [], []])

    appended = curves.changes(np.array([7]), old, light_curves([[first, later], [], []]))
    rewritten = curves.changes(
        np.array([7]), light_curves([[later], [], []]), light_curves([[first, later], [], []])
    )

    assert [(c.is_append, c.n, c.last_jd_utc, len(c.points)) for c in appended] == [
        (True, 2, 3.0, 41)
    ]
    assert [(c.is_append, c.n, len(c.points)) for c in rewritten] == [(False, 2, 82)]


def test_what_is_stored_already_is_not_written_again():
    same = light_curves([[(2.0, 1.0, 0.5, 0, 10.0, -5.0)], [], []])

    assert curves.changes(np.array([7]), same, same) == []


@pytest.mark.parametrize(("wanted", "position"), [(7, 0), (8, -1), (-1, -1), (6, -1)])
def test_an_object_without_curve_is_not_found(wanted, position):
    found = light_curves([[], [], []]).find(np.array([wanted]))

    assert found.tolist() == [position]
