"""What Nightjar must know of a static catalog to load it and to search it."""

from dataclasses import dataclass
from typing import Literal

SCHEMA = "catalogs"
"""Postgres schema of the catalogs; ``load_catalog`` owns it, Alembic never looks into it."""

INDEX_COLUMN = "hpx29"
"""Nested HEALPix index of order 29, added by the loader to every table."""

ColumnType = Literal["double", "real", "bigint", "boolean", "text"]

SQL_TYPES: dict[ColumnType, str] = {
    "double": "double precision",
    "real": "real",
    "bigint": "bigint",
    "boolean": "boolean",
    "text": "text",
}


class LoadError(Exception):
    """A catalog cannot be loaded; the message says what to change."""


class CatalogMissing(LookupError):
    """A catalog is not loaded, or lacks what the code needs; the message names the command."""


@dataclass(frozen=True)
class Column:
    """One column of a catalog's table.

    Attributes
    ----------
    name : str
        In our table; catalogs that REST shows keep the name that the published client expects.
    type : ColumnType
        ``bigint`` columns take no null, so that ids never pass through floats.
    meaning : str
        With its unit.
    accepts : tuple of str
        Names in files, the best first; upper and lower case are one, ``name`` is always accepted.
    is_required : bool
        A file without it is refused; an optional column that a file lacks is null in every row.
    """

    name: str
    type: ColumnType
    meaning: str
    accepts: tuple[str, ...] = ()
    is_required: bool = True

    def __post_init__(self) -> None:
        if self.type == "bigint" and not self.is_required:
            raise ValueError(f"{self.name}: a bigint column must be required")

    @property
    def names(self) -> tuple[str, ...]:
        """Return every accepted name, the best first."""
        return (self.name, *self.accepts)


RA = Column(
    "ra",
    "double",
    "right ascension, ICRS [deg]; sexagesimal text is in hours",
    ("ra_deg", "raj2000", "_raj2000", "ra_icrs", "r.a.", "ramean", "right_ascension"),
)
DEC = Column(
    "dec",
    "double",
    "declination, ICRS [deg]",
    ("dec_deg", "decl", "dej2000", "_dej2000", "decj2000", "de_icrs", "decmean", "declination"),
)


@dataclass(frozen=True)
class Catalog:
    """One static catalog.

    Attributes
    ----------
    name : str
        Of the record, of the table, and for ``load_catalog``.
    title : str
        Key of its matches in REST answers; the published client knows it.
    description : str
        One line for people.
    payload : tuple of Column
        Columns beside the position.
    radius_arcsec : float
        How far REST looks for its rows.
    max_matches : int or None
        The nearest rows that REST shows; None is all.
    is_archival : bool
        A row means that something was known there before; then an alert is not in
        ``babamul.none``. False for lists that grow by the very transients that we publish.
    ra, dec : Column
        The position.
    """

    name: str
    title: str
    description: str
    payload: tuple[Column, ...]
    radius_arcsec: float = 2.0
    max_matches: int | None = None
    is_archival: bool = True
    ra: Column = RA
    dec: Column = DEC

    @property
    def columns(self) -> tuple[Column, ...]:
        """Return the columns of its table in order, but for the index column."""
        return (self.ra, self.dec, *self.payload)

    @property
    def table(self) -> str:
        """Return the quoted name of its table."""
        return f'"{SCHEMA}"."{self.name}"'


def names_sql(columns: tuple[Column, ...], prefix: str = "") -> str:
    """Return the quoted names of ``columns``, separated by commas."""
    return ", ".join(f'{prefix}"{column.name}"' for column in columns)
