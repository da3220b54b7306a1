"""An independent reading of gates and flowcharts: plain Python over fastavro's records.

It imports nothing of ours, so that it can judge ours. One record at a time, written from the rules
as the public streams publish them. Counts over the sample packets are in GOLDEN.
"""

import io
import math
import struct
import tarfile
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import fastavro

Record = dict[str, Any]

GOLDEN = {
    "ztf container": {
        "packets": 384,
        "seed": {"stellar": 180, "hosted": 108, "hostless": 12},
        "boom": {"stellar": 188, "hosted": 105, "hostless": 7},
    },
    "ztf tar": {
        "packets": 448,
        "seed": {"stellar": 20, "hosted": 16, "hostless": 2},
        "boom": {"stellar": 20, "hosted": 17, "hostless": 1},
    },
    "rubin": {"packets": 45, "published": 35},
}
"""Real packets of the sample folder that pass the default gate, by class and preset."""


class Neighbour(NamedTuple):
    """One row of the point-source catalog beside an alert."""

    separation_arcsec: float
    score: float | None
    mag_white: float | None = None


def ztf_container(samples: Path) -> list[Record]:
    with (samples / "ztf/ztf_v4.02.avro").open("rb") as file:
        return list(fastavro.reader(file))


def ztf_tar(samples: Path) -> list[Record]:
    return [record for _, record in _tar_records(samples)]


def _tar_records(samples: Path) -> Iterator[tuple[bytes, Record]]:
    with tarfile.open(samples / "ztf/ztf_packets.tar") as tar:
        for member in tar:
            if (file := tar.extractfile(member)) is not None:
                value = file.read()
                yield value, next(iter(fastavro.reader(io.BytesIO(value))))


def rubin(samples: Path) -> list[Record]:
    with (samples / "lsst/rubin_v10_0.avro").open("rb") as file:
        return list(fastavro.reader(file))


def ztf_gate(record: Record, *, exclude_rock: bool = True, min_drb: float = 0.2) -> str | None:
    """Return why a ZTF packet is not published, None if it is."""
    candidate = record["candidate"]
    if candidate.get("programid") != 1:
        return "non_public"
    if exclude_rock and ztf_rock(candidate):
        return "rock"
    drb = candidate.get("drb")
    if (drb if _finite(drb) else 0.0) < _float32(min_drb):
        return "low_drb"
    if not record.get("objectId"):
        return "no_object_id"
    if not _finite(candidate.get("magpsf")) or not (_value(candidate.get("sigmapsf")) or 0) > 0:
        return "no_flux"
    if candidate.get("fid") not in (1, 2, 3):
        return "unknown_band"
    if any(candidate.get(name) in (None, -999.0) for name in ("ranr", "decnr")):
        return "missing_field"
    return None


def lsst_gate(
    record: Record,
    *,
    exclude_rock: bool = True,
    exclude_pixel_flags: bool = True,
    min_reliability: float = 0.0,
) -> str | None:
    """Return why an LSST packet is not published, None if it is."""
    source = record["diaSource"]
    if exclude_rock and source.get("ssObjectId"):
        return "rock"
    if exclude_pixel_flags and source.get("pixelFlags"):
        return "pixel_flags"
    reliability = source.get("reliability")
    if (reliability if _finite(reliability) else 0.0) < _float32(min_reliability):
        return "low_reliability"
    if not source.get("diaObjectId") and not source.get("ssObjectId"):
        return "no_object_id"
    flux, error = source.get("psfFlux"), source.get("psfFluxErr")
    if not _finite(flux) or flux == 0 or not _finite(error) or error <= 0:
        return "no_flux"
    if source.get("band") not in tuple("ugrizy"):
        return "unknown_band"
    return None


def ztf_rock(candidate: Record) -> bool:
    distance, magnitude = candidate.get("ssdistnr"), candidate.get("ssmagnr")
    if not _finite(distance) or not _finite(magnitude):
        return False
    return 0 <= distance < 12 and magnitude >= 0


def ztf_star(candidate: Record) -> bool:
    score = _value(candidate.get("sgscore1"))
    distance = _value(candidate.get("distpsnr1"))
    if score is None or distance is None:
        return False
    if score > _float32(0.76) and distance <= 2:
        return True
    if not (score > _float32(0.2) and distance <= 1):
        return False
    red = _value(candidate.get("srmag1"))
    if not red:
        return False
    for name in ("szmag1", "simag1"):
        other = _value(candidate.get(name))
        if other and red - other > 3:
            return True
    return False


def ztf_near_brightstar(candidate: Record) -> bool:
    distance = _value(candidate.get("neargaiabright"))
    magnitude = _value(candidate.get("maggaiabright"))
    if distance is not None and distance <= 20 and magnitude and magnitude <= 12:
        return True
    for n in "123":
        score = _value(candidate.get(f"sgscore{n}"))
        distance = _value(candidate.get(f"distpsnr{n}"))
        red = _value(candidate.get(f"srmag{n}"))
        if score is None or distance is None or not red:
            continue
        if score > _float32(0.49) and distance <= 20 and red <= 15:
            return True
    distance = _value(candidate.get("distpsnr1"))
    if candidate.get("sgscore1") != 0.5 or distance is None or distance >= 0.5:
        return False
    magnitudes = [_value(candidate.get(name)) for name in ("sgmag1", "srmag1", "simag1")]
    return any(m and m < 17 for m in magnitudes)


def ztf_class(candidate: Record, preset: str = "seed") -> str:
    """Return the class of a ZTF candidate by the published flowchart, or with BOOM's changes."""
    if ztf_star(candidate) or (preset == "boom" and ztf_near_brightstar(candidate)):
        return "stellar"
    for n in "123":
        score = _value(candidate.get(f"sgscore{n}"))
        if score is not None and (score < 0.5 or (preset == "boom" and score == 0.5)):
            return "hosted"
    return "hostless"


def lsst_class(rows: Sequence[Neighbour], *, is_inside: bool, preset: str = "seed") -> str:
    """Return the class of an LSST alert from the catalog rows around it."""
    near = sorted(
        (row for row in rows if row.separation_arcsec <= 30 and row.score is not None),
        key=lambda row: row.separation_arcsec,
    )
    if preset == "boom":
        near = near[:3]
    if not near:
        return "hostless" if is_inside else "unknown"
    for row in near:
        if row.separation_arcsec <= 1 and row.score > 0.5:
            return "stellar"
        is_bright = row.mag_white is not None and 0 < row.mag_white <= 15
        if preset == "boom" and row.separation_arcsec <= 20 and row.score > 0.5 and is_bright:
            return "stellar"
    for row in near:
        if row.score < 0.5 or (preset == "boom" and row.score == 0.5):
            return "hosted"
    return "hostless"


def ztf_counts(records: Sequence[Record], preset: str = "seed") -> Counter[str]:
    """Count the published records by class."""
    return Counter(
        ztf_class(record["candidate"], preset) for record in records if ztf_gate(record) is None
    )


def _value(number: Any) -> float | None:
    """Return a number, None where it is none: null, NaN, negative sentinel."""
    return number if _finite(number) and number >= 0 else None


def _finite(number: Any) -> bool:
    return number is not None and math.isfinite(number)


def _float32(number: float) -> float:
    """Return the threshold as packets would carry it."""
    return struct.unpack("<f", struct.pack("<f", number))[0]
