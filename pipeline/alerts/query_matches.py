"""Rows of the static catalogs near objects, in the types that the published client demands.

One value of another type makes the client refuse the whole object, so that each catalog says here
what its columns become.
"""

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from sqlalchemy.orm import Session

from broker.db import cursor
from pipeline.alerts.batch import CatalogMatches
from pipeline.alerts.crossmatch import match_catalog
from pipeline.alerts.records import Row
from pipeline.catalogs import CATALOGS
from pipeline.catalogs.record import SCHEMA, Catalog

NAME_COLUMNS = {"catwise": "source_name", "vsx": "name", "ned": "objname", "gcvs": "name",
                "3hsp": "name"}  # fmt: skip
"""Columns that name a row of a catalog that has no ``id``."""


def loaded_catalogs(session: Session) -> list[Catalog]:
    """Return the catalogs that can be searched, in the order of their records."""
    with cursor(session) as cur:
        cur.execute(f"SELECT to_regclass('{SCHEMA}.loaded') IS NOT NULL")
        if cur.fetchone() != (True,):
            return []
        cur.execute(f"SELECT name FROM {SCHEMA}.loaded")  # noqa: S608 a constant of ours
        loaded = {row[0] for row in cur}
    return [catalog for catalog in CATALOGS if catalog.name in loaded]


def place_of_name(session: Session, catalog: Catalog, name: str) -> tuple[float, float] | None:
    """Return where a loaded catalog has a name, in any case [deg, ICRS]; None if it has not.

    The catalog is read whole: it has no index but that of the sky.
    """
    with cursor(session) as cur:
        cur.execute(
            f"SELECT ra, dec FROM {catalog.table} WHERE lower(name) = lower(%s) LIMIT 1",  # noqa: S608 a table of ours
            (name,),
            binary=True,
        )
        row = cur.fetchone()
    return None if row is None else (float(row[0]), float(row[1]))


def cross_matches(
    session: Session, places: Sequence[tuple[float, float]]
) -> list[dict[str, list[Row]]]:
    """Return each position's rows by catalog, nearest first; one search for each catalog.

    Parameters
    ----------
    places : sequence of (float, float)
        Right ascension and declination [deg, ICRS].

    Returns
    -------
    list of dict
        By the catalogs' titles; a loaded catalog without a row near has an empty list.
    """
    at = np.array(places, np.float64).reshape(-1, 2)
    ra, dec = at[:, 0].copy(), at[:, 1].copy()
    found: list[dict[str, list[Row]]] = [{} for _ in places]
    for catalog in loaded_catalogs(session):
        matches = match_catalog(
            session, catalog, ra, dec, catalog.radius_arcsec, catalog.max_matches
        )
        for rows in found:
            rows[catalog.title] = []
        for position, row in zip(matches.alert.tolist(), _rows(catalog, matches), strict=True):
            found[position][catalog.title].append(row)
    return found


def _rows(catalog: Catalog, matches: CatalogMatches) -> list[Row]:
    columns = {name: values.tolist() for name, values in matches.columns.items()}
    for name, convert in _TYPES.get(catalog.name, {}).items():
        columns[name] = [None if _is_none(value) else convert(value) for value in columns[name]]
    own = columns.pop("id", None) or columns.get(NAME_COLUMNS.get(catalog.name, ""))
    distances = matches.separation_arcsec.tolist()
    rows = []
    for at, distance_arcsec in enumerate(distances):
        row = {
            name: None if _is_none(values[at]) else values[at] for name, values in columns.items()
        }
        # Stars of which a list says no more than where they are.
        place = f"{row['ra']:.6f}{row['dec']:+.6f}"
        named_by = NAME_COLUMNS.get(catalog.name)
        if named_by is not None and row[named_by] is None:
            row[named_by] = place
        identifier = None if own is None else own[at]
        row = {"_id": place if _is_none(identifier) else identifier, **row}
        rows.append(row | {"distance_arcsec": distance_arcsec})
    return rows


def _is_none(value: Any) -> bool:
    return value is None or (isinstance(value, float) and not math.isfinite(value))


def _alternatives(text: str) -> list[str]:
    """Return the types that VSX separates by bars."""
    return [part for part in text.split("|") if part]


_TYPES: dict[str, dict[str, Callable[[Any], Any]]] = {
    "vsx": {"types": _alternatives},
    "desi_dr1": {"zwarn": int},
}
"""Columns whose type in an answer differs from that in our table."""
