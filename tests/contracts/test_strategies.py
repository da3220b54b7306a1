"""Strategies of plans stand in one list; what must name them elsewhere names them all."""

import re
from typing import get_args

import pytest

from broker.sections.gw_plans import Strategy
from pipeline.gw import share_paths
from pipeline.gw.plan_recipe import CHOOSERS
from pipeline.gw.plan_tables import GwPlan, GwPlanGroup
from pipeline.gw.strategies import KINDS, NAMES, StrategyKind, strategy
from tests.database import run_sql


def test_settings_and_forms_take_just_these():
    assert get_args(Strategy) == NAMES


@pytest.mark.integration
@pytest.mark.parametrize("table", [GwPlanGroup, GwPlan])
def test_rows_take_just_these(database, table):
    [(check,)] = run_sql(
        database,
        "SELECT pg_get_constraintdef(oid) FROM pg_constraint"
        f" WHERE conname = 'ck_{table.__tablename__}_strategy'",
    )

    assert set(re.findall(r"'(\w+)'", check)) == set(NAMES)


def test_each_chooses_tiles_in_a_way_of_its_own():
    assert set(CHOOSERS) == set(NAMES)


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
