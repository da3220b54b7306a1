"""What a plan process is given and what it answers: files in one folder.

In: ``job.json`` and ``skymap.fits``. Out: ``plan.json``, the tables of ``plan_files`` and the
pictures of ``plan_pictures``; meanwhile ``stage.txt`` says how far it is.
"""

from datetime import datetime
from pathlib import Path
from typing import Annotated

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from broker.sections.gw_plans import ExposureS, MaxTiles, Strategy
from pipeline.gw.telescopes import Telescope

JOB_FILE = "job.json"
MAP_FILE = "skymap.fits"
RESULT_FILE = "plan.json"
STAGE_FILE = "stage.txt"
SKY_MAP, TILES, SCHEDULE, FILES = STAGES = ("sky map", "tiles", "schedule", "files")
"""Through which a plan's process goes, in order."""
REFUSED = 3
"""Exit code of a plan that cannot be made; the last line of its output says why."""

Degrees = Annotated[float, Field(ge=-360, le=360)]


class _Record(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Galaxy(_Record):
    """A galaxy that may host the event.

    Attributes
    ----------
    ra_deg, dec_deg, distance_mpc : float
        Position [ICRS] and luminosity distance.
    weight : float
        Its share of what all candidates have; they sum to 1.
    """

    ra_deg: Degrees
    dec_deg: Degrees
    distance_mpc: float
    weight: Annotated[float, Field(ge=0, le=1)]


class Pointing(_Record):
    """A centre on the sky [deg, ICRS]."""

    ra_deg: Degrees
    dec_deg: Degrees


class PlanJob(_Record):
    """One plan: one telescope, one map, one strategy, one window.

    Attributes
    ----------
    event : str
        For titles.
    telescope : Telescope
        Its facts; the process reads no other table.
    strategy : str
        ``tiling`` of a fixed grid, or ``galaxies``, for which candidates are given.
    event_time : datetime
        T0.
    start, end : datetime
        When exposures may begin.
    max_tiles : int
        Pointings at most.
    exposure_s : float
        Of each pointing.
    airmass_max : float
        The telescope's horizon may make it stricter.
    confidence : float
        Tiles that do not meet this region are no candidates.
    galaxies : tuple of Galaxy
        Best first.
    observed : tuple of Pointing
        Taken or observed already: left out.
    scheduler : str
        Of gwemopt.
    """

    event: str
    telescope: Telescope
    strategy: Strategy
    event_time: AwareDatetime
    start: AwareDatetime
    end: AwareDatetime
    max_tiles: MaxTiles
    exposure_s: ExposureS
    airmass_max: Annotated[float, Field(gt=1, le=5)] = 2.5
    confidence: Annotated[float, Field(gt=0, lt=1)] = 0.9
    galaxies: tuple[Galaxy, ...] = ()
    observed: tuple[Pointing, ...] = ()
    scheduler: str = "greedy_slew"


class PlannedTile(_Record):
    """One pointing of a plan.

    Attributes
    ----------
    rank_id : int
        Order of observation, from 1.
    tile_id : int
        In the telescope's grid; of galaxies, their rank among the candidates.
    ra_deg, dec_deg : float
        Centre, ICRS.
    probability : float
        Of the map inside the exact footprint; of galaxies, the weight of those inside.
    cumulative_probability : float
        Of the union of the footprints so far; of galaxies, the sum of weights so far.
    start, end : datetime
        Of the exposure.
    exposure_s, airmass : float
        Length; secant of the zenith distance at its start.
    filter : str
        Empty where the telescope has no default.
    galaxies : tuple of Galaxy
        Inside the footprint.
    """

    rank_id: int
    tile_id: int
    ra_deg: float
    dec_deg: float
    probability: float
    cumulative_probability: float
    start: datetime
    end: datetime
    exposure_s: float
    filter: str
    airmass: float
    galaxies: tuple[Galaxy, ...] = ()


class RemovedTile(_Record):
    """A pointing that the independent check refused."""

    tile_id: int
    start: datetime
    why: str


class PlanResult(_Record):
    """A plan; without tiles it says why, and is no error.

    Attributes
    ----------
    telescope, strategy, scheduler : str
        Of the job.
    reason : str
        Why there is no tile; else empty.
    tiles : tuple of PlannedTile
        In the order of observation.
    removed : tuple of RemovedTile
        What the independent check refused.
    warnings : tuple of str
        What people shall know.
    probability : float
        Sky probability inside the union of the footprints.
    area_deg2 : float
        Of the union.
    covered_90_percent : float
        Of the area of the 90 % region inside the union.
    surface_ratio_percent : float
        Sum of the tiles' areas over the area of the 90 % region; may exceed 100.
    candidate_tiles : int
        Among which the scheduler chose.
    dark_from, dark_until : datetime or None
        The night of the first tile, without tiles the first one in the window; None where the site
        has none, or no end of it within a day.
    duration_s : float
        Of the process.
    peak_memory_bytes : int
        Of the process, resident.
    """

    telescope: str
    strategy: Strategy
    scheduler: str
    reason: str = ""
    tiles: tuple[PlannedTile, ...] = ()
    removed: tuple[RemovedTile, ...] = ()
    warnings: tuple[str, ...] = ()
    probability: float = 0.0
    area_deg2: float = 0.0
    covered_90_percent: float = 0.0
    surface_ratio_percent: float = 0.0
    candidate_tiles: int = 0
    dark_from: datetime | None = None
    dark_until: datetime | None = None
    duration_s: float = 0.0
    peak_memory_bytes: int = 0


class PlanError(Exception):
    """A plan cannot be made; the message is the one line that people are told."""


def write_job(job: PlanJob, fits: bytes, folder: Path) -> None:
    """Write a job and its map into an existing folder."""
    (folder / MAP_FILE).write_bytes(fits)
    (folder / JOB_FILE).write_text(job.model_dump_json())


def read_job(folder: Path) -> PlanJob:
    """Return the job that lies in ``folder``; ValidationError names what is wrong in it."""
    return PlanJob.model_validate_json((folder / JOB_FILE).read_bytes())


def write_stage(stage: str, folder: Path) -> None:
    """Say how far a plan is; one of ``STAGES``."""
    (folder / STAGE_FILE).write_text(stage)


def read_stage(folder: Path) -> str:
    """Return how far a plan is; empty before its process has said anything."""
    try:
        stage = (folder / STAGE_FILE).read_text()
    except FileNotFoundError:
        return ""
    return stage if stage in STAGES else ""  # it may be read while it is being written


def write_result(result: PlanResult, folder: Path) -> None:
    """Write the answer; it is there whole or not at all."""
    part = folder / f".part-{RESULT_FILE}"
    part.write_text(result.model_dump_json())
    part.replace(folder / RESULT_FILE)


def read_result(folder: Path) -> PlanResult:
    """Return the answer that lies in ``folder``."""
    return PlanResult.model_validate_json((folder / RESULT_FILE).read_bytes())
