"""Positions of sources: fields on a lattice, and cells in a field, so that no two come close.

A source lies within JITTER_ARCSEC of its cell's middle, hence at least 120″ from any other. Catalog
rows that belong to no source lie on the borders between rows of cells, at least 45″ from every
source whatever their right ascension: no classification can turn on them.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count

import numpy as np
from numpy.typing import NDArray

from pipeline.angles import ARCSEC_PER_DEG

CELL_ARCSEC = 180.0
JITTER_ARCSEC = 30.0
CELLS_PER_SIDE = 40
FIELD_STEP_DEG = 5.0
SHARES = 5
BORDER_JITTER_ARCSEC = 15.0
FOOTPRINT_LATITUDE_DEG = 18.0
"""The approximate footprint of the point-source catalog; every region keeps 2° from its edge."""

_FIELD_DEG = CELLS_PER_SIDE * CELL_ARCSEC / ARCSEC_PER_DEG
_GALACTIC_POLE_RA_DEG = 192.85948
_GALACTIC_POLE_DEC_DEG = 27.12825


@dataclass(frozen=True)
class Region:
    """A part of the sky by declination and galactic latitude [deg]."""

    name: str
    dec_deg: tuple[float, float]
    abs_latitude_deg: tuple[float, float]


ZTF_SKY = Region("ztf", (-25, 70), (22, 90))
LSST_SKY = Region("lsst", (-60, 25), (22, 90))
BOTH_SKIES = Region("both", (-25, 25), (22, 90))
OUTSIDE = Region("outside", (-60, 25), (0, 14))
BOTH_OUTSIDE = Region("both_outside", (-25, 25), (0, 14))


@dataclass(frozen=True)
class Field:
    """A square of cells on the sky; ``number`` is its place on the lattice."""

    number: int
    ra_deg: float
    dec_deg: float

    @property
    def is_in_footprint(self) -> bool:
        """Whether the point-source catalog covers it."""
        return abs_latitude_deg(self.ra_deg, self.dec_deg) > FOOTPRINT_LATITUDE_DEG


@dataclass(frozen=True)
class Place:
    """Where a source stands."""

    field: Field
    ra_deg: float
    dec_deg: float


class Placing:
    """Hands out places; each field serves one region, each cell one source.

    Parameters
    ----------
    rng : numpy.random.Generator
        Chooses fields and cells.
    per_field : int
        Sources in a field before the next is opened.
    share : int
        Which of the SHARES parts of the lattice is used: runs whose seeds follow one another can be
        played together, their sources are never near each other.
    """

    def __init__(self, rng: np.random.Generator, per_field: int, share: int = 0) -> None:
        self.fields: list[Field] = []
        self._rng = rng
        self._per_field = min(per_field, CELLS_PER_SIDE**2)
        lattice = _lattice()[share % SHARES :: SHARES]
        self._free: list[Field] = [lattice[i] for i in rng.permutation(len(lattice))]
        self._streams: dict[str, Iterator[Place]] = {}

    def take(self, region: Region) -> Place:
        """Return the next free place in ``region``.

        Raises
        ------
        ValueError
            When every field of the region is full.
        """
        stream = self._streams.setdefault(region.name, self._places(region))
        place: Place | None = next(stream, None)
        if place is None:
            raise ValueError(f"the sky has no room for more sources in region {region.name!r}")
        return place

    def _places(self, region: Region) -> Iterator[Place]:
        while (field := self._open_field(region)) is not None:
            for cell in self._rng.permutation(CELLS_PER_SIDE**2)[: self._per_field]:
                yield self._place(field, int(cell))

    def _open_field(self, region: Region) -> Field | None:
        for at, field in enumerate(self._free):
            if _holds(region, field):
                self.fields.append(field)
                del self._free[at]
                return field
        return None

    def _place(self, field: Field, cell: int) -> Place:
        row, column = divmod(cell, CELLS_PER_SIDE)
        jitter = self._rng.uniform(-JITTER_ARCSEC, JITTER_ARCSEC, 2)
        x = (column + 0.5 - CELLS_PER_SIDE / 2) * CELL_ARCSEC + jitter[0]
        y = (row + 0.5 - CELLS_PER_SIDE / 2) * CELL_ARCSEC + jitter[1]
        dec = field.dec_deg + y / ARCSEC_PER_DEG
        ra = (field.ra_deg + x / ARCSEC_PER_DEG / np.cos(np.radians(dec))) % 360
        return Place(field, float(ra), float(dec))


def background(
    rng: np.random.Generator, fields: list[Field], rows: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return ``rows`` positions [deg] in ``fields`` that are at least 45″ from every source."""
    if not fields:
        return np.empty(0), np.empty(0)
    which = rng.integers(0, len(fields), rows)
    border = rng.integers(0, CELLS_PER_SIDE + 1, rows) - CELLS_PER_SIDE / 2
    y = border * CELL_ARCSEC + rng.uniform(-BORDER_JITTER_ARCSEC, BORDER_JITTER_ARCSEC, rows)
    x = rng.uniform(-0.5, 0.5, rows) * _FIELD_DEG
    dec = np.array([field.dec_deg for field in fields])[which] + y / ARCSEC_PER_DEG
    ra = np.array([field.ra_deg for field in fields])[which] + x / np.cos(np.radians(dec))
    return ra % 360, dec


