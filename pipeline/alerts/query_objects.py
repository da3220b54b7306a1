"""Objects: by name, by a part of it, near positions; and all that is known of one."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from sqlalchemy.orm import Session

from broker.db import cursor
from pipeline.alerts import curves, query_alerts, records
from pipeline.alerts.batch import LightCurves
from pipeline.alerts.crossmatch import TooManyRowsError, search
from pipeline.alerts.query import MAX_ALERTS, QueryError, exists, public, visible
from pipeline.alerts.query_matches import cross_matches
from pipeline.alerts.records import KEYS, Row
from pipeline.catalogs.record import Column
from pipeline.light_curves import Photometry, unpack
from pipeline.sky import separation_arcsec
from pipeline.surveys import NAMES
from pipeline.surveys import survey as survey_named
from pipeline.topics import other_survey

_PLACES = (
    Column("ra_deg", "double", "[deg]"),
    Column("dec_deg", "double", "[deg]"),
    Column("object_id", "text", "name"),
)


@dataclass(frozen=True)
class FoundObject:
    """One object that exists for others."""

    id: int
    survey: str
    object_id: str
    ra_deg: float
    dec_deg: float
    match_id: int | None
    match_arcsec: float | None


def find(session: Session, survey: str, object_id: str) -> FoundObject | None:
    """Return the object of this name; None also for one without an alert that may be shown."""
    return _find(session, "o.survey = %s AND o.object_id = %s", (survey, object_id))


def find_for_page(session: Session, survey: str, object_id: str) -> FoundObject | None:
    """Return the object of this name; also one whose public alerts are all incomplete."""
    condition = f"o.survey = %s AND o.object_id = %s AND {exists('o', public)}"
    with cursor(session) as cur:
        cur.execute(f"{_SELECT} WHERE {condition}", (survey, object_id), binary=True)
        row = cur.fetchone()
    return None if row is None else FoundObject(*row)


def find_match(session: Session, found: FoundObject) -> FoundObject | None:
    """Return the other survey's object at the same place, None without a public one."""
    return None if found.match_id is None else _find(session, "o.id = %s", (found.match_id,))


def find_all(session: Session, survey: str, object_ids: Sequence[str]) -> list[FoundObject]:
    """Return those of the objects that exist for others."""
    with cursor(session) as cur:
        cur.execute(
            f"{_SELECT} WHERE o.survey = %s AND o.object_id = ANY(%s) AND {exists()}",
            (survey, list(object_ids)),
            binary=True,
        )
        return [FoundObject(*row) for row in cur]


def full(session: Session, found: FoundObject) -> Row:
    """Return the newest alert of an object with its light curve, catalogs and counterpart."""
    newest = newest_alert(session, found)
    row = query_alerts.rows(session, found.survey, [newest])[0]
    row |= light_curve(session, found.survey, found.id)
    if found.survey == "ztf":
        row["classifications_history"] = []
    row["cross_matches"] = cross_matches(session, [(found.ra_deg, found.dec_deg)])[0]
    row["survey_matches"] = dict.fromkeys(NAMES) | {
        other_survey(found.survey): survey_match(session, found)
    }
    return row


def newest_alert(session: Session, found: FoundObject) -> int:
    """Return ``alerts.id`` of the newest alert of an object that may be shown."""
    with cursor(session) as cur:
        cur.execute(
            f"SELECT a.id FROM alerts AS a WHERE a.object_id = %s AND {visible()}"  # noqa: S608
            " ORDER BY a.jd_utc DESC, a.candid DESC LIMIT 1",
            (found.id,),
            binary=True,
        )
        return int(cur.fetchall()[0][0])


def light_curve(session: Session, survey: str, row_id: int) -> dict[str, list[Row]]:
    """Return the whole public light curve of an object (``objects.id``), by the message's keys."""
    stored = curves.load(session, survey, np.array([row_id], np.int64))
    return _series(stored, survey)


def photometry(session: Session, found: FoundObject) -> list[Photometry]:
    """Return the public light curve of an object in the units that people read."""
    stored = curves.load(session, found.survey, np.array([found.id], np.int64))
    return [
        unpack(found.survey, series, stored.points(series, 0).tobytes())
        for series in range(len(KEYS))
    ]


