"""How far a replica is behind, told by what the primary had written at our last looks."""

import pytest

from broker.replica import Look, Positions, judge

LIMIT_S = 10.0


@pytest.fixture
def positions():
    found = Positions()
    for at_s, position in ((100.0, 1000), (101.0, 2000), (102.0, 3000)):
        found.note(at_s, position)
    return found


@pytest.mark.parametrize(
    ("replayed", "lag_s"),
    [(3500, 3.0), (3000, 3.0), (2999, 4.0), (1000, 5.0), (999, None)],
    ids=["ahead of the look", "at it", "just behind", "first", "before"],
)
def test_the_lag_is_the_age_of_the_newest_position_that_was_replayed(positions, replayed, lag_s):
    assert positions.lag_s(105.0, replayed) == lag_s


def test_a_replica_that_hears_nothing_any_more_falls_behind(positions):
    assert judge(positions, 103.0, 3000, LIMIT_S) == Look("used", 1.0)

    positions.note(112.0, 4000)

    assert judge(positions, 112.5, 3000, LIMIT_S) == Look("behind", 10.5)


def test_one_whose_lag_is_not_known_is_not_asked():
    assert judge(Positions(), 1.0, 10**9, LIMIT_S) == Look("behind", None)


def test_one_that_is_idle_with_the_primary_is_not_behind(positions):
    positions.note(200.0, 3000)

    assert judge(positions, 200.1, 3000, LIMIT_S).state == "used"
