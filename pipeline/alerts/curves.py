"""Packed light curves: merge points, compare with what is stored, read from Postgres."""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from sqlalchemy.orm import Session

from broker.db import cursor
from pipeline.alerts.batch import SERIES, LightCurves


class CurveChange(NamedTuple):
    """What must be written for one series of one object."""

    object_id: int
    series: int
    n: int
    last_jd_utc: float
    points: bytes
    is_append: bool
    """True: ``points`` go behind the stored ones; False: they are the whole curve."""


def merge_points(
    owner: NDArray[np.int64], rows: NDArray[Any]
) -> tuple[NDArray[np.int64], NDArray[Any]]:
    """Sort points by owner, time and band, and keep one of each.

    Parameters
    ----------
    owner : int64[n]
        Whose point it is.
    rows : structured[n]
        Packed points of one series.

    Returns
    -------
    owner, rows
        Of the points kept. Where packets disagree about a point, the one with the lower packed
        bytes stays: the only rule that does not depend on the order of arrival.
    """
    if not len(rows):
        return owner, rows
    order = np.lexsort((rows["band"], rows["jd_utc"], owner))
    owner, rows = owner[order], rows[order]
    jd_utc, band = rows["jd_utc"], rows["band"]
    starts = np.ones(len(rows), bool)
    starts[1:] = (owner[1:] != owner[:-1]) | (jd_utc[1:] != jd_utc[:-1]) | (band[1:] != band[:-1])
    kept = np.flatnonzero(starts)
    if len(kept) < len(rows):
        kept = _lowest(rows, kept)
    return owner[kept], rows[kept]


def changes(object_ids: NDArray[np.int64], old: LightCurves, new: LightCurves) -> list[CurveChange]:
    """Return the writes that turn ``old`` into ``new`` for ``object_ids`` (both hold them all)."""
    found = []
    for series, dtype in enumerate(SERIES):
        before, after = old.rows[series].tobytes(), new.rows[series].tobytes()
        size = dtype.itemsize
        jd_utc = new.rows[series]["jd_utc"]
        bounds = zip(
            object_ids.tolist(),
            (old.starts[series] * size).tolist(),
            (new.starts[series] * size).tolist(),
            (old.starts[series][1:] * size).tolist(),
            (new.starts[series][1:] * size).tolist(),
            strict=False,
        )
        for object_id, old_first, first, old_last, last in bounds:
            stored, merged = before[old_first:old_last], after[first:last]
            if merged == stored:
                continue
            is_append = bool(stored) and merged.startswith(stored)
            found.append(
                CurveChange(
                    object_id,
                    series,
                    len(merged) // size,
                    float(jd_utc[last // size - 1]),
                    merged[len(stored) :] if is_append else merged,
                    is_append,
                )
            )
    return found


def assemble(
    survey: str,
    object_ids: NDArray[np.int64],
    series: list[tuple[NDArray[np.int64], NDArray[Any]]],
) -> LightCurves:
    """Return light curves from points whose owners are positions in ``object_ids``, sorted."""
    bounds = np.arange(len(object_ids) + 1)
    starts = [np.searchsorted(owner, bounds).astype(np.int64) for owner, _ in series]
    rows = [rows for _, rows in series]
    return LightCurves(
        survey,
        object_ids,
        (rows[0], rows[1], rows[2]),
        (starts[0], starts[1], starts[2]),
    )


def load(session: Session, survey: str, object_ids: NDArray[np.int64]) -> LightCurves:
    """Read the stored light curves of ``object_ids`` (``objects.id``, ascending, distinct)."""
    stored: list[list[bytes]] = [[b""] * len(object_ids) for _ in SERIES]
    if len(object_ids):
        position = {object_id: at for at, object_id in enumerate(object_ids.tolist())}
        with cursor(session) as cur:
            cur.execute(
                "SELECT object_id, series, points FROM light_curves WHERE object_id = ANY(%s)",
                (object_ids.tolist(),),
                binary=True,
            )
            for object_id, series, points in cur:
                stored[series][position[object_id]] = points
    rows = []
    starts = []
    for dtype, parts in zip(SERIES, stored, strict=True):
        lengths = np.array([len(part) // dtype.itemsize for part in parts], np.int64)
        rows.append(np.frombuffer(b"".join(parts), dtype))
        starts.append(np.concatenate(([0], np.cumsum(lengths))).astype(np.int64))
    return LightCurves(
        survey, object_ids, (rows[0], rows[1], rows[2]), (starts[0], starts[1], starts[2])
    )


def owners(curves: LightCurves, series: int) -> NDArray[np.int64]:
    """Return the position in ``curves.object_ids`` of each point of one series."""
    return np.repeat(np.arange(len(curves.object_ids)), np.diff(curves.starts[series]))


def _lowest(rows: NDArray[Any], kept: NDArray[np.int64]) -> NDArray[np.int64]:
    """Move each kept position to the point with the lowest bytes among its equals."""
    raw = np.frombuffer(rows.tobytes(), np.uint8).reshape(len(rows), rows.dtype.itemsize)
    differs = np.zeros(len(rows), bool)
    differs[1:] = (raw[1:] != raw[:-1]).any(axis=1)
    differs[kept] = False
    if not differs.any():
        return kept
    kept = kept.copy()
    ends = np.append(kept[1:], len(rows))
    for group in np.unique(np.searchsorted(kept, np.flatnonzero(differs), side="right") - 1):
        candidates = range(kept[group], ends[group])
        kept[group] = min(candidates, key=lambda at: raw[at].tobytes())
    return kept
