"""Whether a published message says what its packet said: fastavro and plain Python alone.

Features of light curves depend on what other alerts of the object had come before; they are not
judged here but by the comparison with the naive baseline, whose objects have one alert each.
"""

import io
import math
from bisect import bisect_left
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import fastavro
from numpy.typing import NDArray

from tests import decode_oracle, oracle
from tests.bench.expected import Beside

Record = dict[str, Any]
Point = tuple[Any, ...]

SAME_JD_D = 2e-9
SAME = 1e-6
SERIES = {"prv_candidates": 0, "prv_nondetections": 1, "fp_hists": 2}
POINT_FIELDS = (
    ("jd", "psfFlux", "psfFluxErr", "band", "ra", "dec"),
    ("jd", "psfFluxErr", "band"),
    ("jd", "psfFlux", "psfFluxErr", "band"),
)


@dataclass(frozen=True)
class Witness:
    """What is known of one alert apart from the system's own word.

    Attributes
    ----------
    survey, object_id : str
        Of the alert.
    record : dict
        Its packet, as fastavro reads it.
    beside : Beside
        What lies around it.
    stored : sequence
        Points of its object from before the run, by series, packed.
    others : sequence of dict
        Packets of the object's other alerts; their points may have come before.
    """

    survey: str
    object_id: str
    record: Record
    beside: Beside
    stored: Sequence[NDArray[Any]]
    others: Sequence[Record]


def differences(value: bytes, witness: Witness) -> list[str]:
    """Return what a message says otherwise than its packet and the rules."""
    found = next(fastavro.reader(io.BytesIO(value)))
    candid = found["candid"]
    wrong = [
        f"{candid}: {name} is {found[name]!r}, wanted {wanted!r}"
        for name, wanted in (("candid", _candid(witness)), ("objectId", witness.object_id))
        if found[name] != wanted
    ]
    wrong += _candidate_differences(found["candidate"], witness)
    wrong += _property_differences(found["properties"], witness)
    for name, series in SERIES.items():
        if name in found:
            wrong += _point_differences(name, found[name], series, witness)
    wrong += _match_differences(found["survey_matches"], witness)
    return [text if text.startswith(str(candid)) else f"{candid}: {text}" for text in wrong]


def is_same(found: Any, wanted: Any) -> bool:
    """Return whether two values are one, floats to six digits; NaN on the wire is none."""
    if isinstance(found, float) and math.isnan(found):
        return wanted is None
    if isinstance(found, float) and isinstance(wanted, int | float):
        return math.isclose(found, wanted, rel_tol=SAME, abs_tol=0.0)
    return bool(found == wanted)


def _candid(witness: Witness) -> int:
    if witness.survey == "ztf":
        return int(witness.record["candid"])
    return int(witness.record["diaSource"]["diaSourceId"])


_CANDIDATE: dict[str, Callable[[Record, list[str]], Record]] = {
    "ztf": decode_oracle.ztf_candidate,
    "lsst": decode_oracle.lsst_candidate,
}
_POINTS: dict[str, Callable[[Record], Sequence[list[Point]]]] = {
    "ztf": decode_oracle.ztf_points,
    "lsst": decode_oracle.lsst_points,
}


def _candidate_differences(found: Record, witness: Witness) -> list[str]:
    wanted = _CANDIDATE[witness.survey](witness.record, list(found))
    band = wanted["band"]
    wanted["band"] = None if band is None else decode_oracle.BANDS[band]
    return [
        f"candidate.{name} is {value!r}, wanted {wanted[name]!r}"
        for name, value in found.items()
        if not is_same(value, wanted[name])
    ]


def _property_differences(found: Record, witness: Witness) -> list[str]:
    if witness.survey == "ztf":
        candidate = witness.record["candidate"]
        wanted = {
            "rock": oracle.ztf_rock(candidate),
            "star": oracle.ztf_star(candidate),
            "near_brightstar": oracle.ztf_near_brightstar(candidate),
        }
    else:
        wanted = _lsst_properties(witness)
    return [
        f"properties.{name} is {found[name]!r}, wanted {value!r}"
        for name, value in wanted.items()
        if found[name] != value
    ]


