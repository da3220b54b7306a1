"""Tiles of plans on the sky map of their notice, as the pages show them and teams find them."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC

from pipeline.gw.cards_words import percent
from pipeline.gw.plan_tables import GwPlan, GwPlanTile
from pipeline.gw.sky_svg import (
    TILE_COLOURS,
    ZOOM_PX,
    Footprint,
    Regions,
    region_svg,
    whole_sky_svg,
)
from pipeline.gw.tables import GwSkymap
from pipeline.gw.telescopes import TelescopeError, is_known, telescope
from pipeline.svg import picture, tag

LEGEND_PX = 22
"""Height of a line below the map."""
DRAWN_STATES = ("done", "running")
MAX_DRAWN_TILES = 200
"""Of each plan; ``left_out`` says where it has more."""


def maps(sky_map: GwSkymap | None, tiles: Sequence[Footprint]) -> list[str]:
    """Return the whole sky and, where the region is small enough, its enlargement, as SVG."""
    if sky_map is None:
        return []
    regions = Regions(sky_map.moc_50, sky_map.moc_90)
    return [svg for svg in (whole_sky_svg(regions, tiles), region_svg(regions, tiles)) if svg]


def colours(plans: Sequence[GwPlan]) -> dict[int, str]:
    """Return the colour of each plan that has tiles, by its id."""
    drawn = [plan for plan in plans if plan.state in DRAWN_STATES and plan.tile_count]
    return {plan.id: TILE_COLOURS[at % len(TILE_COLOURS)] for at, plan in enumerate(drawn)}


def footprints(
    plans: Sequence[GwPlan], tiles: Mapping[int, Sequence[GwPlanTile]], by_plan: Mapping[int, str]
) -> list[Footprint]:
    """Return the tiles of plans as they are drawn; telescopes that left the table are left out."""
    drawn = [
        _footprint(plan, tile, colour)
        for plan in plans
        if (colour := by_plan.get(plan.id))
        for tile in tiles.get(plan.id, ())[:MAX_DRAWN_TILES]
    ]
    return [each for each in drawn if each is not None]


def left_out(plan: GwPlan) -> str:
    """Return which tiles of a plan its maps do not show, in words; empty where they show all."""
    count = plan.tile_count or 0
    if count and not is_known(plan.telescope):
        return f"none of {count} tiles is drawn: it left the table"
    return f"the first {MAX_DRAWN_TILES} of {count} are drawn" if count > MAX_DRAWN_TILES else ""


def _footprint(plan: GwPlan, tile: GwPlanTile, colour: str) -> Footprint | None:
    try:
        fov_deg = telescope(plan.telescope).fov_deg
    except TelescopeError:
        return None
    starts = tile.start_at.astimezone(UTC)
    title = f"{plan.telescope} {tile.rank_id}: {starts:%Y-%m-%d %H:%M:%S} UTC, "
    title += f"probability {tile.probability:.4f}"
    return Footprint(tile.ra_deg, tile.dec_deg, fov_deg, str(tile.rank_id), title, colour)


def current_plans(plans: Iterable[GwPlan]) -> list[GwPlan]:
    """Return the plans that count: of each telescope and strategy the newest one not given up."""
    kept = (plan for plan in plans if plan.state not in {"superseded", "cancelled"})
    chosen = {
        (plan.telescope, plan.strategy): plan for plan in sorted(kept, key=lambda plan: plan.id)
    }
    return sorted(chosen.values(), key=lambda plan: plan.id)


def combined_map(
    sky_map: GwSkymap, plans: Sequence[GwPlan], tiles: Mapping[int, Sequence[GwPlanTile]]
) -> str:
    """Return one picture of the tiles of all telescopes, each named in its colour, as SVG.

    Parameters
    ----------
    sky_map : GwSkymap
        Its smallest map that holds the whole 90 % region is drawn.
    plans : sequence of GwPlan
        Those that count.
    tiles : mapping
        Of each plan, by its id.

    Returns
    -------
    str
        Empty where there is no tile, or no region.
    """
    by_plan = colours(plans)
    drawn = maps(sky_map, footprints(plans, tiles, by_plan))
    if not by_plan or not drawn:
        return ""
    named = [plan for plan in plans if plan.id in by_plan]
    words = (
        tag(
            "text",
            _words(plan),
            x=LEGEND_PX,
            y=ZOOM_PX[1] + LEGEND_PX * line,
            fill=by_plan[plan.id],
        )
        for line, plan in enumerate(named, start=1)
    )
    height_px = ZOOM_PX[1] + LEGEND_PX * (len(named) + 1)
    title = tag("title", "Tiles of all telescopes on the sky map")
    return picture(ZOOM_PX[0], height_px, title + drawn[-1] + "".join(words))


def _words(plan: GwPlan) -> str:
    share = percent(plan.probability)
    said = f"{plan.telescope}, {plan.strategy}: {plan.tile_count} tiles, {share} of the probability"
    missing = left_out(plan)
    return f"{said}; {missing}" if missing else said
