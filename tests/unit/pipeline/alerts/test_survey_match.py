"""A survey match once found is kept; a nearer object replaces it."""

import numpy as np

from pipeline.alerts.crossmatch import ObjectMatches
from pipeline.alerts.survey_match import Known, resolve


def resolve_one(found, known, *, is_linkable=True):
    """Resolve one alert of object 1; ``found`` lists (object, arcsec) near it, nearest first."""
    matches = ObjectMatches(
        np.zeros(len(found), np.int64),
        np.array([f[0] for f in found], np.int64),
        np.array([f[1] for f in found], float),
    )
    return resolve(np.array([1]), matches, known, np.array([is_linkable]))


def test_the_nearest_object_is_the_match_of_both_sides():
    resolved = resolve_one([(20, 0.4), (21, 1.1)], {})

    assert resolved.match_id.tolist() == [20]
    assert resolved.links == {1: (20, 0.4), 20: (1, 0.4)}


def test_a_stored_match_stays_when_the_alert_lies_too_far_now():
    resolved = resolve_one([], {1: Known(20, 1.9)})

    assert resolved.match_id.tolist() == [20]
    assert resolved.links == {}


def test_a_nearer_object_replaces_the_stored_match():
    resolved = resolve_one([(21, 0.3), (20, 1.5)], {1: Known(20, 1.5), 20: Known(1, 1.5)})

    assert resolved.match_id.tolist() == [21]
    assert resolved.links[1] == (21, 0.3)


def test_a_farther_object_does_not_replace_the_stored_match():
    resolved = resolve_one([(21, 1.9)], {1: Known(20, 0.5), 20: Known(1, 0.5)})

    assert resolved.match_id.tolist() == [20]
    assert resolved.links == {}


def test_a_match_seen_again_is_written_no_more():
    resolved = resolve_one([(20, 0.7)], {1: Known(20, 0.5), 20: Known(1, 0.5)})

    assert resolved.match_id.tolist() == [20]
    assert resolved.links == {}


def test_the_other_side_keeps_a_nearer_match_of_its_own():
    resolved = resolve_one([(20, 1.5)], {20: Known(9, 0.2)})

    assert resolved.match_id.tolist() == [20]
    assert 20 not in resolved.links


def test_an_object_that_may_not_be_linked_leaves_no_trace_on_either_side():
    resolved = resolve_one([(20, 0.5)], {}, is_linkable=False)

    assert resolved.match_id.tolist() == [20]
    assert resolved.links == {}


def test_a_match_found_earlier_in_the_batch_is_kept_by_the_next_alert_of_the_object():
    found = ObjectMatches(np.array([0]), np.array([20]), np.array([1.9]))

    resolved = resolve(np.array([1, 1]), found, {}, np.array([True, True]))

    assert resolved.match_id.tolist() == [20, 20]


def test_an_alert_without_object_has_no_match():
    found = ObjectMatches(np.array([0]), np.array([20]), np.array([0.1]))

    resolved = resolve(np.array([-1]), found, {}, np.array([False]))

    assert resolved.match_id.tolist() == [-1]
