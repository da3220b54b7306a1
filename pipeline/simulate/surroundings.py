"""What stands around a source in the catalogs, and which class follows from it.

The classes are written down here by hand, from the published flowcharts. They are the simulator's
expectation, and must never be computed with the pipeline's own rules.
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from pipeline.simulate.placing import offset_deg

Range = tuple[float, float]


class Neighbour(NamedTuple):
    """One catalog source near an alert: where, how star-like, how bright (AB)."""

    east_arcsec: float
    north_arcsec: float
    score: float
    g_abmag: float
    r_abmag: float
    i_abmag: float
    z_abmag: float

    @property
    def white_abmag(self) -> float:
        """Return the magnitude of all bands together, as the catalog lists it."""
        return (self.g_abmag + self.r_abmag + self.z_abmag) / 3

    def position_deg(self, ra_deg: float, dec_deg: float) -> tuple[float, float]:
        """Return right ascension and declination, given those of the source [deg]."""
        return offset_deg(ra_deg, dec_deg, self.east_arcsec, self.north_arcsec)


class Ring(NamedTuple):
    """Where a neighbour may stand and what it may be."""

    separation_arcsec: Range
    score: Range
    r_abmag: Range
    is_red: bool = False


@dataclass(frozen=True)
class Surroundings:
    """A pattern of neighbours with the class that each survey's flowchart gives it.

    Attributes
    ----------
    name : str
        As in the truth table.
    rings : tuple of Ring
        One neighbour each, nearest first; rings do not overlap.
    ztf_class, lsst_class : str
        Classes under the default rules, inside the footprint.
    """

    name: str
    rings: tuple[Ring, ...]
    ztf_class: str
    lsst_class: str

    def draw(self, rng: np.random.Generator) -> tuple[Neighbour, ...]:
        """Return neighbours of this pattern, nearest first."""
        return tuple(_draw_one(ring, rng) for ring in self.rings)


_STAR = Ring((0.02, 0.25), (0.9, 1.0), (14.5, 18.5))
_GALAXY_AROUND = Ring((8.0, 26.0), (0.01, 0.35), (17.0, 21.0))
_STARS_AROUND = (
    Ring((3.5, 6.0), (0.6, 1.0), (17.0, 20.5)),
    Ring((9.0, 12.0), (0.6, 1.0), (17.0, 20.5)),
)

PATTERNS = (
    Surroundings("star", (_STAR,), "stellar", "stellar"),
    Surroundings("star_and_galaxy", (_STAR, _GALAXY_AROUND), "stellar", "stellar"),
    # r − z above 3 makes a low score a star in ZTF; LSST needs only a score above one half.
    Surroundings(
        "red_star",
        (Ring((0.1, 0.6), (0.55, 0.7), (19.0, 21.0), is_red=True),),
        "stellar",
        "stellar",
    ),
    # ZTF takes a star up to 2 arcsec, LSST up to 1.
    Surroundings("wide_star", (Ring((1.4, 1.7), (0.9, 1.0), (16.0, 19.0)),), "stellar", "hostless"),
    Surroundings("galaxy", (Ring((0.4, 6.0), (0.01, 0.3), (15.5, 20.5)),), "hosted", "hosted"),
    Surroundings(
        "galaxy_third",
        (*_STARS_AROUND, Ring((15.0, 25.0), (0.02, 0.4), (16.0, 19.5))),
        "hosted",
        "hosted",
    ),
    Surroundings("stars_around", _STARS_AROUND, "hostless", "hostless"),
    Surroundings(
        "unclassified", (Ring((3.0, 9.0), (0.5, 0.5), (20.0, 22.0)),), "hostless", "hostless"
    ),
    Surroundings("empty", (), "hostless", "hostless"),
    Surroundings("outside", (), "hostless", "unknown"),
)
_BY_NAME = {pattern.name: pattern for pattern in PATTERNS}


def pattern(name: str) -> Surroundings:
    """Return the pattern called ``name``."""
    return _BY_NAME[name]


def _draw_one(ring: Ring, rng: np.random.Generator) -> Neighbour:
    separation = rng.uniform(*ring.separation_arcsec)
    angle = rng.uniform(0, 2 * np.pi)
    score = rng.uniform(*ring.score)
    r = rng.uniform(*ring.r_abmag)
    r_minus_z = 3.4 if ring.is_red else rng.uniform(0.1, 0.8)
    g_minus_r = 1.5 if ring.is_red else rng.uniform(0.2, 1.2)
    return Neighbour(
        east_arcsec=float(separation * np.sin(angle)),
        north_arcsec=float(separation * np.cos(angle)),
        score=round(float(score), 6),
        g_abmag=float(r + g_minus_r),
        r_abmag=float(r),
        i_abmag=float(r - 0.5 * r_minus_z),
        z_abmag=float(r - r_minus_z),
    )
