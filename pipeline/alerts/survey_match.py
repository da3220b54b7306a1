"""Which object of the other survey each alert belongs to; once found, kept."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from sqlalchemy.orm import Session

from broker.db import cursor
from broker.db_arrays import BigInts, Doubles
from pipeline.alerts.crossmatch import ObjectMatches, match_objects
from pipeline.surveys.record import Survey


@dataclass(frozen=True)
class Known:
    """An object's stored match."""

    match_id: int | None
    separation_arcsec: float | None


@dataclass(frozen=True)
class Resolved:
    """Survey matches of a batch.

    Attributes
    ----------
    match_id : int64[n]
        ``objects.id`` in the other survey for each alert, −1 none.
    links : dict
        New stored matches: object → (its match, separation in arcsec), for both sides.
    """

    match_id: NDArray[np.int64]
    links: dict[int, tuple[int, float]] = field(default_factory=dict)


def match_radius_arcsec(survey: Survey, other: Survey) -> float:
    """Return how far two surveys' positions of one object may lie apart [arcsec]."""
    return max(survey.position_error_arcsec, other.position_error_arcsec)


def find(
    session: Session,
    survey: Survey,
    other: Survey,
    ra_deg: NDArray[np.float64],
    dec_deg: NDArray[np.float64],
    eligible: NDArray[np.bool_],
) -> ObjectMatches:
    """Return objects of ``other`` near the eligible positions that it can see at all."""
    low, high = other.dec_range_deg
    at = np.flatnonzero(eligible & (dec_deg >= low) & (dec_deg <= high))
    found = match_objects(
        session, other.name, ra_deg[at], dec_deg[at], match_radius_arcsec(survey, other)
    )
    return ObjectMatches(at[found.alert], found.object_id, found.separation_arcsec)


def lock(session: Session, object_ids: NDArray[np.int64]) -> dict[int, Known]:
    """Lock objects of both surveys in one order and return their stored matches."""
    ids = np.unique(object_ids[object_ids >= 0])
    with cursor(session) as cur:
        cur.execute(
            "SELECT id, survey_match_id, survey_match_arcsec FROM objects"
            " WHERE id = ANY(%s) ORDER BY id FOR NO KEY UPDATE",
            (BigInts.of(ids),),
            binary=True,
        )
        return {row[0]: Known(row[1], row[2]) for row in cur}


def resolve(
    object_id: NDArray[np.int64],
    found: ObjectMatches,
    known: Mapping[int, Known],
    linkable: NDArray[np.bool_],
) -> Resolved:
    """Decide each alert's match, in order of arrival.

    Parameters
    ----------
    object_id : int64[n]
        ``objects.id`` of each alert, −1 none.
    found : ObjectMatches
        Objects of the other survey near each alert, nearest first.
    known : mapping
        Stored matches of the objects of both sides.
    linkable : bool[n]
        Alerts whose object the other side may take as its match.

    Notes
    -----
    A match once found stays, however far the object's later alerts lie; only an object nearer than
    it was then takes its place. The same holds for the other side.
    """
    nearest: dict[int, tuple[int, float]] = {}
    for alert, candidate, separation in zip(
        found.alert.tolist(),
        found.object_id.tolist(),
        found.separation_arcsec.tolist(),
        strict=True,
    ):
        nearest.setdefault(alert, (candidate, separation))
    resolved = Resolved(np.full(len(object_id), -1, np.int64))
    for alert, own in enumerate(object_id.tolist()):
        if own < 0:
            continue
        if alert in nearest and _is_nearer(resolved.links, known, own, nearest[alert][1]):
            resolved.match_id[alert] = nearest[alert][0]
            if linkable[alert]:
                _link(resolved.links, known, own, nearest[alert])
        else:
            resolved.match_id[alert] = _stored(resolved.links, known, own)
    return resolved


def write(session: Session, links: Mapping[int, tuple[int, float]]) -> None:
    """Store new matches; the rows are locked already."""
    if not links:
        return
    ids = sorted(links)
    with cursor(session) as cur:
        cur.execute(
            "UPDATE objects AS o SET survey_match_id = u.match_id, survey_match_arcsec = u.arcsec"
            " FROM unnest(%s::bigint[], %s::bigint[], %s::float8[]) AS u (id, match_id, arcsec)"
            " WHERE o.id = u.id",
            (
                BigInts.of(ids),
                BigInts.of([links[i][0] for i in ids]),
                Doubles.of([links[i][1] for i in ids]),
            ),
        )


def _link(
    links: dict[int, tuple[int, float]],
    known: Mapping[int, Known],
    own: int,
    nearest: tuple[int, float],
) -> None:
    other, separation = nearest
    links[own] = nearest
    if _is_nearer(links, known, other, separation):
        links[other] = (own, separation)


def _is_nearer(
    links: Mapping[int, tuple[int, float]],
    known: Mapping[int, Known],
    own: int,
    separation_arcsec: float,
) -> bool:
    """Return whether an object at this distance is nearer than the match that ``own`` has."""
    return _stored(links, known, own) < 0 or separation_arcsec < _stored_arcsec(links, known, own)


def _stored(links: Mapping[int, tuple[int, float]], known: Mapping[int, Known], own: int) -> int:
    if own in links:
        return links[own][0]
    match_id = known[own].match_id if own in known else None
    return -1 if match_id is None else match_id


def _stored_arcsec(
    links: Mapping[int, tuple[int, float]], known: Mapping[int, Known], own: int
) -> float:
    if own in links:
        return links[own][1]
    separation = known[own].separation_arcsec if own in known else None
    return np.inf if separation is None else separation
