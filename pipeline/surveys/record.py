"""What Nightjar must know of a survey to carry its alerts."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from broker.avro_schema import WriterSchema
from broker.kafka_types import Packet
from pipeline.alerts.batch import Batch, Rejected

_UNIX_EPOCH_JD_UTC = 2440587.5
_HALF_DAY = timedelta(hours=12)


@dataclass(frozen=True)
class Survey:
    """One survey: how its packets are read and what its public topics are.

    Attributes
    ----------
    name : str
        As in topic names, lower case.
    output_schema : str
        File in ``pipeline/schemas`` that its messages are written with.
    decode : callable
        Packets to a batch, and what could not be read; never raises for a bad packet.
    dec_range_deg : tuple of two floats
        Declinations where it finds objects, inclusive.
    position_error_arcsec : float
        How far two detections of one object may lie apart.
    night_utc_offset_h : int
        Local standard time at the observatory; a night runs from local noon to noon.
    has_limits : bool
        Whether its messages carry non-detections.
    is_wholly_public : bool
        Whether everybody may read every packet, with all that is in it.
    read : callable
        One packet to its whole record, cutouts included; raises UnreadableError.
    split : callable
        One packet to its writer schema and the bytes of its record; raises as ``read``.
    ids_zero : date
        UTC date at whose beginning its alert ids (ZTF's candid, LSST's diaSourceId) would be 0.
    ids_per_day : int
        By how much they are higher a day later.
    """

    name: str
    output_schema: str
    decode: Callable[[Sequence[Packet]], tuple[Batch, list[Rejected]]]
    dec_range_deg: tuple[float, float]
    position_error_arcsec: float
    night_utc_offset_h: int
    has_limits: bool
    is_wholly_public: bool
    read: Callable[[bytes], dict[str, Any]]
    split: Callable[[bytes], tuple[WriterSchema, bytes]]
    ids_zero: date
    ids_per_day: int

    def night(self, at: datetime) -> date:
        """Return the night of ``at`` (aware), named by its starting date."""
        local = at + timedelta(hours=self.night_utc_offset_h)
        return (local.replace(tzinfo=None) - _HALF_DAY).date()

    def night_of_jd(self, jd_utc: float) -> date:
        """Return the night of ``jd_utc``, named by its starting date."""
        return date(1970, 1, 1) + timedelta(days=self.night_number(jd_utc))

    def night_number(self, jd_utc: Any) -> Any:
        """Return the number of the night of a time or an array of them [d since 1970-01-01]."""
        return (jd_utc - _UNIX_EPOCH_JD_UTC + self.night_utc_offset_h / 24 - 0.5) // 1

    def begin_jd(self, night: date) -> float:
        """Return when a night begins, at local noon [JD, UTC]."""
        days = (night - date(1970, 1, 1)).days
        return days + _UNIX_EPOCH_JD_UTC - self.night_utc_offset_h / 24 + 0.5
