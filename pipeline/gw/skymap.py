"""What a GW sky map says: areas, distance, the region of a credible level.

Positions are ICRS. A credible level is the probability of the densest part of the sky that reaches
down to a place: 0 at the peak, 1 where nothing is expected.
"""

import math
import warnings
import zlib
from dataclasses import dataclass
from functools import cached_property
from io import BytesIO
from typing import Any

import hpgeom
import numpy as np
from astropy.io import fits
from numpy.typing import NDArray

from pipeline.alerts.skymap_files import SkyMapError
from pipeline.alerts.skymaps import NO_FITS, pixels, short, table_of
from pipeline.gw.distance import Distance, header_distance, marginal_distance
from pipeline.sky import HPX_ORDER

MAX_FITS_BYTES = 64 * 1024 * 1024
"""Of an unpacked file; the largest that were sent have 3 MB."""
MAX_ROWS = 2_000_000
SUM_TOLERANCE = 0.02
REGION_LEVEL = 0.9
"""Of the region over which ``distance_region_mpc`` is averaged."""

SPHERE_DEG2 = 4 * math.pi * math.degrees(1) ** 2
_PIXELS_OF_ORDER_0 = 12

_GZIP = b"\x1f\x8b"
_FITS = b"SIMPLE  ="
_NO_FILE = (*NO_FITS, ArithmeticError, zlib.error, fits.VerifyError)

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
_Columns = tuple[Floats | None, Floats | None]


@dataclass(frozen=True, eq=False)
class SkyMap:
    """A sky map; its pixels are sorted by density, the densest first.

    Attributes
    ----------
    order, cell : int64[n]
        HEALPix order and nested index of each pixel.
    probability : float64[n]
        Probability in each pixel (not a density); sums to 1.
    distmu_mpc, distsigma_mpc : float64[n] or None
        Parameters of each pixel's distance [Mpc], some not finite; None for a map without
        distances.
    distance : Distance or None
        Of the whole map: the header's, else that of its pixels.
    """

    order: Ints
    cell: Ints
    probability: Floats
    distmu_mpc: Floats | None
    distsigma_mpc: Floats | None
    distance: Distance | None

    @classmethod
    def from_fits(cls, content: bytes) -> "SkyMap":
        """Return the map that a FITS file holds.

        Parameters
        ----------
        content : bytes
            Multi-order (``UNIQ``, ``PROBDENSITY``) or flat (``PROB``) HEALPix table, gzipped or
            not; 3D with ``DISTMU`` and ``DISTSIGMA``.

        Raises
        ------
        SkyMapError
            If it is none, or too large, if pixels overlap, if a probability is negative or not
            finite, or if they sum to something else than 1.
        """
        content = _unpacked(content)
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # headers break the standard in small things
                read = _read(content)
        except SkyMapError:
            raise
        except _NO_FILE as error:
            raise SkyMapError(f"it is no HEALPix FITS file: {short(error)}") from None
        return _ranked(*read)

    def area_deg2(self, credible_level: float) -> float:
        """Return the area of the smallest region that holds that much probability.

        Parameters
        ----------
        credible_level : float
            0 to 1.

        Returns
        -------
        float
            Area [deg²].

        Notes
        -----
        Densest pixels first, those before the level is reached, the densest in any case;
        arXiv:1508.03634.
        """
        return float(np.sum(_area_deg2(self.order[: self._count(credible_level)])))

    @property
    def distance_mpc(self) -> float | None:
        """Return the distance [Mpc]; None for a map without."""
        return self.distance.mean_mpc if self.distance else None

    @property
    def distance_std_mpc(self) -> float | None:
        """Return the distance's standard deviation [Mpc]."""
        return self.distance.std_mpc if self.distance else None

    @cached_property
    def region_distance(self) -> Distance | None:
        """Return the plain mean of ``DISTMU`` and ``DISTSIGMA`` in the 90 % region.

        It is what GRANDMA shows; it is biased low, as DISTMU is no mean distance.
        """
        if self.distmu_mpc is None or self.distsigma_mpc is None:
            return None
        count = self._count(REGION_LEVEL)
        mu, sigma = self.distmu_mpc[:count], self.distsigma_mpc[:count]
        is_finite = np.isfinite(mu) & np.isfinite(sigma)
        if not is_finite.any():
            return None
        return Distance(float(mu[is_finite].mean()), float(sigma[is_finite].mean()))

    @property
    def distance_region_mpc(self) -> float | None:
        """Return the mean of ``region_distance`` [Mpc]."""
        return self.region_distance.mean_mpc if self.region_distance else None

    @cached_property
    def peak(self) -> tuple[float, float]:
        """Return right ascension and declination [deg, ICRS] of the densest pixel's centre."""
        ra, dec = hpgeom.pixel_to_angle(1 << int(self.order[0]), int(self.cell[0]), nest=True)
        return float(ra), float(dec)

    def centres(self, credible_level: float) -> tuple[Floats, Floats]:
        """Return right ascension and declination [deg, ICRS] of a region's pixels."""
        count = self._count(credible_level)
        nside = np.int64(1) << self.order[:count]
        ra, dec = hpgeom.pixel_to_angle(nside, self.cell[:count], nest=True)
        return ra, dec

    def region_moc(self, credible_level: float) -> dict[str, list[int]]:
        """Return the region of a credible level as a MOC: cells by order, as in its JSON form.

        Parameters
        ----------
        credible_level : float
            0 to 1; the region has exactly ``area_deg2`` of it.
        """
        from mocpy import MOC  # noqa: PLC0415 a second, which cards and pages need not pay

        count = self._count(credible_level)
        moc = MOC.from_healpix_cells(
            self.cell[:count].astype(np.uint64),
            self.order[:count].astype(np.uint8),
            int(self.order.max()),
        )
        found: dict[str, list[int]] = moc.serialize(format="json")
        return found

    @cached_property
    def _cumulative(self) -> Floats:
        return np.cumsum(self.probability)

    def _count(self, credible_level: float) -> int:
        """Return how many pixels are of a region: one at least, as none holds no probability."""
        count = int(np.searchsorted(self._cumulative, credible_level))
        return max(count, 1) if credible_level > 0 else 0


