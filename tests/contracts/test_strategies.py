"""Strategies of plans stand in one list; what must name them elsewhere names them all."""

from typing import get_args

import pytest

from broker.sections.gw_plans import Strategy
from pipeline.gw import share_paths
from pipeline.gw.plan_tables import GwPlan, GwPlanGroup
from pipeline.gw.strategies import KINDS, NAMES, StrategyKind, strategy


def test_settings_and_forms_take_just_these():
    assert get_args(Strategy) == NAMES


@pytest.mark.parametrize("table", [GwPlanGroup, GwPlan])
def test_rows_take_just_these(table):
    [check] = [
        str(each.sqltext)
        for each in table.__table__.constraints
        if "strategy IN" in str(getattr(each, "sqltext", ""))
    ]

    assert check == f"strategy IN {NAMES}"


def test_no_two_are_called_alike():
    for told in zip(*((each.name, each.title, each.folder) for each in KINDS), strict=True):
        assert len(set(told)) == len(KINDS)


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_a_folder_is_named_as_it_stands(kind: StrategyKind):
    assert share_paths.safe_name(kind.folder) == kind.folder
    assert share_paths.plan_folder("N", kind.name, ["TCA"]) == f"N/{kind.folder}_TCA"


def test_an_unknown_one_is_refused_with_the_known():
    with pytest.raises(KeyError, match="tiling"):
        strategy("spiral")
