"""Light curves: what is kept does not depend on how packets arrive."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.alerts import curves
from pipeline.alerts.batch import DETECTION, SERIES, LightCurves

point = st.tuples(
    st.sampled_from([1.0, 2.0, 3.5]),
    st.sampled_from([-1.0, 1.0, 2.0, 300.0]),
    st.just(0.5),
    st.sampled_from([0, 2]),
    st.just(10.0),
    st.just(-5.0),
)
owned_points = st.lists(st.tuples(st.integers(0, 2), point), max_size=12)


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


@given(owned_points)
def test_a_merge_keeps_one_point_per_time_and_band_the_lowest_in_bytes(points):
    owner, rows = curves.merge_points(*packed(points))

    assert [row.tobytes() for row in rows] == plain_merge(points)
    assert list(owner) == sorted(owner)


@given(owned_points, st.randoms(use_true_random=False))
def test_the_order_of_arrival_changes_nothing(points, random):
    shuffled = points[:]
    random.shuffle(shuffled)

    once = curves.merge_points(*packed(points))
    again = curves.merge_points(*packed(shuffled))

    assert once[1].tobytes() == again[1].tobytes()


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
