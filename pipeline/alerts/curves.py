"""Packed light curves: merge points, compare with what is stored, read from Postgres."""

from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from sqlalchemy.orm import Session

from broker.compiled import first_call
from broker.db import cursor
from broker.db_arrays import BigInts
from pipeline.alerts import curves_kernel as kernel
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
        Whose point it is, a position.
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
    kept = _merged_order(owner, rows) if compiler.works() else _plain_order(owner, rows)
    return owner[kept], rows[kept]


def changes(object_ids: NDArray[np.int64], old: LightCurves, new: LightCurves) -> list[CurveChange]:
    """Return the writes that turn ``old`` into ``new`` for ``object_ids`` (both hold them all)."""
    compare = _compare if compiler.works() else _plain_compare
    found: list[CurveChange] = []
    for series, dtype in enumerate(SERIES):
        state = compare(old, new, series)
        changed = np.flatnonzero(state != kernel.SAME)
        appended = state[changed] == kernel.APPENDED
        first, last = new.starts[series][changed], new.starts[series][changed + 1]
        stored = np.diff(old.starts[series])[changed]
        packed, size = new.rows[series].tobytes(), dtype.itemsize
        begin = np.where(appended, first + stored, first)
        found += [
            CurveChange(object_id, series, n, last_jd_utc, packed[at:end], is_append)
            for object_id, n, last_jd_utc, at, end, is_append in zip(
                object_ids[changed].tolist(),
                (last - first).tolist(),
                new.rows[series]["jd_utc"][last - 1].tolist(),
                (begin * size).tolist(),
                (last * size).tolist(),
                appended.tolist(),
                strict=True,
            )
        ]
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
                (BigInts.of(object_ids),),
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


def _merged_order(owner: NDArray[np.int64], rows: NDArray[Any]) -> NDArray[np.int64]:
    """Return the positions of the points that stay, in order."""
    order = np.empty(len(rows), np.int64)
    kept = kernel.merged_order(
        np.ascontiguousarray(owner, np.int64),
        int(owner.max(initial=-1)) + 1,
        np.ascontiguousarray(rows["jd_utc"]),
        np.ascontiguousarray(rows["band"]),
        _bytes(rows).reshape(len(rows), rows.dtype.itemsize),
        order,
    )
    return order[:kept]


def _compare(old: LightCurves, new: LightCurves, series: int) -> NDArray[np.uint8]:
    """Return what became of each object's curve (``curves_kernel.SAME`` …)."""
    found = np.empty(len(new.object_ids), np.uint8)
    kernel.compare_curves(
        _bytes(old.rows[series]),
        old.starts[series],
        _bytes(new.rows[series]),
        new.starts[series],
        SERIES[series].itemsize,
        found,
    )
    return found


def _bytes(rows: NDArray[Any]) -> NDArray[np.uint8]:
    raw = np.ascontiguousarray(rows).view(np.uint8)
    raw.flags.writeable = False  # stored ones are; one type for the compiler
    return raw


def _plain_order(owner: NDArray[np.int64], rows: NDArray[Any]) -> NDArray[np.int64]:
    """Do what ``_merged_order`` does, in NumPy."""
    order = np.lexsort((rows["band"], rows["jd_utc"], owner))
    owner, rows = owner[order], rows[order]
    jd_utc, band = rows["jd_utc"], rows["band"]
    starts = np.ones(len(rows), bool)
    starts[1:] = (owner[1:] != owner[:-1]) | (jd_utc[1:] != jd_utc[:-1]) | (band[1:] != band[:-1])
    kept = np.flatnonzero(starts)
    return order[_lowest(rows, kept) if len(kept) < len(rows) else kept]


def _plain_compare(old: LightCurves, new: LightCurves, series: int) -> NDArray[np.uint8]:
    """Do what ``_compare`` does, in Python."""
    size = SERIES[series].itemsize
    before, after = old.rows[series].tobytes(), new.rows[series].tobytes()
    old_bounds = pairwise((old.starts[series] * size).tolist())
    new_bounds = pairwise((new.starts[series] * size).tolist())
    found = []
    for (old_first, old_last), (first, last) in zip(old_bounds, new_bounds, strict=True):
        stored, merged = before[old_first:old_last], after[first:last]
        if merged == stored:
            found.append(kernel.SAME)
        else:
            is_append = bool(stored) and merged.startswith(stored)
            found.append(kernel.APPENDED if is_append else kernel.REWRITTEN)
    return np.array(found, np.uint8)


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


@first_call
def compiler() -> None:
    """Compile the loops that merge and compare light curves, on no points at all."""
    none, rows = np.empty(0, np.int64), [np.empty(0, dtype) for dtype in SERIES]
    starts = np.zeros(1, np.int64)
    curves = LightCurves("", none, (rows[0], rows[1], rows[2]), (starts, starts, starts))
    _merged_order(none, rows[0])
    _compare(curves, curves, 0)
