"""Positions on the sky: HEALPix cells, separations, and footprints. All angles are ICRS."""

from dataclasses import dataclass
from pathlib import Path

import hpgeom
import numpy as np
from numpy.typing import ArrayLike, NDArray

from broker.config import project_path
from pipeline.angles import ARCSEC_PER_DEG

HPX_ORDER = 29
FOOTPRINT_ORDER = 11
"""Cells of 1.7 arcmin: whether a position is inside a footprint is decided by its cell."""

APPROXIMATE = "approximate"
NO_FOOTPRINT = "none"
APPROXIMATE_LIMIT_B_DEG = 18.0
"""The Legacy Surveys leave out the Milky Way; this latitude stands in for their exact edge."""

GALACTIC_POLE_RA_DEG = 192.85948
GALACTIC_POLE_DEC_DEG = 27.12825
"""North galactic pole in ICRS (ESA 1997, Hipparcos catalogue, volume 1, section 1.5.3)."""

SETTING = "lspsc.footprint_moc"

Bools = NDArray[np.bool_]
Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


class FootprintError(Exception):
    """A footprint could not be read; the message names file and setting."""


def hpx29(ra_deg: ArrayLike, dec_deg: ArrayLike) -> Ints:
    """Return the nested HEALPix index of order 29 of each position.

    Parameters
    ----------
    ra_deg, dec_deg : array of float
        Position [deg, ICRS]; right ascension may be any angle.

    Returns
    -------
    int64 array
        Index, 0 to 12 × 4²⁹ − 1.
    """
    return _cells(ra_deg, dec_deg, HPX_ORDER)


def separation_arcsec(
    ra1_deg: ArrayLike, dec1_deg: ArrayLike, ra2_deg: ArrayLike, dec2_deg: ArrayLike
) -> Floats:
    """Return the great-circle distance between positions; they broadcast.

    The haversine is exact to rounding at small angles, at the poles and across RA 0; only near
    antipodes does it lose digits, where no match is sought.

    Parameters
    ----------
    ra1_deg, dec1_deg, ra2_deg, dec2_deg : array of float
        Positions [deg, ICRS].

    Returns
    -------
    float64 array
        Separation [arcsec].
    """
    ra1, dec1, ra2, dec2 = (
        np.radians(np.asarray(a, np.float64)) for a in (ra1_deg, dec1_deg, ra2_deg, dec2_deg)
    )
    across = np.sin((ra2 - ra1) / 2) ** 2 * (np.cos(dec1) * np.cos(dec2))
    haversine = np.sin((dec2 - dec1) / 2) ** 2 + across
    half_angle = np.arcsin(np.sqrt(np.clip(haversine, 0.0, 1.0)))
    return np.asarray(np.degrees(2 * half_angle) * ARCSEC_PER_DEG, np.float64)


def galactic_latitude_deg(ra_deg: ArrayLike, dec_deg: ArrayLike) -> Floats:
    """Return the galactic latitude b of each position.

    Parameters
    ----------
    ra_deg, dec_deg : array of float
        Position [deg, ICRS].

    Returns
    -------
    float64 array
        Latitude [deg], −90 to +90.
    """
    ra = np.radians(np.asarray(ra_deg, np.float64) - GALACTIC_POLE_RA_DEG)
    dec = np.radians(np.asarray(dec_deg, np.float64))
    pole = np.radians(GALACTIC_POLE_DEC_DEG)
    sine = np.sin(dec) * np.sin(pole) + np.cos(dec) * np.cos(pole) * np.cos(ra)
    return np.asarray(np.degrees(np.arcsin(np.clip(sine, -1.0, 1.0))), np.float64)


@dataclass(frozen=True)
class Footprint:
    """The part of the sky that a catalog covers.

    Attributes
    ----------
    name : str
        What the setting named: ``approximate``, ``none`` or a file.
    edges : int64[2k] or None
        Ascending first cells and last cells + 1 of its ranges at FOOTPRINT_ORDER, in turn; None
        for the approximation by galactic latitude.
    """

    name: str
    edges: Ints | None

    @property
    def is_approximate(self) -> bool:
        """Tell whether this is the stand-in for the survey's own footprint."""
        return self.edges is None

    @classmethod
    def load(cls, spec: str) -> "Footprint":
        """Return the footprint that the setting ``lspsc.footprint_moc`` names.

        Parameters
        ----------
        spec : str
            ``approximate``, ``none``, or the path of a MOC FITS file.

        Raises
        ------
        FootprintError
            If the file cannot be read as a MOC.
        """
        if spec == APPROXIMATE:
            return cls(spec, None)
        if spec == NO_FOOTPRINT:
            return cls(spec, np.empty(0, np.int64))
        return cls(spec, _read_edges(project_path(spec)))

    def contains(self, ra_deg: ArrayLike, dec_deg: ArrayLike) -> Bools:
        """Tell for each position whether it is inside.

        Parameters
        ----------
        ra_deg, dec_deg : array of float
            Position [deg, ICRS].

        Returns
        -------
        bool array
            True inside.
        """
        if self.edges is None:
            return np.abs(galactic_latitude_deg(ra_deg, dec_deg)) > APPROXIMATE_LIMIT_B_DEG
        cells = _cells(ra_deg, dec_deg, FOOTPRINT_ORDER)
        edges_passed = np.searchsorted(self.edges, cells, side="right")
        return np.asarray(edges_passed % 2 == 1, np.bool_)


def _cells(ra_deg: ArrayLike, dec_deg: ArrayLike, order: int) -> Ints:
    ra = np.mod(np.asarray(ra_deg, np.float64), 360.0)
    dec = np.asarray(dec_deg, np.float64)
    return np.asarray(hpgeom.angle_to_pixel(2**order, ra, dec, nest=True), np.int64)


def _read_edges(path: Path) -> Ints:
    from mocpy import MOC  # noqa: PLC0415 half of a worker's start, and only a file needs it

    try:
        moc = MOC.load(path, format="fits")
        if moc.max_order > FOOTPRINT_ORDER:
            moc = moc.degrade_to_order(FOOTPRINT_ORDER)
        ranges = np.asarray(moc.to_depth29_ranges, np.int64).reshape(-1, 2)
    except Exception as error:
        raise FootprintError(f"{path} (setting {SETTING}) is no MOC FITS file: {error}") from error
    return ranges.ravel() >> (2 * (HPX_ORDER - FOOTPRINT_ORDER))
