"""Catalog rows that agree with the plan: the point-source catalog and an archival one."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from pyarrow import csv, parquet

from pipeline.simulate.placing import background as background_positions
from pipeline.simulate.placing import offset_deg
from pipeline.simulate.plan import Plan, Source

Columns = dict[str, NDArray[Any]]

_ID_START = 9_000_000_000_000
_ARCHIVAL_OFFSET_ARCSEC = 0.3


def lspsc_rows(seed: int, plan: Plan, background: int) -> Columns:
    """Return the point-source catalog: ``id, ra, dec, score, mag_white``.

    The neighbours of every source inside the footprint, and ``background`` rows near none.
    """
    rng = np.random.default_rng([seed, 6])
    near = [
        (*star.position_deg(source.ra_deg, source.dec_deg), star.score, star.white_abmag)
        for source in plan.sources
        for star in source.neighbours
    ]
    covered = [field for field in plan.fields if field.is_in_footprint]
    ra, dec = background_positions(rng, covered, background)
    is_star = rng.integers(0, 2, len(ra)) == 1
    score = np.where(is_star, rng.beta(4, 0.5, len(ra)), rng.beta(0.5, 4, len(ra)))
    far = np.column_stack([ra, dec, np.round(score, 6), rng.uniform(15, 23, len(ra))])
    rows = np.concatenate([np.array(near).reshape(-1, 4), far])
    rows = rows[np.lexsort((rows[:, 0], rows[:, 1]))]
    names = ("ra", "dec", "score", "mag_white")
    columns: Columns = {"id": _ID_START + np.arange(len(rows))}
    return columns | {name: rows[:, i].copy() for i, name in enumerate(names)}


def archival_rows(seed: int, plan: Plan) -> Columns:
    """Return the archival catalog: ``id, ra, dec, phot_g_mean_mag``.

    A row within 0.5″ of each source that the plan calls archival.
    """
    rng = np.random.default_rng([seed, 8])
    rows = np.array(
        [_archival_row(source, rng) for source in plan.sources if source.is_archival]
    ).reshape(-1, 3)
    columns: Columns = {"id": _ID_START + 500_000_000 + np.arange(len(rows))}
    names = ("ra", "dec", "phot_g_mean_mag")
    return columns | {name: rows[:, i].copy() for i, name in enumerate(names)}


def write_catalog(columns: Columns, path: Path) -> int:
    """Write columns as Parquet or, for any other ending, CSV; return the number of rows."""
    table = pa.table(dict(columns))
    if path.suffix == ".parquet":
        parquet.write_table(table, path)
    else:
        csv.write_csv(table, path)
    return int(table.num_rows)


def _archival_row(source: Source, rng: np.random.Generator) -> Sequence[float]:
    east, north = rng.uniform(-_ARCHIVAL_OFFSET_ARCSEC, _ARCHIVAL_OFFSET_ARCSEC, 2)
    ra, dec = offset_deg(source.ra_deg, source.dec_deg, float(east), float(north))
    return ra, dec, float(rng.uniform(16, 20.5))
