"""The columnar batch that one range of packets becomes; everything after decoding works on it.

A batch holds arrays with one element per alert, and child tables of photometry with one row per
point. Photometry is kept in the very bytes that Postgres stores and the output message carries, so
that a light curve is never re-encoded.
"""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from itertools import chain
from typing import Any

import numpy as np
from numpy.typing import NDArray

from broker.kafka_types import Packet

BANDS = ("g", "r", "i", "z", "y", "u", "j", "h", "k")
"""Symbols of the output schema's enum ``Band``, in its order."""

DETECTION = np.dtype(
    [
        ("jd_utc", "<f8"),
        ("flux", "<f8"),
        ("flux_err", "<f8"),
        ("band", "u1"),
        ("ra_deg", "<f8"),
        ("dec_deg", "<f8"),
    ]
)
"""AlertPhotometry on the wire, 41 bytes; ``band`` is twice the index in BANDS (zigzag varint)."""

LIMIT = np.dtype([("jd_utc", "<f8"), ("flux_err", "<f8"), ("band", "u1")])
"""NonDetectionPhotometry on the wire, 17 bytes."""

FORCED = np.dtype(
    [("jd_utc", "<f8"), ("has_flux", "u1"), ("flux", "<f8"), ("flux_err", "<f8"), ("band", "u1")]
)
"""ForcedPhotometry as stored, 26 bytes; ``has_flux`` is 2, or 0 with a flux of zero bytes that the
wire leaves out."""

SERIES = (DETECTION, LIMIT, FORCED)
"""Packed forms by ``light_curves.series``."""

FLUX_ZERO_POINT_ABMAG = {"ztf": 23.9 + 22.5, "lsst": 31.4}
"""AB magnitude of a wire flux of 1: ZTF goes out as 10⁹ × 10^(−0.4 (m − 23.9)), LSST in nJy."""


@dataclass(frozen=True)
class Rejected:
    """A packet that cannot become an alert."""

    packet: Packet
    reason: str
    message: str
    traceback: str | None = None


@dataclass(frozen=True, slots=True)
class Column:
    """One field of the output candidate.

    ``values`` is float64 (NaN where not valid), int64 (0), bool (False) or object (None); ``valid``
    is false where the packet has null, a sentinel, NaN, or no such field.
    """

    values: NDArray[Any]
    valid: NDArray[np.bool_]

    def filled(self, value: float) -> NDArray[Any]:
        """Return the values with ``value`` where there is none."""
        return np.where(self.valid, self.values, value)

    def take(self, index: NDArray[np.int64]) -> "Column":
        """Return the elements at ``index``."""
        return Column(self.values[index], self.valid[index])


@dataclass(frozen=True)
class Points:
    """Rows of a batch's alerts: ``parent`` is the alert's position, ``rows`` its packed point."""

    parent: NDArray[np.int64]
    rows: NDArray[Any]

    def take(self, index: NDArray[np.int64], size: int) -> "Points":
        """Return the points of the alerts at ``index`` of a batch of ``size``, renumbered."""
        position = np.full(size, -1, np.int64)
        position[index] = np.arange(len(index))
        parent = position[self.parent]
        keep = parent >= 0
        return Points(parent[keep], self.rows[keep])


