"""The files of plans that teams read: aligned text, CSV and ECSV of a telescope, and ALL.txt.

Names, columns and layout are those that GRANDMA's teams know.
"""

import io
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from astropy.table import Table

from pipeline.gw.plan_job import PlannedTile, PlanResult

NO_TILES = "# No tiles to observe"
ALL_FILE, ALL_MAP = "ALL.txt", "ALL.svg"
COVERAGE, VISIBILITY = "coverage", "visibility"
"""Pictures of a plan."""
FOR_TEAMS = ("tiles_*.txt", "tiles_*.csv", "tiles_*.ecsv", "plots/*.png")
"""Of a plan's folder, what teams read. The rest is for us: the job names who took what, the log
shows paths of this machine."""
HEADINGS = ("rank_id", "tile_id", "RA", "DEC", "Prob", "Timeobs")
_MEANINGS = {
    "rank_id": ("", "order of observation"),
    "tile_id": ("", "number in the grid of the telescope, or rank of the best galaxy"),
    "RA": ("deg", "of the centre, ICRS"),
    "DEC": ("deg", "of the centre, ICRS"),
    "Prob": ("", "of the map inside the field; of galaxies, their share"),
    "Timeobs": ("", "start of the exposure, UTC"),
    "Timeend": ("", "end of the exposure, UTC"),
    "exposure_s": ("s", "length of the exposure"),
    "filter": ("", "filter"),
    "airmass": ("", "at the start"),
    "cumulative_prob": ("", "of the union of the fields so far; of galaxies, their share"),
    "galaxies": ("", "right ascension, declination [deg] and distance [Mpc] of each, as JSON"),
}


@dataclass(frozen=True)
class Telescope:
    """What ALL.txt says of one telescope.

    Attributes
    ----------
    name : str
        Of the telescope.
    tiles : sequence of PlannedTile
        In the order of observation.
    note : str
        Why there is no plan; empty when there is one.
    """

    name: str
    tiles: Sequence[PlannedTile] = ()
    note: str = ""


def file_name(telescope: str, ending: str = "txt") -> str:
    """Return the name of a telescope's table."""
    return f"tiles_{telescope}.{ending}"


def picture_file(telescope: str, picture: str = COVERAGE) -> str:
    """Return where a picture lies in a plan's folder."""
    return f"plots/{picture}_{telescope}.png"


def for_teams(folder: Path) -> list[Path]:
    """Return the files of a plan's folder that others may have; none where there is no folder."""
    found = [path for pattern in FOR_TEAMS for path in sorted(folder.glob(pattern))]
    return [path for path in found if path.is_file()]


def write_tables(result: PlanResult, folder: Path) -> None:
    """Write the three tables of a plan into an existing folder."""
    name = result.telescope
    (folder / file_name(name)).write_text(aligned(name, result.tiles))
    (folder / file_name(name, "csv")).write_text(_table_text(result, "ascii.csv"))
    (folder / file_name(name, "ecsv")).write_text(_table_text(result, "ascii.ecsv"))


def aligned(telescope: str, tiles: Sequence[PlannedTile]) -> str:
    """Return the table that people read: each number right-aligned under its heading."""
    if not tiles:
        return f"# {telescope}\n{NO_TILES}\n"
    rows = [HEADINGS, *(_cells(tile) for tile in tiles)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = (
        " ".join(cell.rjust(width) for cell, width in zip(row, widths, strict=True)) for row in rows
    )
    return "\n".join([f"# {telescope}", *lines]) + "\n"


def all_file(telescopes: Iterable[Telescope]) -> str:
    """Return ALL.txt: the tables of every telescope of galaxy targeting, in their order."""
    parts = [_part(telescope) for telescope in telescopes]
    return "\n".join(parts) if parts else f"{NO_TILES}\n"


def utc_text(moment: datetime) -> str:
    """Return a time as ``YYYY-MM-DD HH:MM:SS.sss``, UTC."""
    return f"{moment:%Y-%m-%d %H:%M:%S}.{moment.microsecond // 1000:03d}"


def _part(telescope: Telescope) -> str:
    note = f"# {telescope.note}\n" if telescope.note else ""
    return aligned(telescope.name, telescope.tiles) + note


def _cells(tile: PlannedTile) -> tuple[str, ...]:
    return (
        str(tile.rank_id),
        str(tile.tile_id),
        f"{tile.ra_deg:.4f}",
        f"{tile.dec_deg:.4f}",
        f"{tile.probability:.4f}",
        utc_text(tile.start),
    )


def _table_text(result: PlanResult, form: str) -> str:
    rows = [_values(tile) for tile in result.tiles]
    # Without rows astropy could not know the types.
    types = (int, int, float, float, float, str, str, float, str, float, float, str)
    table = Table(rows=rows or None, names=list(_MEANINGS), dtype=types)
    for name, (unit, meaning) in _MEANINGS.items():
        table[name].unit, table[name].description = unit or None, meaning
    table.meta = {"telescope": result.telescope, "reason": result.reason}
    text = io.StringIO()
    table.write(text, format=form)
    return text.getvalue()


def _values(tile: PlannedTile) -> tuple[object, ...]:
    galaxies = [[each.ra_deg, each.dec_deg, each.distance_mpc] for each in tile.galaxies]
    return (
        tile.rank_id,
        tile.tile_id,
        tile.ra_deg,
        tile.dec_deg,
        tile.probability,
        utc_text(tile.start),
        utc_text(tile.end),
        tile.exposure_s,
        tile.filter,
        tile.airmass,
        tile.cumulative_probability,
        json.dumps(galaxies) if galaxies else "",
    )
