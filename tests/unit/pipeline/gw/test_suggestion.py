import pytest

from pipeline.gw.suggestion import Limits, suggest


def advice(class_name="BBH", distance=None, area_90=None, area_50=None, **given):
    values = {"score": 2, "is_early": False, "is_joint": False, "limits": Limits()}
    return suggest(
        class_name=class_name,
        area_50_deg2=area_50,
        area_90_deg2=area_90,
        distance_mpc=distance,
        **values | given,
    )


@pytest.mark.parametrize(
    ("distance", "area_90", "is_joint", "expected"),
    [
        (180, 50, False, "FOLLOW UP"),
        (500, 100, False, "FOLLOW UP"),
        (60, 4000, False, "NO FOLLOW UP"),
        (60, 4000, True, "FOLLOW UP"),
        (80, 500, False, "FOLLOW UP"),
        (300, 300, False, "NO FOLLOW UP"),
        (None, None, False, "NO FOLLOW UP"),
    ],
)
def test_the_cookbooks_cases_of_black_holes(distance, area_90, is_joint, expected):
    assert advice("BBH", distance, area_90, is_joint=is_joint).advice == expected


@pytest.mark.parametrize(
    ("distance", "area_90", "is_wide_only"),
    [(300, 4000, True), (60, 4000, False), (300, 50, False)],
)
def test_only_wide_fields_help_where_it_is_neither_near_nor_small(distance, area_90, is_wide_only):
    found = advice("BBH", distance, area_90, is_joint=True)

    assert ("wide field" in found.remark) == is_wide_only


@pytest.mark.parametrize("class_name", ["BNS", "NSBH"])
@pytest.mark.parametrize(
    ("score", "distance", "area_90", "area_50", "expected", "is_strong"),
    [
        (3, 100, 150, 30, "FOLLOW UP", True),
        (2, 100, 9000, 2000, "FOLLOW UP", False),
        (2, 300, 150, 150, "FOLLOW UP", False),
        (2, 300, 900, 199, "FOLLOW UP", False),
        (2, 300, 900, 200, "NO FOLLOW UP", False),
        (2, None, None, None, "NO FOLLOW UP", False),
        (1, 100, 150, 30, "NO FOLLOW UP", False),
    ],
)
def test_neutron_stars_want_one_of_three(
    class_name, score, distance, area_90, area_50, expected, is_strong
):
    found = advice(class_name, distance, area_90, area_50, score=score)

    assert (found.advice, found.is_strong) == (expected, is_strong)


def test_an_early_warning_waits():
    found = advice("BNS", 100, 150, 30, score=3, is_early=True)

    assert (found.advice, found.remark) == ("WAIT", "wait for the next notice")
    assert all(each.is_met for each in found.criteria)


@pytest.mark.parametrize("class_name", [None, "Terrestrial", "MassGap"])
def test_nothing_else_is_followed(class_name):
    assert advice(class_name, 10, 10, 10).advice == "NO FOLLOW UP"


def test_each_criterion_says_whether_it_is_met():
    found = advice("BNS", 134.1, None, 2454.1)

    assert [(each.text, each.is_met) for each in found.criteria] == [
        ("score ≥ 2", True),
        ("90 % area < 200 deg²", None),
        ("50 % area < 200 deg²", False),
        ("distance < 200 Mpc", True),
    ]
