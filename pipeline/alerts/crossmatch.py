"""What lies near the alerts of a batch: rows of static catalogs, objects of the other survey.

A cone is a handful of ranges of HEALPix indices, found for the whole batch at once; one statement
joins them with a table's index, and the exact separation decides in NumPy. Every search runs in
its caller's transaction and leaves the planner's settings there as it found them.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import psycopg
from numpy.typing import NDArray
from psycopg import errors
from sqlalchemy.orm import Session

from broker.db import cursor
from pipeline.alerts.batch import CatalogMatches
from pipeline.alerts.cones import accept_arrays, parameters, statement
from pipeline.catalogs import CATALOGS
from pipeline.catalogs.known import LSPSC
from pipeline.catalogs.record import SCHEMA, Catalog, CatalogMissing, Column, ColumnType
from pipeline.sky import separation_arcsec

PLANNER = {
    "enable_seqscan": "off",
    "enable_hashjoin": "off",
    "enable_mergejoin": "off",
    "enable_bitmapscan": "off",
    "jit": "off",
    "plan_cache_mode": "force_custom_plan",
}
"""For a search: the planner cannot guess how few rows a range holds and would read the table; its
cost estimate would then also start the just-in-time compiler. A plan without the ranges at hand is
worse still: after five searches it read five million alerts for one cone (10 s, measured)."""

PLANNER_OFF = "SELECT " + ", ".join(
    f"set_config('{name}', '{value}', true)" for name, value in PLANNER.items()
)
PLANNER_BACK = "; ".join(f"SET LOCAL {name} TO DEFAULT" for name in PLANNER)

_ARRAY_TYPES: dict[ColumnType, Any] = {
    "double": np.float64,
    "real": np.float64,
    "bigint": np.int64,
    "boolean": np.object_,
    "text": np.object_,
}

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


class TooManyRowsError(Exception):
    """A search found more than it may return."""


@dataclass(frozen=True)
class ObjectMatches:
    """Objects of one survey near the alerts of a batch, by alert, then separation.

    Attributes
    ----------
    alert : int64[m]
        Position of the alert in the batch.
    object_id : int64[m]
        ``objects.id``.
    separation_arcsec : float64[m]
        Great-circle distance to the object's first position.
    """

    alert: Ints
    object_id: Ints
    separation_arcsec: Floats


def match_catalog(
    session: Session,
    catalog: Catalog,
    ra_deg: Floats,
    dec_deg: Floats,
    radius_arcsec: float,
    nearest: int | None = None,
) -> CatalogMatches:
    """Return the catalog's rows within a radius of each position.

    Parameters
    ----------
    session : Session
        In a transaction.
    catalog : Catalog
        A loaded catalog.
    ra_deg, dec_deg : float64[n]
        Positions [deg, ICRS], finite.
    radius_arcsec : float
        Inclusive, above 0 and up to MAX_RADIUS_ARCSEC [arcsec].
    nearest : int, optional
        At most so many rows for each position; all when not given.

    Returns
    -------
    CatalogMatches
        By position, then separation.

    Raises
    ------
    CatalogMissing
        If the catalog is not loaded.
    """
    alert, separation, values = _search_catalog(
        session, catalog, catalog.columns, ra_deg, dec_deg, radius_arcsec
    )
    if nearest is not None:
        keep = _rank(alert) < nearest
        alert, separation = alert[keep], separation[keep]
        values = {name: column[keep] for name, column in values.items()}
    return CatalogMatches(alert, separation, values)


def match_objects(
    session: Session, survey: str, ra_deg: Floats, dec_deg: Floats, radius_arcsec: float
) -> ObjectMatches:
    """Return the objects of a survey within a radius of each position.

    Only objects with a public detection exist for others, and solar-system objects (named
    ``sso…``) are no place in the sky.

    Parameters
    ----------
    session : Session
        In a transaction; objects committed before it are seen.
    survey : str
        ``ztf`` or ``lsst``.
    ra_deg, dec_deg : float64[n]
        Positions [deg, ICRS], finite.
    radius_arcsec : float
        Inclusive, above 0 and up to MAX_RADIUS_ARCSEC [arcsec].

    Returns
    -------
    ObjectMatches
        By position, then separation.
    """
    tail = "AND t.survey = %(survey)s AND t.is_public AND NOT starts_with(t.object_id, 'sso')"
    columns = (
        Column("ra_deg", "double", "[deg]"),
        Column("dec_deg", "double", "[deg]"),
        Column("id", "bigint", "objects.id"),
    )
    with cursor(session) as cur:
        found = search(
            cur, "objects", columns, (ra_deg, dec_deg), radius_arcsec, tail, {"survey": survey}
        )
    alert, separation, values = found
    return ObjectMatches(alert, values["id"], separation)


def search(
    cur: psycopg.Cursor[Any],
    table: str,
    columns: Sequence[Column],
    at: tuple[Floats, Floats],
    radius_arcsec: float,
    tail: str = "",
    more: dict[str, Any] | None = None,
    most: int | None = None,
) -> tuple[Ints, Floats, dict[str, NDArray[Any]]]:
    """Return position, separation and columns of every row of a table within a radius.

    Parameters
    ----------
    cur : psycopg.Cursor
        In a transaction.
    table : str
        With the index column; its alias in ``tail`` is ``t``.
    columns : sequence of Column
        Right ascension, declination, and what else is wanted.
    at : (float64[n], float64[n])
        Positions [deg, ICRS].
    radius_arcsec : float
        Inclusive [arcsec].
    tail, more : str, dict
        Further conditions and their parameters.
    most : int, optional
        Rows in the boxes around the cones, 4/π times as many as in these.

    Raises
    ------
    TooManyRowsError
        If there are more.
    """
    ra_deg, dec_deg = at
    rows: Sequence[tuple[Any, ...]] = ()
    if len(ra_deg):
        bound = {**parameters(ra_deg, dec_deg, radius_arcsec), **(more or {})}
        accept_arrays(cur)
        cur.execute(PLANNER_OFF)
        limit = "" if most is None else f" LIMIT {most + 1}"
        cur.execute(statement(table, columns, tail + limit), bound, binary=True)
        rows = cur.fetchall()
        cur.execute(PLANNER_BACK)
        if most is not None and len(rows) > most:
            raise TooManyRowsError(f"more than {most} rows")
    parts = list(zip(*rows, strict=True)) or [()] * (1 + len(columns))
    position = np.array(parts[0], np.int64)
    values = {
        column.name: np.array(part, _ARRAY_TYPES[column.type])
        for column, part in zip(columns, parts[1:], strict=True)
    }
    ra, dec = values[columns[0].name], values[columns[1].name]
    separation = separation_arcsec(ra_deg[position], dec_deg[position], ra, dec)
    order = np.lexsort((ra, dec, separation, position))
    order = order[separation[order] <= radius_arcsec]
    return (
        position[order],
        separation[order],
        {name: column[order] for name, column in values.items()},
    )


def has_archival_source(
    session: Session, ra_deg: Floats, dec_deg: Floats, radius_arcsec: float
) -> NDArray[np.bool_]:
    """Return whether any loaded archival catalog has a row within a radius of each position.

    Every loaded catalog whose record says ``is_archival`` counts, LSPSC among them: a source that
    the Legacy Surveys saw is known, whatever its shape.

    Parameters
    ----------
    session : Session
        In a transaction.
    ra_deg, dec_deg : float64[n]
        Positions [deg, ICRS], finite.
    radius_arcsec : float
        Inclusive [arcsec].

    Returns
    -------
    bool[n]
        All false when no catalog is loaded.
    """
    found = np.zeros(len(ra_deg), np.bool_)
    for catalog in archival_catalogs(session):
        left = np.flatnonzero(~found)
        alert, _, _ = _search_catalog(
            session, catalog, (catalog.ra, catalog.dec), ra_deg[left], dec_deg[left], radius_arcsec
        )
        found[left[alert]] = True
    return found


def archival_catalogs(session: Session) -> list[Catalog]:
    """Return the loaded catalogs whose rows mean that something was there before."""
    with cursor(session) as cur:
        loaded: set[str] = set()
        if _value(cur, f"SELECT to_regclass('{SCHEMA}.loaded') IS NOT NULL"):
            cur.execute(f"SELECT name FROM {SCHEMA}.loaded")  # noqa: S608 a constant of ours
            loaded = {row[0] for row in cur}
    return [catalog for catalog in CATALOGS if catalog.is_archival and catalog.name in loaded]


def require_lspsc(session: Session) -> None:
    """Refuse to go on without LSPSC rows: every LSST alert would turn hostless.

    Raises
    ------
    CatalogMissing
        If the table is missing or empty; the message names the command that loads it.
    """
    with cursor(session) as cur:
        if not _value(cur, f"SELECT to_regclass('{LSPSC.table}') IS NOT NULL"):
            raise CatalogMissing(f"LSST alerts cannot be classified: {_advice(LSPSC)}")
        if not _value(cur, f"SELECT EXISTS (TABLE {LSPSC.table})"):
            raise CatalogMissing(f"LSST alerts cannot be classified: it is empty; {_advice(LSPSC)}")


def _search_catalog(
    session: Session,
    catalog: Catalog,
    columns: Sequence[Column],
    ra_deg: Floats,
    dec_deg: Floats,
    radius_arcsec: float,
) -> tuple[Ints, Floats, dict[str, NDArray[Any]]]:
    with cursor(session) as cur:
        try:
            return search(cur, catalog.table, columns, (ra_deg, dec_deg), radius_arcsec)
        except (errors.UndefinedTable, errors.InvalidSchemaName):
            raise CatalogMissing(_advice(catalog)) from None
        except errors.UndefinedColumn as error:
            text = str(error.diag.message_primary)
            raise CatalogMissing(f"{text}; load it again: {_advice(catalog)}") from None


def _rank(alert: Ints) -> Ints:
    """Return each row's place among its alert's rows, from 0; rows stand by alert."""
    return np.arange(len(alert)) - np.searchsorted(alert, alert)


def _advice(catalog: Catalog) -> str:
    return f"catalog {catalog.name} is not loaded; run: manage.py load_catalog {catalog.name} PATH"


def _value(cur: psycopg.Cursor[Any], text: str) -> Any:
    row = cur.execute(text).fetchone()
    return None if row is None else row[0]
