"""Transaction A1: the objects of a batch exist, and their light curves hold its photometry."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy.orm import Session

from broker.db import cursor
from broker.db_arrays import Array, BigInts, ByteStrings, Doubles, Ints, SmallInts, Texts
from pipeline.alerts import curves
from pipeline.alerts.batch import Batch, LightCurves
from pipeline.alerts.curves import CurveChange
from pipeline.sky import hpx29


@dataclass(frozen=True)
class Merged:
    """Objects and light curves of a batch, as A1 left them.

    Attributes
    ----------
    object_id : int64[n]
        ``objects.id`` of each alert, −1 without object.
    curves : LightCurves
        Of those objects.
    """

    object_id: NDArray[np.int64]
    curves: LightCurves


def merge(session: Session, batch: Batch) -> Merged:
    """Make missing objects and merge the batch's photometry into the stored light curves.

    Safe to repeat: a point that is already there changes nothing. The objects' rows are locked in
    key order first, so that two workers with the same objects neither dead-lock nor lose a point.
    """
    object_id = _objects(session, batch)
    ids = np.unique(object_id[object_id >= 0])
    _lock(session, ids)
    old = curves.load(session, batch.survey, ids)
    new = _merged(batch, object_id, old)
    _write(session, curves.changes(ids, old, new))
    _mark_public(session, batch, object_id, new)
    return Merged(object_id, new)


def _objects(session: Session, batch: Batch) -> NDArray[np.int64]:
    """Insert what is missing, first alert first, and return each alert's ``objects.id``."""
    firsts: dict[str, int] = {}
    for at, name in enumerate(batch.object_id.tolist()):
        if name is not None:
            firsts.setdefault(name, at)
    if not firsts:
        return np.full(len(batch), -1, np.int64)
    names = sorted(firsts)
    ids = _ids(session, batch.survey, names)
    missing = [name for name in names if name not in ids]
    if missing:
        first = np.array([firsts[name] for name in missing])
        with cursor(session) as cur:
            cur.execute(
                "INSERT INTO objects (survey, object_id, ra_deg, dec_deg, hpx29)"
                " SELECT %s, * FROM unnest(%s::text[], %s::float8[], %s::float8[], %s::bigint[])"
                " ON CONFLICT DO NOTHING",
                (
                    batch.survey,
                    Texts.of_texts(missing),
                    Doubles.of(batch.ra_deg[first]),
                    Doubles.of(batch.dec_deg[first]),
                    BigInts.of(hpx29(batch.ra_deg[first], batch.dec_deg[first])),
                ),
            )
        ids |= _ids(session, batch.survey, missing)
    return np.array([ids.get(name, -1) for name in batch.object_id.tolist()], np.int64)


def _ids(session: Session, survey: str, names: Sequence[str]) -> dict[str, int]:
    with cursor(session) as cur:
        cur.execute(
            "SELECT object_id, id FROM objects WHERE survey = %s AND object_id = ANY(%s)",
            (survey, Texts.of_texts(names)),
            binary=True,
        )
        return dict(cur.fetchall())


def _lock(session: Session, ids: NDArray[np.int64]) -> None:
    with cursor(session) as cur:
        cur.execute(
            "SELECT 1 FROM objects WHERE id = ANY(%s) ORDER BY id FOR NO KEY UPDATE",
            (BigInts.of(ids),),
        )


def _merged(batch: Batch, object_id: NDArray[np.int64], old: LightCurves) -> LightCurves:
    at = old.find(object_id)
    merged: list[tuple[NDArray[np.int64], NDArray[Any]]] = []
    for series, points in enumerate(batch.series()):
        owner = at[points.parent]
        known = owner >= 0
        merged.append(
            curves.merge_points(
                np.concatenate((curves.owners(old, series), owner[known])),
                np.concatenate((old.rows[series], points.rows[known])),
            )
        )
    return curves.assemble(old.survey, old.object_ids, merged)


def _write(session: Session, changed: Sequence[CurveChange]) -> None:
    appended = [change for change in changed if change.is_append]
    rewritten = [change for change in changed if not change.is_append]
    with cursor(session) as cur:
        if appended:
            cur.execute(
                "UPDATE light_curves AS c SET points = c.points || u.points, n = u.n,"
                " last_jd_utc = u.last_jd_utc"
                " FROM unnest(%s::bigint[], %s::smallint[], %s::int[], %s::float8[], %s::bytea[])"
                " AS u (object_id, series, n, last_jd_utc, points)"
                " WHERE c.object_id = u.object_id AND c.series = u.series",
                _columns(appended),
            )
        if rewritten:
            cur.execute(
                "INSERT INTO light_curves (object_id, series, n, last_jd_utc, points)"
                " SELECT * FROM"
                " unnest(%s::bigint[], %s::smallint[], %s::int[], %s::float8[], %s::bytea[])"
                " ON CONFLICT (object_id, series) DO UPDATE SET"
                " n = EXCLUDED.n, last_jd_utc = EXCLUDED.last_jd_utc, points = EXCLUDED.points",
                _columns(rewritten),
            )


def _columns(changed: Sequence[CurveChange]) -> tuple[Array, ...]:
    return (
        BigInts.of([change.object_id for change in changed]),
        SmallInts.of([change.series for change in changed]),
        Ints.of([change.n for change in changed]),
        Doubles.of([change.last_jd_utc for change in changed]),
        ByteStrings.of([change.points for change in changed]),
    )


def _mark_public(
    session: Session, batch: Batch, object_id: NDArray[np.int64], merged: LightCurves
) -> None:
    """Let objects with a public detection exist for everybody, and be survey matches.

    An object that was known from non-public alerts alone takes the position of its first public
    alert, or of its first public detection: a position that was never public must not leave.
    """
    public = np.flatnonzero(np.diff(merged.starts[0]) > 0)
    first = merged.rows[0][merged.starts[0][public]]
    ids, ra_deg, dec_deg = merged.object_ids[public], first["ra_deg"], first["dec_deg"]
    seen = np.flatnonzero(batch.is_public & (object_id >= 0))
    known, at = np.unique(object_id[seen], return_index=True)
    of = np.searchsorted(known, ids).clip(max=max(len(known) - 1, 0))
    if len(known):
        is_seen = known[of] == ids
        ra_deg = np.where(is_seen, batch.ra_deg[seen[at[of]]], ra_deg)
        dec_deg = np.where(is_seen, batch.dec_deg[seen[at[of]]], dec_deg)
    with cursor(session) as cur:
        cur.execute(
            "UPDATE objects AS o SET is_public = true, ra_deg = u.ra_deg, dec_deg = u.dec_deg,"
            " hpx29 = u.hpx29"
            " FROM unnest(%s::bigint[], %s::float8[], %s::float8[], %s::bigint[])"
            " AS u (id, ra_deg, dec_deg, hpx29) WHERE o.id = u.id AND NOT o.is_public",
            (
                BigInts.of(ids),
                Doubles.of(ra_deg),
                Doubles.of(dec_deg),
                BigInts.of(hpx29(ra_deg, dec_deg)),
            ),
        )
