"""Alerts by object, by cone, by time, by candid; always in order of candid.

A search gives ids, which are few bytes; ``rows`` reads the alerts of some of them, so that an
answer of a hundred thousand alerts is written piece by piece.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy.orm import Session

from broker.db import cursor
from pipeline.alerts import records
from pipeline.alerts.crossmatch import TooManyRowsError, search
from pipeline.alerts.query import MAX_ALERTS, Filters, Page, QueryError, visible
from pipeline.alerts.records import Row
from pipeline.catalogs.record import Column

_BOX_ROWS = MAX_ALERTS * 3 // 2
_PLACES = (
    Column("ra_deg", "double", "[deg]"),
    Column("dec_deg", "double", "[deg]"),
    Column("id", "bigint", "alerts.id"),
    Column("candid", "bigint", "order of answers"),
)

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


def of_object(
    session: Session, survey: str, object_id: str, filters: Filters, page: Page
) -> list[int]:
    """Return the ids of an object's visible alerts; none for an object that does not exist."""
    condition, values = filters.sql(survey)
    return _sorted_page(
        session,
        f"{condition} AND a.object_id = (SELECT id FROM objects"  # noqa: S608 conditions of ours
        " WHERE survey = %(survey)s AND object_id = %(object_id)s)",
        values | {"object_id": object_id},
        page,
    )


def between(session: Session, survey: str, filters: Filters, page: Page) -> list[int]:
    """Return the ids of the visible alerts that pass filters, of which two should be times."""
    condition, values = filters.sql(survey)
    return _sorted_page(session, condition, values, page)


def in_cone(
    session: Session,
    survey: str,
    place: tuple[float, float],
    radius_arcsec: float,
    filters: Filters,
    page: Page,
) -> list[int]:
    """Return the ids of the visible alerts within a radius of a position [deg, ICRS].

    Raises
    ------
    QueryError
        If there are more than MAX_ALERTS.
    """
    found = in_cones(session, survey, {"": place}, radius_arcsec, filters)[""]
    return found[page.skip : page.skip + page.limit]


def in_cones(
    session: Session,
    survey: str,
    places: Mapping[str, tuple[float, float]],
    radius_arcsec: float,
    filters: Filters,
) -> dict[str, list[int]]:
    """Return the ids of the visible alerts near each of many positions, in one search.

    Parameters
    ----------
    places : mapping of str to (float, float)
        Right ascension and declination [deg, ICRS] by name; every name is in the answer.
    radius_arcsec : float
        Inclusive, above 0 [arcsec].

    Raises
    ------
    QueryError
        If there are more than MAX_ALERTS in all.
    """
    condition, values = filters.sql(survey, "t")
    at = np.array(list(places.values()), np.float64).reshape(-1, 2)
    with cursor(session) as cur:
        try:
            position, _, found = search(
                *(cur, "alerts", _PLACES, (at[:, 0].copy(), at[:, 1].copy()), radius_arcsec),
                *(f"AND {condition}", values, _BOX_ROWS),
            )
        except TooManyRowsError:
            position = np.zeros(MAX_ALERTS + 1, np.int64)
    if len(position) > MAX_ALERTS:
        raise QueryError(
            "radius_arcsec",
            f"there are more than {MAX_ALERTS} alerts; use a smaller radius, fewer positions, or "
            "filters",
        )
    order = np.lexsort((found["candid"], position))
    bounds = np.searchsorted(position[order], np.arange(len(places) + 1))
    ids = found["id"][order].tolist()
    return {name: ids[bounds[i] : bounds[i + 1]] for i, name in enumerate(places)}


def rows(session: Session, survey: str, ids: Sequence[int]) -> list[Row]:
    """Return the visible ones of these alerts (``alerts.id``) as lists show them, in that order."""
    found = rows_by_id(session, survey, ids)
    return [found[alert_id] for alert_id in ids if alert_id in found]


def rows_by_id(session: Session, survey: str, ids: Sequence[int]) -> dict[int, Row]:
    """Return the visible ones of these alerts by ``alerts.id``.

    They lack the light curve, which clients then fetch: an empty list there would stop them.
    """
    with cursor(session) as cur:
        cur.execute(
            "SELECT a.id, a.candid, o.object_id, a.candidate, a.properties"  # noqa: S608 as above
            " FROM alerts AS a JOIN objects AS o ON o.id = a.object_id"
            f" WHERE a.id = ANY(%s) AND {visible()}",
            (list(ids),),
            binary=True,
        )
        return {row[0]: alert_row(survey, *row[1:]) for row in cur}


def alert_row(
    survey: str, candid: int, object_id: str, candidate: bytes, properties: bytes | None
) -> Row:
    """Return one alert of a list."""
    row: Row = {
        "candid": candid,
        "objectId": object_id,
        "candidate": records.candidate(survey, candidate),
        "properties": None if properties is None else records.properties(survey, properties),
    }
    return row | {"classifications": None} if survey == "ztf" else row


def _sorted_page(session: Session, condition: str, values: dict[str, Any], page: Page) -> list[int]:
    with cursor(session) as cur:
        cur.execute(
            f"SELECT a.id FROM alerts AS a WHERE {condition}"  # noqa: S608 conditions of ours
            " ORDER BY a.candid LIMIT %(limit)s OFFSET %(skip)s",
            values | {"limit": page.limit, "skip": page.skip},
            binary=True,
        )
        return [row[0] for row in cur]