def _unpacked(content: bytes) -> bytes:
    """Return the bytes of a FITS file, which may be gzipped; astropy would unpack more forms."""
    if content.startswith(_GZIP):
        try:
            content = zlib.decompressobj(wbits=31).decompress(content, MAX_FITS_BYTES + 1)
        except zlib.error as error:
            raise SkyMapError(f"it is no gzip file: {error}") from None
    if len(content) > MAX_FITS_BYTES:
        raise SkyMapError(f"it has more than {MAX_FITS_BYTES} bytes")
    if not content.startswith(_FITS):
        raise SkyMapError("it is no FITS file")
    return content


def _read(content: bytes) -> tuple[Ints, Ints, Floats, _Columns, Distance | None]:
    """Return order, cell, probability, distance columns and header distance of a file."""
    with fits.open(BytesIO(content), memmap=False) as file:
        table = table_of(file)
        _check_size(table.header, len(content))
        order, cell, probability = pixels(table.header, table.data)
        columns = _column(table.data, "DISTMU"), _column(table.data, "DISTSIGMA")
        return order, cell, probability, columns, header_distance(table.header)


def _check_size(header: Any, size_bytes: int) -> None:
    """Refuse a table that declares more than there is, before memory is taken for it."""
    rows, width = int(header["NAXIS2"]), int(header["NAXIS1"])
    if rows > MAX_ROWS or rows * width > size_bytes:
        raise SkyMapError(f"it declares {rows} rows of {width} bytes in {size_bytes} bytes")


def _column(rows: Any, name: str) -> Floats | None:
    names = {each.upper(): each for each in rows.columns.names}
    return np.asarray(rows[names[name]], np.float64).ravel() if name in names else None


def _normalized(probability: Floats) -> Floats:
    if len(probability) > MAX_ROWS:
        raise SkyMapError(f"it has {len(probability)} pixels; at most {MAX_ROWS}")
    if not np.isfinite(probability).all() or (probability < 0).any():
        raise SkyMapError("a probability is negative or not finite")
    total = float(probability.sum())
    if abs(total - 1) > SUM_TOLERANCE:
        raise SkyMapError(f"its probabilities sum to {total:.4f}, not to 1")
    return probability / total


def _ranked(
    order: Ints, cell: Ints, probability: Floats, columns: _Columns, of_header: Distance | None
) -> SkyMap:
    probability = _normalized(probability)
    _check_overlap(order, cell)
    ranked = np.argsort(-(probability * 4.0**order), kind="stable")
    mu, sigma = (None if each is None else each[ranked] for each in columns)
    probability = probability[ranked]
    distance = of_header or marginal_distance(probability, mu, sigma)
    return SkyMap(order[ranked], cell[ranked], probability, mu, sigma, distance)


def _check_overlap(order: Ints, cell: Ints) -> None:
    shift = 2 * (HPX_ORDER - order)
    first = cell << shift
    along = np.argsort(first)
    last = (first + (np.int64(1) << shift))[along]
    if (last[:-1] > first[along][1:]).any():
        raise SkyMapError("its pixels overlap")


def _area_deg2(order: Ints) -> Floats:
    return np.asarray(SPHERE_DEG2 / (_PIXELS_OF_ORDER_0 * 4.0**order), np.float64)
