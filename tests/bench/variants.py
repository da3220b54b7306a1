"""New packets of templates: with ids, times and places of their own.

A packet keeps the header of its template, byte for byte, and so its generation's schema.
"""

import io
import math
from functools import cache
from typing import Any

import fastavro
import numpy as np
from astropy.io import fits

from tests.bench import templates
from tests.bench.profiles import SEED
from tests.bench.templates import Template

BASE_JD_UTC = 2461365.7
"""Night of 20 November 2026 at both observatories."""
BASE_MJD_TAI = 61365.2 + 37 / 86400
STEP_D = 1e-6
FIRST_ID = {"ztf": 3_100_000_000_000_000_000, "lsst": 1_700_000_000_000_000_000}
FIRST_OBJECT = {"ztf": 0, "lsst": 1_600_000_000_000_000_000}
FIRST_SSO = 21_000_000_000_000_000
DRAWS = {"ztf": 4, "lsst": 5}
"""Of the seed's streams of random numbers, those for packets."""
SHARES = {
    "ztf": {"non_public": 0.03, "rock": 0.08, "low_drb": 0.10},
    "lsst": {"rock": 0.08, "pixel_flags": 0.10},
}
GOOD_DRB = 0.9
FITS_BLOCK_BYTES = 2880
MAX_FORCED = 30
HISTORY_LSST = ("prvDiaSources", "prvDiaForcedSources")
CUTOUTS_LSST = ("cutoutDifference", "cutoutScience", "cutoutTemplate")


def object_name(survey: str, number: int) -> str:
    """Return the id of one of the run's objects."""
    if survey == "lsst":
        return str(FIRST_OBJECT["lsst"] + number)
    letters = ""
    for _ in range(7):
        number, digit = divmod(number, 26)
        letters = chr(ord("a") + digit) + letters
    return f"ZTF26{letters}"


def ztf(at: int, number: int, ra: float, dec: float) -> bytes:
    """Return ZTF's packet ``at`` of the run, of its object ``number`` [ra, dec in deg]."""
    kind, template = _drawn("ztf", at)
    record = dict(template.record)
    jd = BASE_JD_UTC + at * STEP_D
    shift = jd - record["candidate"]["jd"]
    candid = FIRST_ID["ztf"] + at
    candidate = {
        **record["candidate"],
        "candid": candid,
        "jd": jd,
        "ra": ra,
        "dec": dec,
        "programid": 2 if kind == "non_public" else 1,
        "ssdistnr": 3.0 if kind == "rock" else -999.0,
        "ssmagnr": 18.0 if kind == "rock" else -999.0,
        "drb": 0.05 if kind == "low_drb" else GOOD_DRB,
    }
    previous = record.get("prv_candidates")
    record |= {
        "objectId": object_name("ztf", number),
        "candid": candid,
        "candidate": candidate,
        "prv_candidates": previous and [_ztf_row(row, shift, ra, dec) for row in previous],
    }
    if (form := _forced_fields(template)) is not None:
        record["fp_hists"] = _forced(record, form, shift)
    return _packed_container(template, record)


def _ztf_row(row: dict[str, Any], shift: float, ra: float, dec: float) -> dict[str, Any]:
    moved = {**row, "jd": row["jd"] + shift}
    if row.get("ra") is not None:
        moved |= {"ra": ra, "dec": dec}
    return moved


def _forced(record: dict[str, Any], form: dict[str, Any], shift: float) -> list[dict[str, Any]]:
    """Return the packet's forced photometry; where its broker dropped it, one row per visit."""
    if record.get("fp_hists"):
        return [{**row, "jd": row["jd"] + shift} for row in record["fp_hists"]]
    return [
        {
            **form,
            "jd": row["jd"] + 1e-4,
            "fid": row["fid"],
            "programid": 1,
            "magzpsci": 26.25,
            "forcediffimflux": 40.0 + 7 * i,
            "forcediffimfluxunc": 9.5,
            "procstatus": "0",
        }
        for i, row in enumerate((record["prv_candidates"] or [])[-MAX_FORCED:])
    ]


def _forced_fields(template: Template) -> dict[str, Any] | None:
    """Return a forced row with a plain value in each field, None where the schema has none."""
    if template.head not in _FORM:
        _FORM[template.head] = _plain_forced(template.schema)
    return _FORM[template.head]


