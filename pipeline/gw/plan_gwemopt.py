"""The one door to gwemopt: which of our candidates are seen when, and in which order.

What goes in is ours (grid, footprints, probabilities, telescope), because its own is wrong in ways
that ``docs/plans.md`` names: fields of four times their area (G1), covered too much (G2), the
region's cut lost (G4), horizon, readout and slewing ignored (G5, G6), one telescope at a time (G7).
Its ``coverage`` and ``io`` are not imported: they bring plotting, GraceDB and rasters, and would
compute the probabilities again.
"""

import contextlib
import io
import itertools
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np

from pipeline.angles import ARCSEC_PER_DEG
from pipeline.gw.plan_check import Row
from pipeline.gw.plan_grid import Tiles
from pipeline.gw.plan_job import PlanError, PlanJob
from pipeline.gw.plan_night import altitude_min_deg
from pipeline.gw.telescopes import Telescope
from pipeline.sky import separation_arcsec

FEWEST_SLOTS = 2
"""With one slot its scheduler reads beyond the list (G8)."""
ROUNDS = 3
"""Schedules until every gap is long enough for the way that the telescope has to go (G6)."""
_UNKNOWN_MAGNITUDE = 0.0
_MJD_EPOCH = datetime(1858, 11, 17, tzinfo=UTC)


class NothingObservableError(Exception):
    """There is no plan to be made, which is an answer; the message is for people."""


@dataclass(frozen=True)
class Slots:
    """How a night is cut.

    Attributes
    ----------
    exposure_s : float
        Of one tile.
    overhead_s : float
        Between two exposures: readout, or slewing.
    """

    exposure_s: float
    overhead_s: float


def grid_path(name: str) -> Path:
    """Return where gwemopt keeps a grid; it knows missing ones as all-sky grids of its own (G12).

    Raises
    ------
    PlanError
        If it ships no such file.
    """
    from gwemopt.paths import TESSELATION_DIR

    path = Path(TESSELATION_DIR) / name
    if not path.is_file():
        raise PlanError(f"gwemopt ships no grid {name}")
    return path


def schedule(job: PlanJob, candidates: Tiles) -> list[Row]:
    """Return what a telescope observes and when, in the order of time.

    Where no round gave every pair its gap, the independent check removes what comes too early.

    Parameters
    ----------
    job : PlanJob
        Telescope, window, limits.
    candidates : Tiles
        With their probabilities.

    Raises
    ------
    NothingObservableError
        If no slot is dark, or no candidate is up then.
    """
    slots = Slots(job.exposure_s, gap_s(job.telescope, job.telescope.fov_deg))
    rows: list[Row] = []
    for _ in range(ROUNDS):
        rows = _schedule_once(job, candidates, slots)
        needed_s = max(
            (_gap_between_s(job.telescope, *pair) for pair in itertools.pairwise(rows)), default=0.0
        )
        if needed_s <= slots.overhead_s:
            break
        slots = replace(slots, overhead_s=needed_s)
    return rows


def gap_s(telescope: Telescope, separation_deg: float) -> float:
    """Return what a telescope needs between two exposures so far apart [s].

    Parameters
    ----------
    telescope : Telescope
        It reads out while it moves.
    separation_deg : float
        Between the two centres.
    """
    return max(telescope.readout_s, separation_deg / telescope.slew_deg_per_s)


def _gap_between_s(telescope: Telescope, one: Row, other: Row) -> float:
    apart = separation_arcsec(one.ra_deg, one.dec_deg, other.ra_deg, other.dec_deg)
    return gap_s(telescope, float(apart) / ARCSEC_PER_DEG)