def survey_match(session: Session, found: FoundObject) -> Row | None:
    """Return the other survey's object at the same place with its light curve; None without."""
    match = find_match(session, found)
    if match is None:
        return None
    distance_arcsec = found.match_arcsec
    if distance_arcsec is None:
        place = (found.ra_deg, found.dec_deg, match.ra_deg, match.dec_deg)
        distance_arcsec = float(separation_arcsec(*place))
    return {
        "objectId": match.object_id,
        "ra": match.ra_deg,
        "dec": match.dec_deg,
        **light_curve(session, match.survey, match.id),
        "distance_arcsec": distance_arcsec,
    }


def by_prefix(session: Session, survey: str, prefix: str, limit: int) -> list[Row]:
    """Return objects whose name begins with letters and digits, by name."""
    with cursor(session) as cur:
        cur.execute(
            "SELECT o.object_id, o.ra_deg, o.dec_deg FROM objects AS o"  # noqa: S608 conditions of ours
            f" WHERE o.object_id LIKE %s AND o.survey = %s AND {exists()}"
            " ORDER BY o.object_id USING ~<~ LIMIT %s",
            (f"{prefix}%", survey, limit),
            binary=True,
        )
        return [_brief(survey, *row) for row in cur]


def near(
    session: Session,
    place: tuple[float, float],
    radius_arcsec: float,
    limit: int,
    *,
    surveys: Sequence[str] = NAMES,
) -> list[Row]:
    """Return the objects of some surveys around a position [deg, ICRS], nearest first."""
    found = [
        row
        for survey in surveys
        for row in in_cones(session, survey, {"": place}, radius_arcsec)[""]
    ]
    for row in found:
        row["distance_arcsec"] = float(separation_arcsec(*place, row["ra"], row["dec"]))
    return sorted(found, key=lambda row: row["distance_arcsec"])[:limit]


def in_cones(
    session: Session,
    survey: str,
    places: Mapping[str, tuple[float, float]],
    radius_arcsec: float,
) -> dict[str, list[Row]]:
    """Return the objects near each of many positions, nearest first; every name is there.

    Raises
    ------
    QueryError
        If there are more than MAX_ALERTS in all.
    """
    at = np.array(list(places.values()), np.float64).reshape(-1, 2)
    tail = f"AND t.survey = %(survey)s AND {exists('t')}"
    with cursor(session) as cur:
        try:
            position, _, values = search(
                *(cur, "objects", _PLACES, (at[:, 0].copy(), at[:, 1].copy()), radius_arcsec),
                *(tail, {"survey": survey}, MAX_ALERTS),
            )
        except TooManyRowsError:
            raise QueryError(
                "radius_arcsec",
                f"there are more than {MAX_ALERTS} objects; use a smaller radius",
            ) from None
    found: dict[str, list[Row]] = {name: [] for name in places}
    names = list(places)
    columns = (position, values["object_id"], values["ra_deg"], values["dec_deg"])
    for here, *rest in zip(*(column.tolist() for column in columns), strict=True):
        found[names[here]].append(_brief(survey, *rest))
    return found


_SELECT = (
    "SELECT o.id, o.survey, o.object_id, o.ra_deg, o.dec_deg, o.survey_match_id,"
    " o.survey_match_arcsec FROM objects AS o"
)


def _find(session: Session, condition: str, values: tuple[Any, ...]) -> FoundObject | None:
    with cursor(session) as cur:
        cur.execute(f"{_SELECT} WHERE {condition} AND {exists()}", values, binary=True)
        row = cur.fetchone()
    return None if row is None else FoundObject(*row)


def _series(stored: LightCurves, survey: str) -> dict[str, list[Row]]:
    has_limits = survey_named(survey).has_limits
    return {
        key: records.points(series, stored.points(series, 0))
        for series, key in enumerate(KEYS)
        if series != records.LIMIT or has_limits
    }


def _brief(survey: str, object_id: str, ra_deg: float, dec_deg: float) -> Row:
    return {"objectId": object_id, "survey": survey.upper(), "ra": ra_deg, "dec": dec_deg}