_FORM: dict[bytes, dict[str, Any] | None] = {}


def _plain_forced(schema: Any) -> dict[str, Any] | None:
    for field in schema["fields"]:
        if field["name"] == "fp_hists":
            array = next(part for part in field["type"] if isinstance(part, dict))
            return {
                one["name"]: None if isinstance(one["type"], list) else _ZERO[one["type"]]
                for one in array["items"]["fields"]
            }
    return None


_ZERO = {"int": 1, "long": 1, "float": 1.0, "double": 1.0, "string": "x"}


def lsst(at: int, number: int, ra: float, dec: float, *, cutout_bytes: int = 0) -> bytes:
    """Return LSST's packet ``at`` of the run, of its object ``number`` [ra, dec in deg].

    With ``cutout_bytes`` it has no history, and three plain FITS cutouts of this size each.
    """
    kind, template = _drawn("lsst", at)
    record = dict(template.record)
    if cutout_bytes:
        record |= dict.fromkeys(HISTORY_LSST) | dict.fromkeys(CUTOUTS_LSST, _fits(cutout_bytes))
    mjd = BASE_MJD_TAI + at * STEP_D
    shift = mjd - record["diaSource"]["midpointMjdTai"]
    source_id = FIRST_ID["lsst"] + at
    object_id = FIRST_OBJECT["lsst"] + number
    is_rock = kind == "rock"
    record["diaSourceId"] = source_id
    record["diaSource"] = {
        **record["diaSource"],
        "diaSourceId": source_id,
        "diaObjectId": 0 if is_rock else object_id,
        "ssObjectId": FIRST_SSO + at if is_rock else 0,
        "midpointMjdTai": mjd,
        "ra": ra,
        "dec": dec,
        "pixelFlags": kind == "pixel_flags",
    }
    if record.get("diaObject") is not None:
        record["diaObject"] = {**record["diaObject"], "diaObjectId": object_id}
    for name in HISTORY_LSST:
        rows = record.get(name)
        record[name] = rows and [
            {**row, "midpointMjdTai": row["midpointMjdTai"] + shift, "ra": ra, "dec": dec}
            for row in rows
        ]
    stream = io.BytesIO()
    fastavro.schemaless_writer(stream, template.schema, record)
    return template.head + stream.getvalue()


@cache
def _fits(size: int) -> bytes:
    """Return a plain FITS file of one square image, as large as fits into ``size`` bytes."""
    side = math.isqrt((size - FITS_BLOCK_BYTES) // 4)
    image = np.random.default_rng(SEED).normal(0, 1, (side, side)).astype(np.float32)
    stream = io.BytesIO()
    fits.PrimaryHDU(image).writeto(stream)
    return stream.getvalue()


def _drawn(survey: str, at: int) -> tuple[str, Template]:
    """Return the kind of packet ``at``, and the template that it is made of."""
    rng = np.random.default_rng([SEED, DRAWS[survey], at])
    kind = _kind(survey, rng)
    return kind, _chosen(survey, rng, kind)


def _kind(survey: str, rng: np.random.Generator) -> str:
    drawn = rng.random()
    for kind, share in SHARES[survey].items():
        if drawn < share:
            return kind
        drawn -= share
    return "good"


def _chosen(survey: str, rng: np.random.Generator, kind: str) -> Template:
    """Return a template that can be of this kind.

    Packets older than the deep score have none and are all stopped by that gate: they make up its
    share, so that every generation is decoded and the mix is still the night's.
    """
    _, every = templates.of_survey(survey)
    if survey == "lsst":
        fitting = [one for one in every if one.is_rock == (kind == "rock")]
    else:
        fitting = [one for one in every if one.has_drb != (kind == "low_drb")]
    fitting = fitting or every
    return fitting[int(rng.integers(len(fitting)))]


def _packed_container(template: Template, record: dict[str, Any]) -> bytes:
    stream = io.BytesIO()
    fastavro.schemaless_writer(stream, template.schema, record)
    datum = stream.getvalue()
    return b"".join((template.head, _zigzag(1), _zigzag(len(datum)), datum, template.tail))


def _zigzag(value: int) -> bytes:
    rest, found = value << 1, bytearray()
    while rest > 0x7F:
        found.append(rest & 0x7F | 0x80)
        rest >>= 7
    found.append(rest)
    return bytes(found)
