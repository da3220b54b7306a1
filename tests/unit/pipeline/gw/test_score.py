import pytest

from broker.sections.gw import GwSettings
from pipeline.gw.score import Facts, Thresholds, best_class, judge
from pipeline.gw.scored import score_notice
from tests.gw_notices import NAMES, raw

NEAR, FAR = 499.9, 500.0
SMALL, LARGE = 499.9, 500.0
SEED = dict(zip(NAMES, (1, 2, 2, 2, 0, 0), strict=True))
GRANDMA = dict(zip(NAMES, (2, 2, 2, 2, 0, 0), strict=True))


def score(**given):
    values = {
        "alert_type": "PRELIMINARY",
        "classification": {"BNS": 0.9},
        "area_50_deg2": 10.0,
        "area_90_deg2": SMALL,
        "distance_mpc": NEAR,
    }
    return judge(Facts(**values | given), Thresholds())


@pytest.mark.parametrize("name", NAMES)
def test_samples_score_as_in_the_seed(name):
    assert score_notice(raw(name), Thresholds.of_three()).score.score == SEED[name]


@pytest.mark.parametrize("name", NAMES)
def test_samples_score_as_with_grandmas_thresholds(name):
    found = score_notice(raw(name)).score

    assert found.score == GRANDMA[name]
    assert found.action == ("GO" if GRANDMA[name] > 1 else "NO")


@pytest.mark.parametrize(
    ("classification", "distance", "area", "points", "rule"),
    [
        ({"BNS": 0.9}, NEAR, SMALL, 3, "BNS, near and small"),
        ({"NSBH": 0.9}, NEAR, SMALL, 3, "NSBH, near and small"),
        ({"BNS": 0.9}, FAR, SMALL, 2, "BNS, far and small"),
        ({"NSBH": 0.9}, NEAR, LARGE, 2, "NSBH, near and large"),
        ({"BNS": 0.2, "Terrestrial": 0.1}, NEAR, SMALL, 3, "BNS"),
        ({"BBH": 0.51}, NEAR, SMALL, 2, "BBH, near and small"),
        ({"BBH": 0.51}, FAR, SMALL, 1, "BBH, far and small"),
        ({"BBH": 0.51}, NEAR, LARGE, 1, "BBH, near and large"),
        ({"BBH": 0.5, "NSBH": 0.3}, NEAR, SMALL, 0, "BBH with 50%, not above 50%"),
        ({"Terrestrial": 0.9, "BNS": 0.1}, NEAR, SMALL, 0, "noise"),
        ({}, NEAR, SMALL, 0, "no classification"),
        ({"BNS": 0.0, "BBH": 0.0}, NEAR, SMALL, 0, "no classification"),
        ({"MassGap": 0.9, "BNS": 0.1}, NEAR, SMALL, 0, "class MassGap is not scored"),
        ({"BNS": 0.9}, None, SMALL, 2, "BNS, distance unknown and small"),
        ({"BNS": 0.9}, NEAR, None, 2, "BNS, near and area unknown"),
        ({"BBH": 0.9}, None, None, 1, "BBH, distance unknown and area unknown"),
    ],
)
def test_every_row_of_the_table(classification, distance, area, points, rule):
    found = score(classification=classification, distance_mpc=distance, area_90_deg2=area)

    assert found.score == points
    assert found.action == ("GO" if points >= 2 else "NO")
    assert rule in found.rule


@pytest.mark.parametrize(
    ("change", "rule", "if_real"),
    [
        ({"kind": "mock"}, "no real event: a mock", 3),
        ({"kind": "test"}, "no real event: a test", 3),
        ({"significant": False}, "not significant", 3),
        ({"alert_type": "RETRACTION"}, "retracted", 0),
        ({"group": "Burst"}, "a burst has no class to score", 0),
    ],
    ids=["mock", "test", "insignificant", "retraction", "burst"],
)
def test_what_is_not_followed_scores_nothing(change, rule, if_real):
    found = score(**change)

    assert (found.score, found.action, found.rule) == (0, "NO", rule)
    assert found.score_if_real == if_real


def test_a_mock_tells_what_it_would_be_if_it_were_real():
    mock, real = score(kind="mock"), score()

    assert mock.text("mock") == "0: a mock; 3 (GO) if it were real"
    assert mock.rule_if_real == real.rule
    assert mock.suggestion == real.suggestion
    assert real.text("real") == "3"


def test_a_mock_of_noise_would_not_be_followed_either():
    found = score(kind="mock", classification={"Terrestrial": 0.9})

    assert found.text("mock") == "0: a mock; 0 (NO) if it were real"


def test_nothing_is_suggested_for_an_event_that_is_not_significant():
    assert score(significant=False).suggestion.advice == "NO FOLLOW UP"


@pytest.mark.parametrize("alert_type", ["EARLYWARNING", "PRELIMINARY", "INITIAL", "UPDATE"])
def test_every_type_of_notice_scores_alike(alert_type):
    assert score(alert_type=alert_type).score == 3


@pytest.mark.parametrize(
    ("classification", "expected"),
    [
        ({}, (None, 0.0)),
        ({"BBH": 0.4, "BNS": 0.4, "NSBH": 0.2}, ("BNS", 0.4)),
        ({"Terrestrial": 0.5, "MassGap": 0.5}, ("Terrestrial", 0.5)),
        ({"Zeta": 0.5, "Alpha": 0.5}, ("Alpha", 0.5)),
    ],
)
def test_the_best_class_does_not_depend_on_the_order(classification, expected):
    assert best_class(classification) == expected
    assert best_class(dict(reversed(classification.items()))) == expected


def test_an_action_has_grandmas_words():
    assert score().label == "Should we GO GRANDMA?"
    assert score(classification={}).label == "Probably no GRANDMA"


def test_thresholds_of_the_settings_are_grandmas():
    assert Thresholds.of_settings(GwSettings()) == Thresholds()


def test_a_setting_changes_the_score():
    strict = Thresholds.of_settings(GwSettings(distance_max_mpc=300))

    assert score_notice(raw("S241102br-update"), strict).score.score == 1


def test_the_distance_of_the_region_may_decide():
    """The update: 364.0 Mpc in the header, 347.9 over the region."""
    between = {"distance_max_mpc": 355}

    by_header = score_notice(raw("S241102br-update"), Thresholds(**between))
    by_region = score_notice(
        raw("S241102br-update"), Thresholds(**between, distance_for_score="region")
    )

    assert (by_header.score.score, by_region.score.score) == (1, 2)
    assert by_header.distance_mpc == by_region.distance_mpc