def abs_latitude_deg(ra_deg: float, dec_deg: float) -> float:
    """Return the distance from the galactic plane [deg]."""
    dec, pole = np.radians(dec_deg), np.radians(_GALACTIC_POLE_DEC_DEG)
    along = np.cos(np.radians(ra_deg - _GALACTIC_POLE_RA_DEG))
    sine = np.sin(dec) * np.sin(pole) + np.cos(dec) * np.cos(pole) * along
    return float(abs(np.degrees(np.arcsin(sine))))


def offset_deg(
    ra_deg: float, dec_deg: float, east_arcsec: float, north_arcsec: float
) -> tuple[float, float]:
    """Return the position that lies east and north of another, along the great circle.

    Parameters
    ----------
    ra_deg, dec_deg : float
        Where to start [deg], any declination but the poles themselves.
    east_arcsec, north_arcsec : float
        Components of the direction; their root of squares is the separation.

    Returns
    -------
    (float, float)
        Right ascension in [0, 360) and declination [deg].
    """
    distance = np.radians(np.hypot(east_arcsec, north_arcsec) / ARCSEC_PER_DEG)
    bearing = np.arctan2(east_arcsec, north_arcsec)
    dec = np.radians(dec_deg)
    # Along the tangent: exact for any distance and stable for small ones.
    north = np.sin(distance) * np.cos(bearing)
    east = np.sin(distance) * np.sin(bearing)
    radial = np.cos(distance)
    x = radial * np.cos(dec) - north * np.sin(dec)
    z = radial * np.sin(dec) + north * np.cos(dec)
    ra = ra_deg + np.degrees(np.arctan2(east, x))
    return float(ra % 360), float(np.degrees(np.arctan2(z, np.hypot(x, east))))


def _holds(region: Region, field: Field) -> bool:
    low, high = region.dec_deg
    latitude = abs_latitude_deg(field.ra_deg, field.dec_deg)
    return low <= field.dec_deg <= high and (
        region.abs_latitude_deg[0] <= latitude <= region.abs_latitude_deg[1]
    )


def _lattice() -> list[Field]:
    fields: list[Field] = []
    numbers = count(200)
    for dec in np.arange(-60.0, 71.0, FIELD_STEP_DEG):
        around = int(360 * np.cos(np.radians(dec)) / FIELD_STEP_DEG)
        fields.extend(
            Field(next(numbers), float(360 * i / around), float(dec)) for i in range(around)
        )
    return fields