@dataclass(frozen=True)
class Batch:
    """The alerts of one range that decoded.

    Attributes
    ----------
    survey : str
        ``ztf`` or ``lsst``.
    packets : list of Packet
        The raw messages, one per alert, in order of offset.
    candid : int64[n]
        ZTF candid or LSST diaSourceId.
    object_id : object[n]
        Output object id as text, None where the packet names no object.
    jd_utc, ra_deg, dec_deg : float64[n]
        Time (JD, UTC) and position (ICRS) of the alert; always finite.
    band : int64[n]
        Index in BANDS, −1 unknown.
    is_public : bool[n]
        ZTF programid 1; LSST all.
    score : float64[n]
        ZTF drb, LSST reliability; NaN null.
    has_cutouts : bool[n]
        At least one cutout begins like gzip or FITS.
    bad_images : int64[n]
        Cutouts whose first bytes are neither.
    candidate : dict of str to Column
        Every field of the output schema's candidate record.
    detections, limits, forced : Points
        Public photometry, the alert's own detection included; no order, duplicates allowed.
    extendedness : Points
        Rows of float64: of the alert's own source and of each earlier one, from 0, point-like, to
        1, extended. No null and no NaN, so that an alert may have none; ZTF's never have any.
    has_sssource : bool[n]
        The packet associates it with an object of the solar system, in any way.
    """

    survey: str
    packets: list[Packet]
    candid: NDArray[np.int64]
    object_id: NDArray[np.object_]
    jd_utc: NDArray[np.float64]
    ra_deg: NDArray[np.float64]
    dec_deg: NDArray[np.float64]
    band: NDArray[np.int64]
    is_public: NDArray[np.bool_]
    score: NDArray[np.float64]
    has_cutouts: NDArray[np.bool_]
    bad_images: NDArray[np.int64]
    candidate: dict[str, Column]
    detections: Points
    limits: Points
    forced: Points
    extendedness: Points
    has_sssource: NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.packets)

    def series(self) -> tuple[Points, Points, Points]:
        """Return the photometry in the order of SERIES."""
        return self.detections, self.limits, self.forced

    def take(self, index: NDArray[np.int64]) -> "Batch":
        """Return the alerts at ``index``, in that order."""
        size = len(self)
        return Batch(
            survey=self.survey,
            packets=[self.packets[i] for i in index],
            candid=self.candid[index],
            object_id=self.object_id[index],
            jd_utc=self.jd_utc[index],
            ra_deg=self.ra_deg[index],
            dec_deg=self.dec_deg[index],
            band=self.band[index],
            is_public=self.is_public[index],
            score=self.score[index],
            has_cutouts=self.has_cutouts[index],
            bad_images=self.bad_images[index],
            candidate={name: column.take(index) for name, column in self.candidate.items()},
            detections=self.detections.take(index, size),
            limits=self.limits.take(index, size),
            forced=self.forced.take(index, size),
            extendedness=self.extendedness.take(index, size),
            has_sssource=self.has_sssource[index],
        )


def join_batches(parts: Sequence[Batch]) -> Batch:
    """Return the alerts of some batches of one survey in one, part after part."""
    starts = np.cumsum([0, *map(len, parts)])

    def whole(name: str) -> Any:
        values = [getattr(part, name) for part in parts]
        if isinstance(values[0], Points):
            parents = [start + one.parent for start, one in zip(starts, values, strict=False)]
            return Points(np.concatenate(parents), np.concatenate([one.rows for one in values]))
        if isinstance(values[0], dict):
            return {each: _joined([columns[each] for columns in values]) for each in values[0]}
        if isinstance(values[0], list):
            return list(chain.from_iterable(values))
        return values[0] if isinstance(values[0], str) else np.concatenate(values)

    return Batch(**{each.name: whole(each.name) for each in fields(Batch)})


def _joined(parts: Sequence[Column]) -> Column:
    return Column(
        np.concatenate([part.values for part in parts]),
        np.concatenate([part.valid for part in parts]),
    )


@dataclass(frozen=True)
class LightCurves:
    """Stored light curves of some objects of one survey, ready for the wire.

    Attributes
    ----------
    survey : str
        Decides the flux convention (FLUX_ZERO_POINT_ABMAG).
    object_ids : int64[k]
        ``objects.id``, ascending.
    rows : tuple of structured arrays
        Points of all objects, in the order of SERIES; within an object sorted by jd, then band.
    starts : tuple of int64[k + 1]
        Object i owns ``rows[s][starts[s][i]:starts[s][i + 1]]``.
    """

    survey: str
    object_ids: NDArray[np.int64]
    rows: tuple[NDArray[Any], NDArray[Any], NDArray[Any]]
    starts: tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]

    def find(self, object_ids: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return each object's position, −1 where it has no curve here (or its id is negative)."""
        if not len(self.object_ids):
            return np.full(len(object_ids), -1, np.int64)
        at = np.searchsorted(self.object_ids, object_ids)
        at = np.minimum(at, len(self.object_ids) - 1)
        return np.where(self.object_ids[at] == object_ids, at, -1)

    def points(self, series: int, position: int) -> NDArray[Any]:
        """Return one object's points of one series; none for position −1."""
        if position < 0:
            return self.rows[series][:0]
        starts = self.starts[series]
        return self.rows[series][starts[position] : starts[position + 1]]


@dataclass(frozen=True)
class CatalogMatches:
    """Rows of one catalog near the alerts of a batch, by alert, then separation.

    Attributes
    ----------
    alert : int64[m]
        Position of the alert in the batch.
    separation_arcsec : float64[m]
        Great-circle distance.
    columns : dict of str to array[m]
        The catalog's columns; floats have NaN for null.
    """

    alert: NDArray[np.int64]
    separation_arcsec: NDArray[np.float64]
    columns: dict[str, NDArray[Any]]