def _schedule_once(job: PlanJob, candidates: Tiles, slots: Slots) -> list[Row]:
    import ephem
    from gwemopt import scheduler, segments

    params = parameters(job, slots)
    config = params["config"][job.telescope.name]
    with contextlib.redirect_stdout(io.StringIO()):  # it prints every step
        try:
            segments.get_telescope_segments(params)
        except (ephem.AlwaysUpError, ephem.NeverUpError):
            raise NothingObservableError("the Sun neither rises nor sets there") from None
        if len(config["exposurelist"]) < FEWEST_SLOTS:
            raise NothingObservableError("no dark time for two exposures in the window")
        wanted = segments.get_segments_tiles(params, config, tile_struct(job, candidates))
        rows = _rows(scheduler.scheduler(params, config, wanted))
        if len(rows) > job.max_tiles:
            seen = candidates.only(np.isin(candidates.tile_id, [row.tile_id for row in rows]))
            best = seen.best(job.max_tiles).tile_id.tolist()
            rows = _rows(scheduler.scheduler(params, config, {key: wanted[key] for key in best}))
    if not rows:
        raise NothingObservableError("no tile of the region is high enough in the dark")
    return rows


def parameters(job: PlanJob, slots: Slots) -> dict[str, Any]:
    """Return gwemopt's parameters for a job: its defaults, and what we set."""
    from astropy.time import Time
    from gwemopt.args import parse_args

    telescope = job.telescope
    days = [(moment - job.event_time) / timedelta(days=1) for moment in (job.start, job.end)]
    altitude_deg = altitude_min_deg(telescope, job.airmass_max)
    defaults: dict[str, Any] = vars(parse_args([]))
    return defaults | {
        "telescopes": [telescope.name],
        "config": {telescope.name: telescope_config(telescope, slots)},
        "gpstime": float(Time(job.event_time, scale="utc").gps),
        "Tobs": np.array(days),
        # Its own horizon is never read; the airmass is (G5).
        "airmass": float(1 / np.sin(np.radians(altitude_deg))),
        # The way in which it takes tiles and probabilities as they are given.
        "tilesType": "galaxy",
        "filters": [telescope.filter or "none"],
        "exposuretimes": np.array([slots.exposure_s]),
        "doSingleExposure": True,
        "max_nb_tiles": job.max_tiles,
        "scheduleType": job.scheduler,
        "solverType": "heuristic",
        "plots": [],
        "unbalanced_tiles": None,
    }


def telescope_config(telescope: Telescope, slots: Slots) -> dict[str, Any]:
    """Return one telescope in gwemopt's names; all that lies between two exposures is overhead."""
    return {
        "telescope": telescope.name,
        "latitude": telescope.latitude_deg,
        "longitude": telescope.longitude_deg,
        "elevation": telescope.elevation_m,
        "FOV": telescope.fov_deg,
        "FOV_type": "square",
        "slew_rate": telescope.slew_deg_per_s,
        "readout": telescope.readout_s,
        "filt": telescope.filter or "none",
        "horizon": telescope.horizon_deg,
        "magnitude": telescope.limiting_abmag or _UNKNOWN_MAGNITUDE,
        "exposuretime": telescope.limiting_exposure_s,
        "overhead_per_exposure": slots.overhead_s,
        "filt_change_time": 0.0,
        "moon_constraint": telescope.moon_min_deg,
        "dec_constraint": f"{telescope.dec_min_deg},{telescope.dec_max_deg}",
    }


def tile_struct(job: PlanJob, candidates: Tiles) -> dict[int, dict[str, Any]]:
    """Return candidates in gwemopt's form; a MOC is not needed where probabilities are given."""
    return {
        tile_id: {
            "ra": ra,
            "dec": dec,
            "prob": probability,
            "moc": None,
            "galaxies": None,
            "exposureTime": job.exposure_s,
            "nexposures": 1,
            "filt": [job.telescope.filter or "none"],
        }
        for tile_id, ra, dec, probability in zip(
            candidates.tile_id.tolist(),
            candidates.ra_deg.tolist(),
            candidates.dec_deg.tolist(),
            candidates.probability.tolist(),
            strict=True,
        )
    }


def _rows(found: dict[str, Any]) -> list[Row]:
    """Return a schedule in the order of time."""
    return sorted((_row(values) for values in found["data"]), key=lambda row: row.start)


def _row(values: Sequence[float]) -> Row:
    ra, dec, mjd, _, exposure_s, tile_id, _, airmass = (float(value) for value in values)
    start = _MJD_EPOCH + timedelta(days=mjd)
    return Row(int(tile_id), ra, dec, start, start + timedelta(seconds=exposure_s), airmass)
