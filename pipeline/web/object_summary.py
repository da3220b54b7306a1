"""First, last and brightest detection in each band."""

from collections.abc import Sequence
from typing import Any, NamedTuple

from pipeline.plots import utc

ORDER = "ugrizyjhk"


class Seen(NamedTuple):
    """One detection: when, and how bright."""

    time: Any
    abmag: float


class BandSummary(NamedTuple):
    """What is known of one band."""

    band: str
    detections: int
    first: Seen
    last: Seen
    peak: Seen


def band_summary(rows: Sequence[dict[str, Any]]) -> list[BandSummary]:
    """Return each band with detections, blue first; ``rows`` are those of ``photometry_rows``."""
    by_band: dict[str, list[dict[str, Any]]] = {}
    for row in rows:
        if row["source"] == "alert" and row["mag"] is not None:
            by_band.setdefault(row["band"], []).append(row)
    return [
        BandSummary(
            band,
            len(found),
            _seen(found[0]),
            _seen(found[-1]),
            _seen(min(found, key=lambda row: row["mag"])),
        )
        for band, found in sorted(by_band.items(), key=lambda item: ORDER.find(item[0]))
    ]


def _seen(row: dict[str, Any]) -> Seen:
    return Seen(utc(row["jd"]), row["mag"])