def _lsst_properties(witness: Witness) -> Record:
    rows = witness.beside.point_sources
    is_known = bool(rows) or witness.beside.is_inside
    star = any(separation <= 1 and score > 0.5 for separation, score, _ in rows)
    bright = any(
        separation <= 20 and score > 0.5 and 0 < mag <= 15 for separation, score, mag in rows
    )
    return {
        "rock": bool(witness.record["diaSource"]["ssObjectId"]),
        "star": star if is_known else None,
        "near_brightstar": bright if is_known else None,
    }


def _point_differences(name: str, found: list[Record], series: int, witness: Witness) -> list[str]:
    required = [*_stored(witness, series), *_points(witness, witness.record, series)]
    said = [point for other in witness.others for point in _points(witness, other, series)]
    possible = sorted(required + said, key=_time)
    given = [tuple(row.get(field) for field in POINT_FIELDS[series]) for row in found]
    wrong = []
    band_at = POINT_FIELDS[series].index("band")
    if given != sorted(given, key=lambda p: (p[0], decode_oracle.BANDS.index(p[band_at]))):
        wrong.append(f"{name} is not sorted")
    keys = [(point[0], point[band_at]) for point in given]
    if len(set(keys)) != len(keys):
        wrong.append(f"{name} holds a point twice")
    ordered = sorted(given, key=_time)
    wrong += [
        f"{name} lacks the point at {point[0]}"
        for point in required
        if not _candidates(point, ordered, band_at)
    ]
    return wrong + [
        f"{name} holds {point}, which no packet said"
        for point in given
        if not any(_is_same_point(point, one) for one in _candidates(point, possible, band_at))
    ]


def _is_same_point(one: Point, other: Point) -> bool:
    """Return whether two points of one time and band agree in everything else."""
    return all(is_same(value, wanted) for value, wanted in zip(one[1:], other[1:], strict=True))


def _time(point: Point) -> float:
    return float(point[0])


def _candidates(point: Point, among: Sequence[Point], band_at: int) -> list[Point]:
    """Return the points of ``among``, sorted by time, with this time and band."""
    at = bisect_left(among, point[0] - SAME_JD_D, key=_time)
    found = []
    while at < len(among) and among[at][0] <= point[0] + SAME_JD_D:
        if among[at][band_at] == point[band_at]:
            found.append(among[at])
        at += 1
    return found


def _points(witness: Witness, record: Record, series: int) -> list[Point]:
    """Return a packet's usable points of one series in the order of POINT_FIELDS."""
    found = []
    for point in _POINTS[witness.survey](record)[series]:
        named = _named(series, point)
        flux = named.get("psfFlux", 1.0)
        is_usable = named["psfFluxErr"] > 0 and math.isfinite(named["psfFluxErr"])
        if is_usable and (flux != 0 or series == 2):
            found.append(tuple(named[field] for field in POINT_FIELDS[series]))
    return found


def _stored(witness: Witness, series: int) -> list[Point]:
    rows = witness.stored[series] if series < len(witness.stored) else ()
    return [
        tuple(_named(series, row)[field] for field in POINT_FIELDS[series])
        for row in (one.tolist() for one in rows)
    ]


def _named(series: int, point: Point) -> Record:
    """Return a point of the wire's order by field; the band's symbol, null flux as None."""
    if series == 0:
        jd, flux, error, band, ra, dec = point
        return {
            "jd": jd, "psfFlux": flux, "psfFluxErr": error, "band": _band(band), "ra": ra, "dec": dec,
        }  # fmt: skip
    if series == 1:
        jd, error, band = point
        return {"jd": jd, "psfFluxErr": error, "band": _band(band)}
    jd, has_flux, flux, error, band = point
    return {
        "jd": jd,
        "psfFlux": flux if has_flux else None,
        "psfFluxErr": error,
        "band": _band(band),
    }


def _band(doubled: int) -> str:
    return decode_oracle.BANDS[doubled // 2]


def _match_differences(found: Record, witness: Witness) -> list[str]:
    other = {"ztf": "lsst", "lsst": "ztf"}[witness.survey]
    wrong = []
    if found[witness.survey] is not None:
        wrong.append("survey_matches names its own survey")
    name = None if found[other] is None else found[other]["objectId"]
    if name != witness.beside.match:
        wrong.append(f"survey_matches.{other} is {name}, wanted {witness.beside.match}")
    return wrong
