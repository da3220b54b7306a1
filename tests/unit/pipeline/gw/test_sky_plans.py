"""Tiles of plans on the map: each telescope has its own, and what is not drawn is said."""

from datetime import UTC, datetime

import hpgeom
import pytest

from pipeline.gw.plan_tables import GwPlan, GwPlanTile
from pipeline.gw.sky_plans import MAX_DRAWN_TILES, colours, combined_map, footprints, left_out
from pipeline.gw.tables import GwSkymap

T0 = datetime(2026, 11, 20, 20, tzinfo=UTC)


def make(*counts):
    """Return plans with so many tiles each, by telescope, and their tiles."""
    plans = [
        GwPlan(
            id=at, telescope=name, strategy="tiling", state="done", tile_count=count,
            probability=0.5,
        )
        for at, (name, count) in enumerate(counts)
    ]  # fmt: skip
    tiles = {
        plan.id: [
            GwPlanTile(
                rank_id=rank, ra_deg=120.0, dec_deg=-40.0, probability=0.001, start_at=T0
            )
            for rank in range(1, plan.tile_count + 1)
        ]
        for plan in plans
    }  # fmt: skip
    return plans, tiles


def drawn_of(plans, tiles):
    drawn = footprints(plans, tiles, colours(plans))
    return [sum(each.title.startswith(f"{plan.telescope} ") for each in drawn) for plan in plans]


def test_no_telescope_takes_the_place_of_another():
    plans, tiles = make(("TCA", 100), ("TCH", 100), ("TRE", 100))

    assert drawn_of(plans, tiles) == [100, 100, 100]
    assert [left_out(plan) for plan in plans] == ["", "", ""]


@pytest.mark.parametrize(
    ("name", "count", "drawn", "said"),
    [
        ("TCA", MAX_DRAWN_TILES, 200, ""),
        ("TCA", 500, 200, "the first 200 of 500 are drawn"),
        ("GONE", 3, 0, "none of 3 tiles is drawn: it left the table"),
    ],
)
def test_what_is_not_drawn_is_said(name, count, drawn, said):
    plans, tiles = make((name, count))

    assert drawn_of(plans, tiles) == [drawn]
    assert left_out(plans[0]) == said


def test_the_picture_of_all_telescopes_says_what_it_leaves_out():
    cells = {"6": hpgeom.query_circle(64, 120.0, -40.0, 5.0, nest=True).tolist()}
    plans, tiles = make(("TCA", 300), ("TRE", 2))

    drawn = combined_map(GwSkymap(moc_50=cells, moc_90=cells), plans, tiles)

    assert "300 tiles, 50 % of the probability; the first 200 of 300 are drawn" in drawn
    assert "TRE, tiling: 2 tiles, 50 % of the probability</text>" in drawn
