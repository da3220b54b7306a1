"""How a plan is made: candidates, schedule, independent check, exact numbers."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any

from pipeline.gw import plan_coverage, plan_galaxies, plan_grid, plan_gwemopt, plan_night
from pipeline.gw.plan_check import Row, low_rows, near_moon, refusals
from pipeline.gw.plan_coverage import REGION_LEVEL, Coverage, Footprint
from pipeline.gw.plan_galaxies import Members
from pipeline.gw.plan_grid import Tiles
from pipeline.gw.plan_gwemopt import NothingObservableError
from pipeline.gw.plan_job import (
    SCHEDULE,
    SKY_MAP,
    TILES,
    PlanJob,
    PlannedTile,
    PlanResult,
    RemovedTile,
)
from pipeline.gw.sky_index import SkyIndex
from pipeline.gw.skymap import SkyMap
from pipeline.gw.strategies import GALAXIES, TILING

CANDIDATES_PER_TILE = 10
FEWEST_CANDIDATES = 200
"""What the scheduler chooses among; from three times the limit it missed one tile of ten."""
_PERCENT = 100.0


def make(
    job: PlanJob, fits: bytes, tell: Callable[[str], None] = lambda _: None
) -> tuple[PlanResult, SkyMap]:
    """Return the plan of a job, and the map that it was made on.

    Parameters
    ----------
    job : PlanJob
        One telescope.
    fits : bytes
        The map's file.
    tell : callable
        Told of each stage as it begins.

    Raises
    ------
    PlanError
        If the plan cannot be made. That nothing is observable is a plan without tiles.
    """
    plan_night.stay_offline()
    tell(SKY_MAP)
    sky_map = SkyMap.from_fits(fits)
    index = SkyIndex.of(sky_map)
    empty = PlanResult(
        telescope=job.telescope.name,
        strategy=job.strategy,
        scheduler=job.scheduler,
        warnings=_warnings(job, index),
    )
    try:
        tell(TILES)
        candidates, members = _candidates(job, index)
        tell(SCHEDULE)
        rows = plan_gwemopt.schedule(job, candidates)
    except NothingObservableError as reason:
        night = _night(job, job.start)
        return empty.model_copy(update={"reason": str(reason), **night}), sky_map
    kept, removed = _checked(job, rows)
    at = kept[0].start if kept else job.start
    remarks = [near_moon(job, candidates.ra_deg, candidates.dec_deg, at), low_rows(job, kept)]
    footprints = [Footprint.at(row.ra_deg, row.dec_deg, job.telescope.fov_deg) for row in kept]
    found = plan_coverage.coverage(footprints, index)
    values: dict[str, Any] = {
        "tiles": _tiles(job, kept, found, members),
        "removed": removed,
        "candidate_tiles": len(candidates),
        "reason": "" if kept else "no tile passed the independent check",
        "warnings": (*empty.warnings, *filter(None, remarks)),
    }
    values |= _night(job, at)
    return empty.model_copy(update=values | _numbers(found, sky_map)), sky_map


def _candidates(job: PlanJob, index: SkyIndex) -> tuple[Tiles, Members]:
    """Return what the scheduler chooses among, and the galaxies in each."""
    telescope = job.telescope
    night = plan_night.Night.of(telescope, job.start, job.end)
    if night.is_empty:
        raise NothingObservableError("no dark time in the window")
    tiles, members = CHOOSERS[job.strategy](job, index)
    if not len(tiles):
        raise NothingObservableError(_why_empty(job))
    altitude_deg = plan_night.altitude_min_deg(telescope, job.airmass_max)
    is_reached = (tiles.dec_deg >= telescope.dec_min_deg) & (tiles.dec_deg <= telescope.dec_max_deg)
    is_reached &= night.reaches(tiles.ra_deg, tiles.dec_deg, altitude_deg)
    tiles = tiles.only(is_reached)
    if not len(tiles):
        raise NothingObservableError("no tile of the region is high enough in the dark")
    return tiles.best(max(CANDIDATES_PER_TILE * job.max_tiles, FEWEST_CANDIDATES)), members


def _why_empty(job: PlanJob) -> str:
    if job.strategy == GALAXIES and not job.galaxies:
        return "no galaxy of the catalog lies in the region"
    return "teams have taken all of the region already" if job.observed else "no tile in the region"


def _grid_tiles(job: PlanJob, index: SkyIndex) -> tuple[Tiles, Members]:
    telescope = job.telescope
    level = _level(job, index)
    if telescope.grid:
        grid = plan_grid.read_grid(plan_gwemopt.grid_path(telescope.grid))
    else:
        grid = plan_grid.bands(telescope.fov_deg, index, level)
    near = plan_grid.near_region(grid, telescope.fov_deg, index, level)
    return plan_grid.without_observed(near, job.observed, telescope.fov_deg), {}


def _galaxy_fields(job: PlanJob, _: SkyIndex) -> tuple[Tiles, Members]:
    return plan_galaxies.fields(job.galaxies, job.observed, job.telescope.fov_deg)


CHOOSERS: Mapping[str, Callable[[PlanJob, SkyIndex], tuple[Tiles, Members]]] = {
    TILING: _grid_tiles,
    GALAXIES: _galaxy_fields,
}
"""By strategy: what the scheduler chooses among, and the galaxies in each."""


def _checked(job: PlanJob, rows: Sequence[Row]) -> tuple[list[Row], tuple[RemovedTile, ...]]:
    judged = list(zip(rows, refusals(job, rows), strict=True))
    removed = tuple(
        RemovedTile(tile_id=row.tile_id, start=row.start, why=why) for row, why in judged if why
    )
    return [row for row, why in judged if not why], removed


def _tiles(
    job: PlanJob, rows: Sequence[Row], found: Coverage, members: Members
) -> tuple[PlannedTile, ...]:
    alone, together = found.probability.tolist(), found.cumulative_probability.tolist()
    tiles = []
    weight_so_far = 0.0
    for i, row in enumerate(rows):
        galaxies = members.get(row.tile_id, ())
        weight = sum(galaxy.weight for galaxy in galaxies)
        weight_so_far += weight
        tiles.append(
            PlannedTile(
                rank_id=i + 1,
                tile_id=row.tile_id,
                ra_deg=row.ra_deg,
                dec_deg=row.dec_deg,
                probability=weight if galaxies else alone[i],
                cumulative_probability=weight_so_far if galaxies else together[i],
                start=row.start,
                end=row.end,
                exposure_s=job.exposure_s,
                filter=job.telescope.filter,
                airmass=row.airmass,
                galaxies=galaxies,
            )
        )
    return tuple(tiles)


def _numbers(found: Coverage, sky_map: SkyMap) -> dict[str, float]:
    region_deg2 = sky_map.area_deg2(REGION_LEVEL)
    union = found.cumulative_probability
    return {
        "probability": float(union[-1]) if len(union) else 0.0,
        "area_deg2": found.area_deg2,
        "covered_90_percent": _PERCENT * found.region_area_deg2 / region_deg2,
        "surface_ratio_percent": _PERCENT * found.tile_area_deg2 / region_deg2,
    }


def _night(job: PlanJob, at: datetime) -> dict[str, datetime | None]:
    dark = plan_night.dark_time(job.telescope, at)
    return {"dark_from": dark.begin, "dark_until": dark.end}


def _level(job: PlanJob, index: SkyIndex) -> float:
    """Return the credible level of the region whose tiles are judged."""
    if job.telescope.grid or job.strategy == GALAXIES:
        return job.confidence
    return plan_grid.level_for_bands(job.telescope.fov_deg, index, job.confidence)


def _warnings(job: PlanJob, index: SkyIndex) -> tuple[str, ...]:
    found = []
    if not job.telescope.is_reviewed:
        found.append(f"{job.telescope.name} is not reviewed: {job.telescope.question}")
    level = _level(job, index)
    if level < job.confidence:
        found.append(
            f"a field of {job.telescope.fov_deg:g} deg is small for this map: tiles of its densest "
            f"part only, {100 * level:.0f} % of the probability; galaxy targeting may serve better"
        )
    return tuple(found)
